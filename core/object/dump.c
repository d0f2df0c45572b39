/* SPDX-License-Identifier: Apache-2.0 */
/* A program object as text for people. */
#include "object_format.h"

#include <string.h>

#include "base/str.h"
#include "disasm.h"
#include "types.h"

enum { DUMP_TYPES_MAX = 64 << 20 };	/* bytes after which types are only named */

/* text from the outside: control characters would reach the terminal */
static void add_safe(struct buf *out, const char *s)
{
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n) {
		const unsigned char *c = (const unsigned char *)s;

		n = str_utf8_len(s, left);
		if (n == 0 || *c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) {
			n = 1;
			buf_addf(out, "\\x%02x", *c);
		} else {
			buf_add(out, s, n);
		}
	}
}

static void dump_row(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(out, "%-15s ", key);
	add_safe(out, value);
	buf_addc(out, '\n');
}

static void dump_header(const struct object *obj, struct buf *out)
{
	uint32_t v = obj->kern_version;
	size_t i;

	buf_addf(out, "%-15s %d\n", "format", OBJECT_FORMAT);
	dump_row(out, "license", obj->license);
	buf_addf(out, "%-15s %u.%u.%u\n", "kernel version", v >> 16, v >> 8 & 0xff, v & 0xff);
	dump_row(out, "source", obj->source_name);
	for (i = 0; i < obj->n_facts; i++)
		dump_row(out, obj->facts[i].key, obj->facts[i].value);
	for (i = 0; i < obj->n_params; i++)
		buf_addf(out, "%-15s %s%s\n", "parameter", obj->params[i].name,
			obj->params[i].optional ? " (may be absent)" : "");
}

/* ---- maps ---- */

static void add_indented(struct buf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		buf_adds(out, "\t  ");
		buf_add(out, text, n);
		buf_addc(out, '\n');
		text += n + (text[n] == '\n');
	}
}

static void dump_type(const struct object *obj, const char *what, uint32_t id, struct buf *out)
{
	struct buf text = BUF_INIT;

	if (!id)
		return;
	buf_addf(out, "\t%s: ", what);
	types_name(obj->types, id, out);
	buf_addc(out, '\n');
	if (types_is_declared(obj->types, id) && out->len < DUMP_TYPES_MAX) {
		types_declare(obj->types, id, &text);
		add_indented(out, text.data);
	}
	buf_release(&text);
}

/* the parameter that belongs there, or NULL */
static const struct object_patch *find_patch(const struct object *obj, bool map, size_t at,
	uint32_t insn)
{
	size_t i;

	for (i = 0; i < obj->n_patches; i++) {
		const struct object_patch *p = &obj->patches[i];

		if ((p->kind == PATCH_ENTRIES) == map && p->at == at && p->insn == insn)
			return p;
	}
	return NULL;
}

static void dump_map(const struct object *obj, size_t i, struct buf *out)
{
	static const char *const roles[] = {
		[MAP_PLAIN] = "", [MAP_EVENTS] = ", events", [MAP_LOSSES] = ", losses",
	};
	const struct object_map *m = &obj->maps[i];

	const struct object_patch *size = find_patch(obj, true, i, 0);

	buf_addf(out, "\nmap %zu %s: %s, key %u, value %u, ", i, m->name,
		map_type_name(m->type), m->key_size, m->value_size);
	if (size)
		buf_addf(out, "%s entries", obj->params[size->param].name);
	else
		buf_addf(out, "%u entries", m->max_entries);
	if (m->flags)
		buf_addf(out, ", flags 0x%x", m->flags);
	if (m->inner >= 0)
		buf_addf(out, ", of maps like %s", obj->maps[m->inner].name);
	buf_addf(out, "%s\n", roles[m->role]);
	dump_type(obj, "key", m->key_type, out);
	dump_type(obj, m->role == MAP_EVENTS ? "event" : "value", m->value_type, out);
}

/* ---- programs ---- */

/* the margin has the script's line wherever another one begins */
static void dump_margin(const struct object_program *prog, uint32_t insn, uint32_t *line,
	struct buf *out)
{
	const struct object_line *l = object_program_line(prog, insn);

	if (l && l->line != *line)
		buf_addf(out, "%6u ", l->line);
	else
		buf_addf(out, "%6s ", "");
	if (l)
		*line = l->line;
	buf_addf(out, "%6u: ", insn);
}

static void dump_insns(const struct object *obj, const struct object_program *prog,
	struct buf *out)
{
	size_t i = 0, r = 0;
	uint32_t line = 0;

	while (i < prog->n_insns) {
		const struct object_patch *patch = find_patch(obj, false, prog - obj->programs, i);
		const char *map = NULL;

		if (r < prog->n_relocs && prog->relocs[r].insn == i)
			map = obj->maps[prog->relocs[r++].map].name;
		dump_margin(prog, i, &line, out);
		i += disasm_map_insn(&prog->insns[i], prog->n_insns - i, map, out);
		if (patch)
			buf_addf(out, " ; %s%s", patch->kind == PATCH_PRESENT ? "has " : "",
				obj->params[patch->param].name);
		buf_addc(out, '\n');
	}
}

static void dump_program(const struct object *obj, size_t i, struct buf *out)
{
	const struct object_program *prog = &obj->programs[i];

	buf_addf(out, "\nprogram %zu %s: %s, %zu instructions\n", i, prog->name,
		prog->probe ? prog->probe : "attached by hand", prog->n_insns);
	dump_insns(obj, prog, out);
}

void object_dump(const struct object *obj, struct buf *out)
{
	size_t i;

	dump_header(obj, out);
	for (i = 0; i < obj->n_maps; i++)
		dump_map(obj, i, out);
	for (i = 0; i < obj->n_programs; i++)
		dump_program(obj, i, out);
}
