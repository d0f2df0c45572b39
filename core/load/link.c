/* SPDX-License-Identifier: Apache-2.0 */
/* Links: a program at a probe, how it gets there and how it ends. */
#include "load/load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/mem.h"
#include "load/internal.h"

void link_add_fd(struct link *l, int fd)
{
	*MEM_GROW(l->fds, l->n_fds) = fd;
}

/* ---- the end ---- */

static void link_free(struct link *l)
{
	free(l->fds);
	free(l->perf_fds);
	free(l->entries);
	free(l->spec);
	free(l);
}

/* sampling events end here; a program at a tracepoint goes on until it is detached */
static void disable(struct link *l)
{
	size_t i;

	for (i = 0; i < l->n_perf_fds; i++)
		ioctl(l->perf_fds[i], PERF_EVENT_IOC_DISABLE, 0);
}

/* sampling events are closed at once */
static bool is_quick(const struct link *l)
{
	return l->provider->prog_type == BPF_PROG_TYPE_PERF_EVENT;
}

/*
 * Clocks interrupt a CPU, so when disable() has gone round the CPUs their
 * programs are done.  Those of page faults and the like run in tasks.
 */
static bool may_run(const struct link *l)
{
	return l->n_fds + l->n_perf_fds + l->n_entries > 0 &&
		(!is_quick(l) || l->provider == &provider_perf_event);
}

static void close_all(const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		close(fds[i]);
}

/* its program has one link less; false if others still use it, or it has no gate */
static bool retire_program(struct link *l)
{
	struct loaded *prog = unit_loaded(l->unit, l->prog_fd);

	l->prog_fd = -1;
	/* NULL: another link of it came first */
	if (!prog || is_quick(l))
		return true;
	if (prog->links > 0 || !prog->gate)
		return false;
	unit_retire(l->unit, prog);
	return true;
}

/* shuts the gates of all programs; false if one may still run until it is detached */
static bool silence(struct link **links, size_t n)
{
	bool all = true;
	size_t i;

	for (i = 0; i < n; i++) {
		if (links[i]->prog_fd >= 0)
			unit_loaded(links[i]->unit, links[i]->prog_fd)->links--;
	}
	for (i = 0; i < n; i++) {
		if (links[i]->prog_fd >= 0 && !retire_program(links[i]))
			all = false;
	}
	return n == 0 || (gates_apply(links[0]->session) && all);
}

static void append(int **fds, size_t *n, int *more, size_t *n_more)
{
	size_t i;

	for (i = 0; i < *n_more; i++)
		*MEM_GROW(*fds, *n) = more[i];
	*n_more = 0;
}

/* closes what is quick, and gathers the rest */
static void gather(struct link *l, struct closing *c)
{
	if (is_quick(l)) {
		close_all(l->fds, l->n_fds);
		close_all(l->perf_fds, l->n_perf_fds);
		l->n_fds = l->n_perf_fds = 0;
	}
	append(&c->fds, &c->n_fds, l->fds, &l->n_fds);
	append(&c->events, &c->n_events, l->perf_fds, &l->n_perf_fds);
	if (l->n_entries)
		*MEM_GROW(c->links, c->n_links) = l;
}

static void close_slow(struct session *s, const struct closing *c, bool silent)
{
	int child = -1;

	if (c->n_fds + c->n_events + c->n_links > 0)
		child = closing_start(c);
	if (!silent)
		closing_wait(child);
	/* a program that is detached may still run on another CPU */
	if (!wait_for_programs())
		closing_wait(child);
	closers_add(s, child);
}

/*
 * All programs fall silent at the same moment, and none of them runs when
 * this returns; the kernel may still be detaching them.
 */
