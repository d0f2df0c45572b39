/* SPDX-License-Identifier: Apache-2.0 */
/* The program object in memory. */
#include "object.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "types.h"

struct object *object_new(void)
{
	return mem_alloc(sizeof(struct object));
}

static void release_program(struct object_program *prog)
{
	free(prog->name);
	free(prog->probe);
	free(prog->insns);
	free(prog->relocs);
	free(prog->lines);
}

void object_free(struct object *obj)
{
	size_t i;

	if (!obj)
		return;
	for (i = 0; i < obj->n_programs; i++)
		release_program(&obj->programs[i]);
	for (i = 0; i < obj->n_maps; i++)
		free(obj->maps[i].name);
	for (i = 0; i < obj->n_facts; i++) {
		free(obj->facts[i].key);
		free(obj->facts[i].value);
	}
	for (i = 0; i < obj->n_params; i++)
		free(obj->params[i].name);
	free(obj->params);
	free(obj->patches);
	free(obj->programs);
	free(obj->maps);
	free(obj->facts);
	free(obj->license);
	free(obj->source_name);
	types_free(obj->types);
	free(obj);
}

struct object_program *object_add_program(struct object *obj, const char *name)
{
	struct object_program *prog = MEM_GROW(obj->programs, obj->n_programs);

	prog->name = mem_string(name);
	return prog;
}

struct object_map *object_add_map(struct object *obj, const char *name)
{
	struct object_map *map = MEM_GROW(obj->maps, obj->n_maps);

	map->name = mem_string(name);
	map->inner = -1;
	return map;
}

void object_add_fact(struct object *obj, const char *key, const char *value)
{
	struct object_fact *fact = MEM_GROW(obj->facts, obj->n_facts);

	fact->key = mem_string(key);
	fact->value = mem_string(value);
}

const char *object_fact(const struct object *obj, const char *key)
{
	size_t i;

	for (i = 0; i < obj->n_facts; i++) {
		if (strcmp(obj->facts[i].key, key) == 0)
			return obj->facts[i].value;
	}
	return NULL;
}

int object_find_program(const struct object *obj, const char *name)
{
	size_t i;

	for (i = 0; i < obj->n_programs; i++) {
		if (strcmp(obj->programs[i].name, name) == 0)
			return i;
	}
	return -1;
}

int object_find_map(const struct object *obj, const char *name)
{
	size_t i;

	for (i = 0; i < obj->n_maps; i++) {
		if (strcmp(obj->maps[i].name, name) == 0)
			return i;
	}
	return -1;
}

const struct object_line *object_program_line(const struct object_program *prog, uint32_t insn)
{
	size_t low = 0, high = prog->n_lines;

	/* the last one that does not begin behind insn */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (prog->lines[mid].insn <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low && insn < prog->n_insns ? &prog->lines[low - 1] : NULL;
}
