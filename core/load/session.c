/* SPDX-License-Identifier: Apache-2.0 */
/* The session: a list of what was done, undone newest first. */
#include "load/load.h"

#include <stdlib.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/mem.h"
#include "base/table.h"
#include "load/internal.h"

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

struct session *session_new(struct loop *loop, struct symbolizer *symbols,
	const struct session_options *opts, struct error *err)
{
	struct session *s = mem_alloc(sizeof(*s));

	libbpf_set_print(quiet);
	s->loop = loop;
	s->symbols = symbols;
	if (opts)
		s->options = *opts;
	dynamic_sweep();
	return s;
}

void undo_push(struct session *s, struct undo *undo, struct unit *unit,
	void (*run)(struct undo *undo))
{
	undo->unit = unit;
	undo->run = run;
	undo->newer = NULL;
	undo->older = s->newest;
	if (s->newest)
		s->newest->newer = undo;
	s->newest = undo;
}

void undo_run(struct session *s, struct undo *undo)
{
	if (undo->newer)
		undo->newer->older = undo->older;
	else
		s->newest = undo->older;
	if (undo->older)
		undo->older->newer = undo->newer;
	undo->run(undo);
}

static void drain(struct unit *u)
{
	bool all = true;
	size_t i;

	for (i = 0; i < u->obj->n_maps; i++) {
		if (u->maps[i].events && !events_drain(u->maps[i].events))
			all = false;
	}
	/* others may go on: what they have under way is not lost */
	u->drained = all && !unit_runs(u);
}

/* what was there when the last probe ended; readers may close each other meanwhile */
static void drain_all(struct session *s)
{
	struct undo *undo;

	for (undo = s->newest; undo; undo = undo->older) {
		/* only a unit itself is its own owner */
		if (undo->unit && undo == &undo->unit->undo)
			drain(undo->unit);
	}
}

void session_stop(struct session *s)
{
	links_stop(s, NULL);
	drain_all(s);
}

void unit_stop(struct unit *u)
{
	links_stop(u->session, u);
	drain_all(u->session);
}

void session_free(struct session *s)
{
	if (!s)
		return;
	links_stop(s, NULL);
	while (s->newest)
		undo_run(s, s->newest);
	gates_free(s);
	closers_forget(s);
	btf__free(s->btf);
	table_free(s->noted, NULL);
	free(s);
}
