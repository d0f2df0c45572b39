/* SPDX-License-Identifier: Apache-2.0 */
/* A unit: the maps and programs of one object in the kernel. */
#include "load/load.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "load/internal.h"

/* templates of maps in maps must exist before the outer maps */
static int create_maps(struct unit *u, bool outer, struct error *err)
{
	size_t i;

	for (i = 0; i < u->obj->n_maps; i++) {
		struct map *m = &u->maps[i];

		if ((m->def->inner >= 0) == outer && map_create(m, err))
			return -1;
	}
	return 0;
}

/* closes what belongs to the unit but the unit itself, newest first */
static void undo_members(struct unit *u)
{
	struct undo *undo = u->session->newest, *older;

	links_stop(u->session, u);
	for (; undo; undo = older) {
		older = undo->older;
		if (undo->unit == u && undo != &u->undo)
			undo_run(u->session, undo);
	}
}

static void unit_undo(struct undo *undo)
{
	struct unit *u = CONTAINER(undo, struct unit, undo);
	struct error ignored = ERROR_INIT;
	size_t i;

	unit_losses(u, &u->session->gone, &ignored);
	error_clear(&ignored);
	while (u->n_loaded > 0)
		close(u->loaded[--u->n_loaded].fd);
	for (i = u->obj->n_maps; i-- > 0;)
		map_release(&u->maps[i]);
	free(u->loaded);
	free(u->optional);
	free(u->by_hand);
	free(u->pids);
	free(u->maps);
	object_free(u->obj);
	free(u);
}

struct unit *unit_open(struct session *s, struct object *obj, struct error *err)
{
	struct unit *u = mem_alloc(sizeof(*u));
	size_t i;

	u->session = s;
	u->obj = obj;
	u->maps = mem_array(obj->n_maps, sizeof(*u->maps));
	u->optional = mem_array(obj->n_programs, sizeof(*u->optional));
	u->by_hand = mem_array(obj->n_programs, sizeof(*u->by_hand));
	u->pids = mem_array(obj->n_programs, sizeof(*u->pids));
	for (i = 0; i < obj->n_maps; i++) {
		u->maps[i].unit = u;
		u->maps[i].def = &obj->maps[i];
		u->maps[i].fd = -1;
	}
	undo_push(s, &u->undo, u, unit_undo);
	if (create_maps(u, false, err) || create_maps(u, true, err)) {
		undo_run(s, &u->undo);
		return NULL;
	}
	return u;
}

void unit_close(struct unit *u)
{
	if (!u)
		return;
	undo_members(u);
	undo_run(u->session, &u->undo);
}

const struct object *unit_object(const struct unit *u)
{
	return u->obj;
}

void unit_set_optional(struct unit *u, size_t index)
{
	if (index < u->obj->n_programs)
		u->optional[index] = true;
}

void unit_set_pid(struct unit *u, size_t index, int pid)
{
	if (index < u->obj->n_programs)
		u->pids[index] = pid;
}

void unit_set_by_hand(struct unit *u, size_t index)
{
	if (index < u->obj->n_programs)
		u->by_hand[index] = true;
}

struct map *unit_map(struct unit *u, const char *name)
{
	int index = object_find_map(u->obj, name);

	return index < 0 ? NULL : &u->maps[index];
}

struct map *unit_map_at(struct unit *u, size_t index)
{
	return index < u->obj->n_maps ? &u->maps[index] : NULL;
}
