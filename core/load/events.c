/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of EVENTS maps: a ring buffer or perf buffers as one source of the
 * loop.
 */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum {
	PAGES_DEFAULT = 64,	/* per CPU */
	TURN_EVENTS = 8192,	/* a flooded ring buffer must not keep the loop */
};

/*
 * Waking up costs more than reading an event, for the probed code too.  When
 * wakeups follow one another closely the buffer is not waited for but looked
 * at after a rest, which is as long as fills a sixteenth to an eighth of it,
 * until a rest brings next to nothing.
 */
#define REST_FIRST_NS UINT64_C(1000000)
#define REST_MIN_NS UINT64_C(200000)
#define REST_MAX_NS UINT64_C(10000000)
enum { REST_EVENTS = 8 };		/* worth another rest */

struct events {
	struct undo undo;
	struct session *session;
	struct map *map;
	event_fn fn;
	void *arg;
	struct perf_buffer *perf;	/* one of the two */
	struct ring_buffer *ring;
	struct source *source;		/* waits for the buffer; NULL while it rests */
	struct source *rest;		/* timer, or NULL */
	int fd;
	size_t size;			/* bytes of one buffer */
	uint64_t rest_ns;
	uint64_t last_ns;		/* end of the last turn */
	bool reading;
	unsigned left;			/* events that may still be read in this turn */
	size_t bytes;			/* read in this turn */
};

static void on_perf_sample(void *arg, int cpu, void *data, uint32_t size)
{
	struct events *e = arg;

	e->map->received++;
	e->bytes += size;
	e->fn(e->arg, data, size, cpu);
}

static void on_perf_lost(void *arg, int cpu, __u64 count)
{
	struct events *e = arg;

	e->map->lost_records += count;
}

/* a negative result ends the reading, behind this event */
static int on_ring_sample(void *arg, void *data, size_t size)
{
	struct events *e = arg;

	e->map->received++;
	e->bytes += size;
	e->fn(e->arg, data, size, -1);
	return --e->left == 0 ? -EAGAIN : 0;
}

static void read_turn(struct events *e)
{
	e->reading = true;
	e->left = TURN_EVENTS;
	e->bytes = 0;
	/*
	 * Not perf_buffer__poll: that asks the inner epoll again, but the poll
	 * of a perf event reports a wakeup only once, and the loop had it.
	 */
	if (e->perf)
		perf_buffer__consume(e->perf);
	else
		ring_buffer__consume(e->ring);
	e->reading = false;
}

static void on_rested(void *arg, uint64_t missed);

/* without a timer the buffer is waited for, as before */
static void begin_rest(struct events *e)
{
	struct error err = ERROR_INIT;

	e->rest = loop_add_timer(e->session->loop, e->rest_ns, 0, on_rested, e, &err);
	error_clear(&err);
	if (e->rest) {
		source_remove(e->source);
		e->source = NULL;
	}
}

static void on_readable(void *arg, uint32_t events)
{
	struct events *e = arg;
	uint64_t since = loop_now() - e->last_ns;

	/* an event_fn may run the loop */
	if (e->reading)
		return;
	read_turn(e);
	e->last_ns = loop_now();
	e->rest_ns = REST_FIRST_NS;
	/* a turn that was cut short goes on at once */
	if (since < REST_FIRST_NS && e->left)
		begin_rest(e);
}

static void end_rest(struct events *e)
{
	struct error err = ERROR_INIT;

	e->source = loop_add_fd(e->session->loop, e->fd, EPOLLIN, on_readable, e, &err);
	/* no descriptor is left to wait with: rest on */
	if (!e->source)
		begin_rest(e);
	error_clear(&err);
}

static void choose_rest(struct events *e)
{
	if (e->bytes > e->size / 8)
		e->rest_ns /= 2;
	else if (e->bytes < e->size / 16)
		e->rest_ns *= 2;
	if (e->rest_ns > REST_MAX_NS)
		e->rest_ns = REST_MAX_NS;
}

static void on_rested(void *arg, uint64_t missed)
{
	struct events *e = arg;
	uint64_t before = e->map->received;

	e->rest = NULL;		/* the loop removes it behind us */
	if (!e->reading) {
		read_turn(e);
		e->last_ns = loop_now();
		choose_rest(e);
	}
	if (e->left && e->rest_ns >= REST_MIN_NS && e->map->received - before >= REST_EVENTS)
		begin_rest(e);
	else
		end_rest(e);
}

/* the probes are gone, so this comes to an end */
bool events_drain(struct events *e)
{
	uint64_t before;

	if (e->reading)
		return false;
	do {
		before = e->map->received;
		read_turn(e);
	} while (e->map->received - before >= TURN_EVENTS);
	return true;
}

static void events_undo(struct undo *undo)
{
	struct events *e = CONTAINER(undo, struct events, undo);

	source_remove(e->source);
	source_remove(e->rest);
	perf_buffer__free(e->perf);
	ring_buffer__free(e->ring);
	e->map->events = NULL;
	free(e);
}

/* 0 or an errno */
static int open_buffer(struct events *e, unsigned pages)
{
	int fd = e->map->fd;

	if (e->map->def->type == BPF_MAP_TYPE_RINGBUF) {
		e->ring = ring_buffer__new(fd, on_ring_sample, e, NULL);
		return e->ring ? 0 : errno;
	}
	e->perf = perf_buffer__new(fd, pages ? pages : PAGES_DEFAULT, on_perf_sample, on_perf_lost,
		e, NULL);
	return e->perf ? 0 : errno;
}

static int open_failed(const struct map *m, int sys, struct error *err)
{
	char *what = mem_format("open event buffer '%s'", m->def->name);

	attach_failed(err, sys, what);
	if (sys == ENOMEM || sys == EPERM)
		error_hint(err, "the buffers may need more RLIMIT_MEMLOCK, or fewer pages");
	free(what);
	return -1;
}

static int start_reading(struct events *e, unsigned pages, struct error *err)
{
	int sys = open_buffer(e, pages);

	if (sys == EPERM && kernel_raise_memlock())
		sys = open_buffer(e, pages);
	if (sys)
		return open_failed(e->map, sys, err);
	e->fd = e->perf ? perf_buffer__epoll_fd(e->perf) : ring_buffer__epoll_fd(e->ring);
	e->size = e->ring ? e->map->max_entries :
		(size_t)(pages ? pages : PAGES_DEFAULT) * sysconf(_SC_PAGESIZE);
	e->source = loop_add_fd(e->session->loop, e->fd, EPOLLIN, on_readable, e, err);
	return e->source ? 0 : -1;
}

struct events *events_open(struct session *s, struct map *m, unsigned pages, event_fn fn,
	void *arg, struct error *err)
{
	struct events *e;

	if (m->def->type != BPF_MAP_TYPE_RINGBUF && m->def->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		error_set(err, "E-MAP", "map '%s' is no event buffer", m->def->name);
		return NULL;
	}
	if (m->events) {
		error_set(err, "E-MAP", "map '%s' is being read already", m->def->name);
		return NULL;
	}
	e = mem_alloc(sizeof(*e));
	*e = (struct events){ .session = s, .map = m, .fn = fn, .arg = arg };
	m->events = e;
	undo_push(s, &e->undo, m->unit, events_undo);
	if (start_reading(e, pages, err)) {
		undo_run(s, &e->undo);
		return NULL;
	}
	m->events_opened = true;
	return e;
}

void events_close(struct events *e)
{
	if (e)
		undo_run(e->session, &e->undo);
}
