/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every object must hold to, whether a compiler or a file made it.
 * The kernel's verifier judges the code; this judges what the verifier
 * never sees, or what would fail there without a usable word.
 */
#include "object_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "types.h"

#define BAD(err, ...) error_set(err, "E-OBJECT", __VA_ARGS__)

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_';
}

bool object_is_identifier(const char *s)
{
	size_t i;

	if (!s || !*s || (*s >= '0' && *s <= '9'))
		return false;
	for (i = 0; s[i]; i++) {
		if (!is_word(s[i]))
			return false;
	}
	return i <= OBJECT_NAME_MAX;
}

/* ---- programs ---- */

/* "kprobe:icmp_echo"; behind a provider that has paths, all that is printed */
static bool is_probe(const char *s)
{
	size_t i, provider = strcspn(s, ":");
	bool paths = str_starts(s, "usdt:");

	if (!provider || !s[provider] || !s[provider + 1] || str_starts(s, "prog:"))
		return false;
	for (i = 0; s[i]; i++) {
		if (!is_word(s[i]) && !(i >= provider && strchr(":.$*?-+", s[i])) &&
		    !(paths && (unsigned char)s[i] >= 0x20 && s[i] != 0x7f))
			return false;
	}
	return i <= OBJECT_PROBE_MAX;
}

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* every file descriptor in the code must be one that we put there */
static int check_wide(const struct object_program *prog, size_t i, bool relocated,
	struct error *err)
{
	const struct bpf_insn *insn = &prog->insns[i], *second = insn + 1;

	if (i + 1 >= prog->n_insns || second->code || second->dst_reg || second->src_reg ||
		second->off)
		return BAD(err, "instruction %zu lacks its second half", i);
	if (relocated && insn->src_reg != BPF_PSEUDO_MAP_FD)
		return BAD(err, "instruction %zu is relocated but loads no map", i);
	if (!relocated && insn->src_reg != 0 && insn->src_reg != BPF_PSEUDO_FUNC)
		return BAD(err, "instruction %zu loads a map or symbol without a relocation", i);
	return 0;
}

static int check_insns(const struct object_program *prog, struct error *err)
{
	size_t i, r = 0;

	if (prog->n_insns == 0 || prog->n_insns > OBJECT_INSNS_MAX)
		return BAD(err, "%zu instructions", prog->n_insns);
	for (i = 0; i < prog->n_insns; i++) {
		bool relocated = r < prog->n_relocs && prog->relocs[r].insn == i;

		if (relocated)
			r++;
		if (is_wide(&prog->insns[i])) {
			if (check_wide(prog, i, relocated, err))
				return -1;
			i++;
		} else if (relocated) {
			return BAD(err, "instruction %zu is relocated but loads no map", i);
		}
	}
	if (r < prog->n_relocs)
		return BAD(err, "relocation %zu points to no start of an instruction", r);
	return 0;
}

static int check_relocs(const struct object_program *prog, size_t n_maps, struct error *err)
{
	size_t i;

	for (i = 0; i < prog->n_relocs; i++) {
		const struct object_reloc *r = &prog->relocs[i];

		if (r->insn >= prog->n_insns)
			return BAD(err, "relocation %zu is out of range (instruction %u of %zu)",
				i, r->insn, prog->n_insns);
		if (i && r->insn <= r[-1].insn)
			return BAD(err, "relocation %zu is out of order", i);
		if (r->map >= n_maps)
			return BAD(err, "relocation %zu names map %u of %zu", i, r->map, n_maps);
	}
	return 0;
}

static int check_lines(const struct object_program *prog, struct error *err)
{
	size_t i;

	for (i = 0; i < prog->n_lines; i++) {
		const struct object_line *l = &prog->lines[i];

		if (l->insn >= prog->n_insns)
			return BAD(err, "line record %zu is out of range (instruction %u of %zu)",
				i, l->insn, prog->n_insns);
		if (i && l->insn <= l[-1].insn)
			return BAD(err, "line record %zu is out of order", i);
		if (l->line == 0)
			return BAD(err, "line record %zu has no line", i);
	}
	return 0;
}

static int check_program(const struct object *obj, size_t i, struct error *err)
{
	const struct object_program *prog = &obj->programs[i];

	if (!object_is_identifier(prog->name))
		return BAD(err, "program %zu has a name that is no identifier", i);
	if (prog->probe && !is_probe(prog->probe))
		BAD(err, "its probe is malformed");
	else if (check_relocs(prog, obj->n_maps, err) == 0 && check_insns(prog, err) == 0 &&
		check_lines(prog, err) == 0)
		return 0;
	return error_wrap(err, "program '%s'", prog->name);
}

