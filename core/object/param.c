/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of an object that are put in before it is loaded. */
#include "object_format.h"

#include <string.h>

#include "base/mem.h"

#define BAD(err, ...) error_set(err, "E-OBJECT", __VA_ARGS__)

int object_find_param(const struct object *obj, const char *name)
{
	size_t i;

	for (i = 0; i < obj->n_params; i++) {
		if (strcmp(obj->params[i].name, name) == 0)
			return i;
	}
	return -1;
}

struct object_param *object_add_param(struct object *obj, const char *name, bool optional)
{
	struct object_param *param = MEM_GROW(obj->params, obj->n_params);

	param->name = mem_string(name);
	param->optional = optional;
	return param;
}

static void set_wide(struct bpf_insn *insn, uint64_t value)
{
	insn[0].imm = (uint32_t)value;
	insn[1].imm = value >> 32;
}

static int set_entries(struct object_map *map, const char *name, uint64_t value,
	struct error *err)
{
	if (value < 1 || value > OBJECT_ENTRIES_MAX)
		return error_set(err, "E-BUNDLE", "define '%s': map '%s' cannot have %lld entries",
			name, map->name, (long long)value);
	map->max_entries = value;
	return 0;
}

int object_set_param(struct object *obj, size_t param, const int64_t *value, struct error *err)
{
	size_t i;

	for (i = 0; i < obj->n_patches; i++) {
		const struct object_patch *p = &obj->patches[i];

		if (p->param != param)
			continue;
		if (p->kind == PATCH_ENTRIES) {
			if (value && set_entries(&obj->maps[p->at], obj->params[param].name,
				*value, err))
				return -1;
			continue;
		}
		set_wide(&obj->programs[p->at].insns[p->insn],
			p->kind == PATCH_PRESENT ? value != NULL : value ? *value : 0);
	}
	return 0;
}

/* ---- what an object must hold to ---- */

static int check_insn(const struct object *obj, const struct object_patch *p, struct error *err)
{
	const struct object_program *prog;
	const struct bpf_insn *insn;

	if (p->at >= obj->n_programs)
		return BAD(err, "it names program %u of %zu", p->at, obj->n_programs);
	prog = &obj->programs[p->at];
	if (p->insn >= prog->n_insns)
		return BAD(err, "it names instruction %u of %zu", p->insn, prog->n_insns);
	insn = &prog->insns[p->insn];
	/* a load that has its second half, see object_check */
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || insn->src_reg || insn[0].imm ||
		insn[1].imm)
		return BAD(err, "instruction %u loads no constant", p->insn);
	return 0;
}

static int check_patch(const struct object *obj, const struct object_patch *p, struct error *err)
{
	if (p->param >= obj->n_params)
		return BAD(err, "it names parameter %u of %zu", p->param, obj->n_params);
	if (p->kind >= PATCH_KINDS)
		return BAD(err, "unknown kind %u", p->kind);
	if (p->kind != PATCH_ENTRIES)
		return check_insn(obj, p, err);
	if (p->at >= obj->n_maps || p->insn)
		return BAD(err, "it names map %u of %zu", p->at, obj->n_maps);
	return 0;
}

/* by kind of place, then by place: no place twice */
static bool is_behind(const struct object_patch *a, const struct object_patch *b)
{
	bool map_a = a->kind == PATCH_ENTRIES, map_b = b->kind == PATCH_ENTRIES;

	if (map_a != map_b)
		return map_a;
	return a->at != b->at ? a->at > b->at : a->insn > b->insn;
}

int object_check_params(const struct object *obj, struct error *err)
{
	size_t i, j;

	if (obj->n_params > OBJECT_PARAMS_MAX)
		return BAD(err, "%zu parameters", obj->n_params);
	for (i = 0; i < obj->n_params; i++) {
		if (!object_is_identifier(obj->params[i].name))
			return BAD(err, "parameter %zu has a name that is no identifier", i);
		for (j = 0; j < i; j++) {
			if (strcmp(obj->params[i].name, obj->params[j].name) == 0)
				return BAD(err, "two parameters are named '%s'",
					obj->params[i].name);
		}
	}
	for (i = 0; i < obj->n_patches; i++) {
		if (check_patch(obj, &obj->patches[i], err))
			return error_wrap(err, "patch %zu", i);
		if (i && !is_behind(&obj->patches[i], &obj->patches[i - 1]))
			return BAD(err, "patch %zu is out of order", i);
	}
	return 0;
}
