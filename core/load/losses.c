/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was lost: the counters that programs keep in the MAP_LOSSES array,
 * set against what the readers received.
 */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum { SLOT_FAILED = LOSS_EVENTS, SLOT_KINDS = 2 * LOSS_EVENTS,
	SLOTS = SLOT_KINDS + LOSS_KINDS };

const char *const loss_names[LOSS_KINDS] = {
	[LOSS_MAP_FULL] = "map full",
	[LOSS_STACK] = "stack not recorded",
	[LOSS_NEGATIVE] = "negative delta",
	[LOSS_UNMATCHED] = "unmatched exit",
	[LOSS_OTHER] = "other",
};

/* where the name is that of a single one */
static const char *const loss_plurals[LOSS_KINDS] = {
	[LOSS_STACK] = "stacks not recorded",
};

static struct map *losses_map(struct unit *u)
{
	size_t i;

	for (i = 0; i < u->obj->n_maps; i++) {
		const struct object_map *def = u->maps[i].def;

		if (def->role == MAP_LOSSES && map_is_array(&u->maps[i]) &&
			def->value_size == sizeof(uint64_t) && u->maps[i].fd >= 0)
			return &u->maps[i];
	}
	return NULL;
}

/* sums over the CPUs; slots that the map does not have stay 0 */
static int read_slots(struct map *m, uint64_t *slots, struct error *err)
{
	size_t cpus = map_value_bytes(m) / sizeof(uint64_t), cpu, i;
	struct map_copy copy;

	if (map_copy_all(m, &copy, err))
		return -1;
	for (i = 0; i < copy.n && i < SLOTS; i++) {
		const uint64_t *values = (const void *)(copy.values + i * map_value_bytes(m));

		for (cpu = 0; cpu < cpus; cpu++)
			slots[i] += values[cpu];
	}
	map_copy_release(&copy);
	return 0;
}

/*
 * Newer kernels report a full perf buffer to the program, too, which counts
 * it as failed.  While probes run, events are under way: then only what
 * the buffers themselves told counts as lost.
 */
static uint64_t lost_on_the_way(const struct map *m, uint64_t emitted, uint64_t failed)
{
	uint64_t lost = emitted - failed - m->received;

	if (m->unit->drained)
		return emitted >= failed + m->received ? lost : 0;
	return m->lost_records > failed ? m->lost_records - failed : 0;
}

static void add_events(struct unit *u, const uint64_t *slots, struct losses *add)
{
	size_t i, k = 0;

	for (i = 0; i < u->obj->n_maps && k < LOSS_EVENTS; i++) {
		const struct map *m = &u->maps[i];

		if (m->def->role != MAP_EVENTS)
			continue;
		if (m->events_opened) {
			uint64_t emitted = slots[k], failed = slots[SLOT_FAILED + k];

			add->emitted += emitted;
			add->received += m->received;
			add->submit_failed += failed;
			add->perf_lost += lost_on_the_way(m, emitted, failed);
		}
		k++;
	}
}

/* known since 5.12 */
uint64_t recursion_misses(int prog_fd)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0)
		return 0;
	return info.recursion_misses;
}

int unit_losses(struct unit *u, struct losses *add, struct error *err)
{
	struct map *m = losses_map(u);
	uint64_t slots[SLOTS] = { 0 };
	size_t i;

	add->missed += u->missed;
	for (i = 0; i < u->n_loaded; i++)
		add->missed += recursion_misses(u->loaded[i].fd);
	if (!m)
		return 0;
	if (read_slots(m, slots, err))
		return -1;
	add_events(u, slots, add);
	for (i = 0; i < LOSS_KINDS; i++)
		add->kind[i] += slots[SLOT_KINDS + i];
	return 0;
}

static int add_undo(struct session *s, struct undo *undo, struct losses *add, struct error *err)
{
	if (undo->unit && undo == &undo->unit->undo)
		return unit_losses(undo->unit, add, err);
	return 0;
}

int session_losses(struct session *s, struct losses *ret, struct error *err)
{
	struct losses sum = s->gone;
	struct undo *undo;

	for (undo = s->newest; undo; undo = undo->older) {
		if (add_undo(s, undo, &sum, err))
			return -1;
	}
	sum.missed += links_missed(s);
	*ret = sum;
	return 0;
}

bool losses_any(const struct losses *l)
{
	uint64_t sum = l->perf_lost | l->submit_failed | l->missed;
	size_t i;

	for (i = 0; i < LOSS_KINDS; i++)
		sum |= l->kind[i];
	return sum != 0;
}

static void add_count(struct buf *out, uint64_t n, const char *what, const char *plural)
{
	if (n)
		buf_addf(out, "%s%llu %s", out->len ? ", " : "", (unsigned long long)n,
			n == 1 || !plural ? what : plural);
}

void losses_format(const struct losses *l, struct buf *out)
{
	struct buf list = BUF_INIT;
	size_t i;

	add_count(&list, l->perf_lost, "event", "events");
	add_count(&list, l->submit_failed, "failed submit", "failed submits");
	for (i = 0; i < LOSS_KINDS; i++)
		add_count(&list, l->kind[i], loss_names[i], loss_plurals[i]);
	add_count(&list, l->missed, "missed probe hit", "missed probe hits");
	if (list.len)
		buf_addf(out, "lost: %s", list.data);
	buf_release(&list);
}