/* ---- maps ---- */

enum size_rule {
	SIZE_ANY,		/* > 0 */
	SIZE_INDEX,		/* an int, u32 or fd */
	SIZE_NONE,		/* 0 */
	SIZE_FREE,		/* the kernel knows better */
};

struct map_kind {
	const char *name;
	uint8_t key, value;	/* enum size_rule */
	bool sized;		/* max_entries is needed */
	bool nests;		/* its values are maps */
};

static const struct map_kind map_kinds[] = {
	[BPF_MAP_TYPE_HASH] = { "hash", SIZE_ANY, SIZE_ANY, true },
	[BPF_MAP_TYPE_ARRAY] = { "array", SIZE_INDEX, SIZE_ANY, true },
	[BPF_MAP_TYPE_PROG_ARRAY] = { "prog_array", SIZE_INDEX, SIZE_INDEX, true },
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = { "perf_event_array", SIZE_INDEX, SIZE_INDEX },
	[BPF_MAP_TYPE_PERCPU_HASH] = { "percpu_hash", SIZE_ANY, SIZE_ANY, true },
	[BPF_MAP_TYPE_PERCPU_ARRAY] = { "percpu_array", SIZE_INDEX, SIZE_ANY, true },
	[BPF_MAP_TYPE_STACK_TRACE] = { "stack_trace", SIZE_INDEX, SIZE_ANY, true },
	[BPF_MAP_TYPE_CGROUP_ARRAY] = { "cgroup_array", SIZE_INDEX, SIZE_INDEX, true },
	[BPF_MAP_TYPE_LRU_HASH] = { "lru_hash", SIZE_ANY, SIZE_ANY, true },
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = { "lru_percpu_hash", SIZE_ANY, SIZE_ANY, true },
	[BPF_MAP_TYPE_LPM_TRIE] = { "lpm_trie", SIZE_ANY, SIZE_ANY, true },
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = { "array_of_maps", SIZE_INDEX, SIZE_INDEX, true, true },
	[BPF_MAP_TYPE_HASH_OF_MAPS] = { "hash_of_maps", SIZE_ANY, SIZE_INDEX, true, true },
	[BPF_MAP_TYPE_DEVMAP] = { "devmap", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_SOCKMAP] = { "sockmap", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_CPUMAP] = { "cpumap", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_XSKMAP] = { "xskmap", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_SOCKHASH] = { "sockhash", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_CGROUP_STORAGE] = { "cgroup_storage", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = { "reuseport_sockarray", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = { "percpu_cgroup_storage", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_QUEUE] = { "queue", SIZE_NONE, SIZE_ANY, true },
	[BPF_MAP_TYPE_STACK] = { "stack", SIZE_NONE, SIZE_ANY, true },
	[BPF_MAP_TYPE_SK_STORAGE] = { "sk_storage", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_DEVMAP_HASH] = { "devmap_hash", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_STRUCT_OPS] = { "struct_ops", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_RINGBUF] = { "ringbuf", SIZE_NONE, SIZE_NONE, true },
	[BPF_MAP_TYPE_INODE_STORAGE] = { "inode_storage", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_TASK_STORAGE] = { "task_storage", SIZE_FREE, SIZE_FREE },
	[BPF_MAP_TYPE_BLOOM_FILTER] = { "bloom_filter", SIZE_NONE, SIZE_ANY, true },
};

const char *map_type_name(uint32_t type)
{
	return type < ARRAY_SIZE(map_kinds) ? map_kinds[type].name : NULL;
}

static int check_map_size(enum size_rule rule, const char *what, uint32_t size, uint32_t max,
	struct error *err)
{
	bool good = size <= max;

	if (rule == SIZE_ANY)
		good = good && size > 0;
	else if (rule == SIZE_INDEX)
		good = size == 4;
	else if (rule == SIZE_NONE)
		good = size == 0;
	return good ? 0 : BAD(err, "a %s of %u bytes", what, size);
}

/* size 0: whatever the type has */
static int check_map_type(const struct types *types, uint32_t id, const char *what, uint32_t size,
	struct error *err)
{
	uint32_t has;

	if (id == 0)
		return 0;
	has = types && id < types_count(types) ? types_size(types, id) : 0;
	if (!has)
		return BAD(err, "its %s type %u is no type of a value", what, id);
	if (size && has != size)
		return BAD(err, "its %s type has %u bytes, its %s %u", what, has, what, size);
	return 0;
}

static int check_inner(const struct object *obj, const struct object_map *map, struct error *err)
{
	const struct object_map *inner;

	if (!map_kinds[map->type].nests)
		return map->inner == -1 ? 0 : BAD(err, "an inner map in a map that holds none");
	if (map->inner < 0 || (size_t)map->inner >= obj->n_maps)
		return BAD(err, "its inner map %d does not exist", map->inner);
	inner = &obj->maps[map->inner];
	if (map_type_name(inner->type) && map_kinds[inner->type].nests)
		return BAD(err, "its inner map holds maps itself");
	return 0;
}

static int check_map_def(const struct object *obj, const struct object_map *map,
	struct error *err)
{
	const struct map_kind *kind;
	bool events = map->role == MAP_EVENTS;

	if (!map_type_name(map->type))
		return BAD(err, "unknown map type %u", map->type);
	kind = &map_kinds[map->type];
	if (map->role >= MAP_ROLES)
		return BAD(err, "unknown role %u", map->role);
	if (kind->sized && !map->max_entries)
		return BAD(err, "no entries");
	/* an event's type says nothing of the value that the map itself has */
	if (check_map_size(kind->key, "key", map->key_size, OBJECT_KEY_MAX, err) ||
		check_map_size(kind->value, "value", map->value_size, OBJECT_VALUE_MAX, err) ||
		check_map_type(obj->types, map->key_type, "key", map->key_size, err) ||
		check_map_type(obj->types, map->value_type, "value",
			events ? 0 : map->value_size, err))
		return -1;
	return check_inner(obj, map, err);
}

static int check_map(const struct object *obj, size_t i, struct error *err)
{
	const struct object_map *map = &obj->maps[i];

	if (!object_is_identifier(map->name))
		return BAD(err, "map %zu has a name that is no identifier", i);
	if (check_map_def(obj, map, err))
		return error_wrap(err, "map '%s'", map->name);
	return 0;
}

/* ---- the rest ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const char **names, size_t n, const char *what, struct error *err)
{
	size_t i;

	qsort(names, n, sizeof(names[0]), compare_names);
	for (i = 1; i < n; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			return BAD(err, "two %s are named '%s'", what, names[i]);
	}
	return 0;
}

static int check_unique(const struct object *obj, struct error *err)
{
	size_t most = obj->n_programs > obj->n_maps ? obj->n_programs : obj->n_maps, i;
	const char **names = mem_array(most, sizeof(*names));
	int rc;

	for (i = 0; i < obj->n_programs; i++)
		names[i] = obj->programs[i].name;
	rc = check_names(names, obj->n_programs, "programs", err);
	for (i = 0; i < obj->n_maps; i++)
		names[i] = obj->maps[i].name;
	if (rc == 0)
		rc = check_names(names, obj->n_maps, "maps", err);
	free(names);
	return rc;
}

static bool is_key(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++) {
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '=')
			return false;
	}
	return i > 0 && i <= OBJECT_NAME_MAX;
}

static int check_facts(const struct object *obj, struct error *err)
{
	size_t i;

	for (i = 0; i < obj->n_facts; i++) {
		const struct object_fact *f = &obj->facts[i];

		if (!f->key || !is_key(f->key) || !f->value)
			return BAD(err, "fact %zu is malformed", i);
		if (strlen(f->value) > OBJECT_TEXT_MAX)
			return BAD(err, "fact '%s' is too long", f->key);
	}
	return 0;
}

static int check_texts(const struct object *obj, struct error *err)
{
	const char *p;

	for (p = obj->license ? obj->license : ""; *p; p++) {
		if (*p < ' ' || *p > '~' || p - obj->license >= OBJECT_NAME_MAX)
			return BAD(err, "the license is malformed");
	}
	if (obj->source_name && strlen(obj->source_name) > OBJECT_TEXT_MAX)
		return BAD(err, "the source's name is too long");
	return 0;
}

static int check_counts(const struct object *obj, struct error *err)
{
	if (obj->n_programs > OBJECT_PROGRAMS_MAX)
		return BAD(err, "%zu programs", obj->n_programs);
	if (obj->n_maps > OBJECT_MAPS_MAX)
		return BAD(err, "%zu maps", obj->n_maps);
	if (obj->n_facts > OBJECT_FACTS_MAX)
		return BAD(err, "%zu facts", obj->n_facts);
	return 0;
}

int object_check(const struct object *obj, struct error *err)
{
	size_t i;

	if (check_counts(obj, err) || check_texts(obj, err) || check_facts(obj, err))
		return -1;
	for (i = 0; i < obj->n_maps; i++) {
		if (check_map(obj, i, err))
			return -1;
	}
	for (i = 0; i < obj->n_programs; i++) {
		if (check_program(obj, i, err))
			return -1;
	}
	return object_check_params(obj, err) || check_unique(obj, err) ? -1 : 0;
}