static void stop_links(struct link **links, size_t n)
{
	struct closing c = { 0 };
	bool silent, wait = false;
	size_t i;

	for (i = 0; i < n; i++) {
		wait |= may_run(links[i]);
		disable(links[i]);
	}
	silent = silence(links, n);
	for (i = 0; i < n; i++) {
		semaphores_lower(links[i]);
		links[i]->missed = link_missed(links[i]);
		links[i]->attached = false;
	}
	for (i = 0; i < n; i++)
		gather(links[i], &c);
	if (wait)
		close_slow(links[0]->session, &c, silent);
	free(c.fds);
	free(c.events);
	free(c.links);
}

static void link_undo(struct undo *undo)
{
	struct link *l = CONTAINER(undo, struct link, undo);

	stop_links(&l, 1);
	l->unit->missed += l->missed;
	link_free(l);
}

static struct link *link_of(const struct undo *undo)
{
	return undo->run == link_undo ? CONTAINER(undo, struct link, undo) : NULL;
}

void links_stop(struct session *s, struct unit *unit)
{
	struct link **links = NULL, *l;
	struct undo *undo;
	size_t n = 0;

	for (undo = s->newest; undo; undo = undo->older) {
		l = link_of(undo);
		if (l && l->attached && (!unit || l->unit == unit))
			*MEM_GROW(links, n) = l;
	}
	stop_links(links, n);
	free(links);
}

void link_detach(struct link *l)
{
	if (l)
		undo_run(l->session, &l->undo);
}

/* ---- the beginning ---- */

static struct link *link_new(struct unit *u, size_t program, const struct provider *provider,
	const struct probe *p, int prog_fd)
{
	struct link *l = mem_alloc(sizeof(*l));
	struct buf spec = BUF_INIT;

	l->session = u->session;
	l->unit = u;
	l->program = program;
	l->provider = provider;
	l->prog_fd = prog_fd;
	unit_loaded(u, prog_fd)->links++;
	probe_format(p, &spec);
	l->spec = buf_take(&spec, NULL);
	return l;
}

/* a probe, and who attaches it: what was asked for, or what serves in its place */
struct place {
	const struct provider *provider;
	const struct probe *probe;
	struct probe own;		/* what probe points to if is_own */
	bool is_own;
};

static void place_release(struct place *at)
{
	if (at->is_own)
		probe_release(&at->own);
}

/* finds it on this kernel, and nothing more */
static int place_find(struct unit *u, size_t program, const struct probe *p, struct place *ret,
	struct error *err)
{
	int instead = 0;

	memset(ret, 0, sizeof(*ret));
	ret->provider = provider_find(p->provider);
	ret->probe = p;
	if (!ret->provider)
		return error_set(err, "E-PROBE", "no kind of probe '%s'", p->provider);
	if (program >= u->obj->n_programs)
		return error_set(err, "E-PROGRAM", "the object has no program %zu", program);
	if (ret->provider->instead)
		instead = ret->provider->instead(u, program, p, &ret->own, err);
	if (instead < 0)
		return -1;
	if (instead) {
		ret->is_own = true;
		ret->probe = &ret->own;
		ret->provider = provider_find(ret->own.provider);
	}
	return ret->provider->check(u->session, ret->probe, err);
}

/* loads the program for it. Its fd or -1 */
static int place_load(struct unit *u, size_t program, const struct place *at, struct error *err)
{
	uint32_t expected = 0, btf_id = 0;

	if (at->provider->target &&
		at->provider->target(u->session, at->probe, &expected, &btf_id, err))
		return -1;
	return unit_load_for_link(u, program, at->provider->prog_type, expected, btf_id, err);
}

static bool is_absent(const struct probe *p, struct error *err)
{
	if (!p->optional || !err->tag || strcmp(err->tag, "E-PROBE") != 0)
		return false;
	error_clear(err);
	return true;
}

static struct link *attach_at(struct unit *u, size_t program, const struct place *at,
	struct error *err)
{
	int prog_fd = place_load(u, program, at, err);
	struct link *l;

