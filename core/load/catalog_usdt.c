/* SPDX-License-Identifier: Apache-2.0 */
/* USDT probes of a file: "PROVIDER:NAME", and the sizes of their arguments. */
#include "load/catalog_internal.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "symbol/usdt.h"

static bool add_note(void *arg, const struct usdt_note *note)
{
	/* what a file says is text of any kind */
	if (!strchr(note->provider, '\n') && !strchr(note->name, '\n'))
		buf_addf(arg, "%s:%s\n", note->provider, note->name);
	return true;
}

int catalog_usdt_names(const char *path, const char *glob, catalog_fn fn, void *arg,
	struct error *err)
{
	char *full = binary_path(path, 0, err);
	struct buf text = BUF_INIT;
	struct name_list *names;
	int bad;

	if (!full)
		return -1;
	bad = usdt_notes(full, add_note, &text, err);
	names = name_list_new(&text, false);
	if (!bad)
		name_list_each(names, glob, fn, arg);
	name_list_free(names);
	buf_release(&text);
	free(full);
	return bad;
}

/* ---- arguments ---- */

struct usdt_wanted {
	char *path, *probe;		/* "PROVIDER:NAME" */
	struct catalog_args *args;
	bool found;
};

/* "usdt:PATH:PROVIDER:NAME[,pid=N]" */
static int split_spec(const char *spec, struct usdt_wanted *ret, struct error *err)
{
	const char *path = spec + strlen("usdt:"), *colon = strchr(path, ':');
	const char *name = colon ? strchr(colon + 1, ':') : NULL;
	const char *comma = name ? strstr(name, ",pid=") : NULL;

	if (!name || colon == path || name == colon + 1 || !name[1] || comma == name + 1)
		return error_set(err, "E-PROBE", "probe '%s': write usdt:PATH:PROVIDER:NAME",
			spec);
	ret->path = mem_string_n(path, colon - path);
	ret->probe = mem_string_n(colon + 1, comma ? (size_t)(comma - colon - 1) :
		strlen(colon + 1));
	return 0;
}

static const char *type_of(long size)
{
	static const struct { long size; const char *name; } types[] = {
		{ 1, "u8" }, { -1, "s8" }, { 2, "u16" }, { -2, "s16" },
		{ 4, "u32" }, { -4, "s32" }, { 8, "u64" }, { -8, "s64" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].size == size)
			return types[i].name;
	}
	return "u64";		/* older notes tell no size: a register */
}

static void add_arg(struct catalog_args *args, long size, bool is_float)
{
	struct catalog_arg *a = MEM_GROW(args->list, args->n);

	a->name = mem_format("arg%zu", args->n);
	a->type = mem_string(!is_float ? type_of(size) : size == 4 ? "float" : "double");
	a->size = size < 0 ? -size : size ? size : 8;
	a->offset = -1;
}

/* "-4@%edi 8@-8(%rbp)"; operands of arm64 have blanks in brackets: "8@[sp, 24]" */
static void read_args(struct catalog_args *args, const char *text)
{
	const char *at = text;
	unsigned depth = 0;
	bool start = true;

	for (; *at; at++) {
		if (*at == '[' || *at == '(')
			depth++;
		else if ((*at == ']' || *at == ')') && depth)
			depth--;
		if (*at == ' ' && !depth) {
			start = true;
		} else if (start) {
			char *end;
			long size = strtol(at, &end, 10);

			add_arg(args, *end == '@' || *end == 'f' ? size : 0, *end == 'f');
			start = false;
		}
	}
}

/* its places may differ in where the arguments are, not in what they are */
static bool find_note(void *arg, const struct usdt_note *note)
{
	struct usdt_wanted *p = arg;
	char *name = mem_format("%s:%s", note->provider, note->name);

	p->found = strcmp(name, p->probe) == 0;
	if (p->found)
		read_args(p->args, note->args);
	free(name);
	return !p->found;
}

static bool offer(void *arg, const char *name)
{
	nearest_offer(arg, name);
	return true;
}

static int no_such(const struct usdt_wanted *p, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct nearest near;

	nearest_init(&near, p->probe);
	catalog_usdt_names(p->path, "*", offer, &near, &ignored);
	error_clear(&ignored);
	error_set(err, "E-PROBE", "'%s' has no USDT probe '%s'", p->path, p->probe);
	return error_take_hint(err, nearest_hint(&near));
}

int catalog_usdt_args(const char *spec, struct catalog_args *ret, struct error *err)
{
	struct usdt_wanted p = { .args = ret };
	char *full;
	int bad = -1;

	if (split_spec(spec, &p, err))
		return -1;
	full = binary_path(p.path, 0, err);
	if (full)
		bad = usdt_notes(full, find_note, &p, err);
	if (!bad && !p.found)
		bad = no_such(&p, err);
	if (!bad)
		ret->source = mem_format("note of %s", full);
	free(full);
	free(p.path);
	free(p.probe);
	return bad;
}