	if (prog_fd < 0)
		return NULL;
	l = link_new(u, program, at->provider, at->probe, prog_fd);
	undo_push(u->session, &l->undo, u, link_undo);
	if (at->provider->attach(l, at->probe, prog_fd, err)) {
		error_wrap(err, "attach '%s' to %s", u->obj->programs[program].name, l->spec);
		link_detach(l);
		return NULL;
	}
	l->attached = true;
	u->drained = false;
	return l;
}

struct link *link_attach(struct unit *u, size_t program, const struct probe *p,
	struct error *err)
{
	struct link *l = NULL;
	struct place at;

	if (place_find(u, program, p, &at, err) == 0)
		l = attach_at(u, program, &at, err);
	if (!l)
		is_absent(p, err);
	place_release(&at);
	return l;
}

/* 1 and *ret: program `index` attaches by itself there, for probe_release; 0: it does not */
static int own_probe(struct unit *u, size_t index, struct probe *ret, struct error *err)
{
	const char *spec = u->obj->programs[index].probe;

	if (!spec || u->by_hand[index])
		return 0;
	if (probe_parse(spec, ret, err))
		return -1;
	ret->optional = u->optional[index];
	if (u->pids[index] > 0)
		ret->pid = u->pids[index];
	return 1;
}

/* *ret stays NULL if it has no probe of its own, or an optional one that is not there */
static int attach_own(struct unit *u, size_t index, struct link **ret, struct error *err)
{
	struct probe p;
	int own = own_probe(u, index, &p, err);

	if (own <= 0)
		return own;
	*ret = link_attach(u, index, &p, err);
	probe_release(&p);
	return *ret || !err->tag ? 0 : -1;
}

/* looks for its own probe, and loads it for that */
static int ready_own(struct unit *u, size_t index, bool load, struct error *err)
{
	struct probe p;
	struct place at;
	int own = own_probe(u, index, &p, err), bad;

	if (own <= 0)
		return own;
	bad = place_find(u, index, &p, &at, err);
	if (!bad && load)
		bad = place_load(u, index, &at, err) < 0;
	if (bad && is_absent(&p, err))
		bad = 0;
	place_release(&at);
	probe_release(&p);
	return bad ? -1 : 0;
}

int unit_check_auto(struct unit *u, struct error *err)
{
	size_t i;

	for (i = 0; i < u->obj->n_programs; i++) {
		if (ready_own(u, i, false, err))
			return -1;
	}
	return 0;
}

/* all programs are loaded before the first is attached, so that they start together */
int unit_attach_auto(struct unit *u, struct error *err)
{
	size_t n = u->obj->n_programs, i;
	struct link **links = mem_array(n, sizeof(*links));
	int bad = 0;

	for (i = 0; i < n && !bad; i++)
		bad = ready_own(u, i, true, err);
	for (i = 0; i < n && !bad; i++)
		bad = attach_own(u, i, &links[i], err);
	while (bad && i-- > 0)
		link_detach(links[i]);
	free(links);
	return bad;
}

/* ---- facts ---- */

const char *link_spec(const struct link *l)
{
	return l->spec;
}

uint64_t link_missed(const struct link *l)
{
	return l->attached ? dynamic_missed(l) : l->missed;
}

bool unit_runs(const struct unit *u)
{
	const struct undo *undo;

	for (undo = u->session->newest; undo; undo = undo->older) {
		const struct link *l = link_of(undo);

		if (l && l->unit == u && l->attached)
			return true;
	}
	return false;
}

uint64_t links_missed(const struct session *s)
{
	const struct undo *undo;
	uint64_t sum = 0;

	for (undo = s->newest; undo; undo = undo->older) {
		if (link_of(undo))
			sum += link_missed(link_of(undo));
	}
	return sum;
}

bool unit_is_attached(const struct unit *u, size_t index)
{
	const struct undo *undo;

	for (undo = u->session->newest; undo; undo = undo->older) {
		const struct link *l = link_of(undo);

		if (l && l->unit == u && l->program == index)
			return true;
	}
	return false;
}
