/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a program object to running probes, and back.
 *
 * Life cycle, in order: session_new, unit_open (maps are created),
 * unit_load (one program at a time, or at its attach), link_attach,
 * ..., session_free.  A session undoes all it did in strict reverse order,
 * whatever half of it was done.  Everything is also tied to descriptors of
 * this process, so SIGKILL leaves nothing, with one exception: where only
 * kprobe_events exists, entries carry our group name and pid, and
 * session_new sweeps those of dead processes.
 *
 * core/load may use core/base, object, kernel, loop, symbol and libbpf.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "loop/loop.h"
#include "object/object.h"
#include "object/plan.h"
#include "symbol/symbol.h"

struct session;
struct unit;
struct map;
struct link;
struct events;

struct session_options {
	bool verbose;		/* keep whole verifier logs in error texts */
	bool destructive;	/* allow probe_write_user, override_return */
	/* is told, a line, what a user should know of a probe, once for each; may be NULL */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

/* borrows loop and symbols. E-PERM, E-TRACEFS are reported by what needs them */
struct session *session_new(struct loop *loop, struct symbolizer *symbols,
	const struct session_options *opts, struct error *err);
/* detaches, unloads and closes everything in reverse order; NULL is fine */
void session_free(struct session *s);
/*
 * Stops all probes at once, keeps maps and event buffers readable and reads
 * the latter once more.  No program runs any more when this returns; the
 * kernel takes up to seconds to detach many, which a process of its own
 * ("mt-close", no child of ours) waits for.  Programs are loaded again
 * at their next attach.  The links stay valid for link_detach, link_spec and
 * link_missed.
 */
void session_stop(struct session *s);
void unit_stop(struct unit *u);		/* the same for the probes of one */

/* ---- units: one object in the kernel ---- */

/* Takes obj (also on failure). Creates all its maps. E-PERM, E-LIMIT, E-FEATURE */
struct unit *unit_open(struct session *s, struct object *obj, struct error *err);
void unit_close(struct unit *u);	/* detaches its links too */
const struct object *unit_object(const struct unit *u);
struct map *unit_map(struct unit *u, const char *name);		/* NULL if there is none */
struct map *unit_map_at(struct unit *u, size_t index);
/*
 * Loads program `index` as `type` (BPF_PROG_TYPE_*) once and returns its fd,
 * which stays owned by the unit. Equivalents are put in where the kernel lacks a helper
 * (probe_read_kernel -> probe_read, ktime_get_boot_ns -> ktime_get_ns).
 * expected_attach/attach_btf_id are for fentry/fexit, else 0.
 * E-VERIFIER: text is the program's name, the script's line and the log's
 * decisive part; the whole log behind it when verbose. E-PERM, E-FEATURE
 */
int unit_load(struct unit *u, size_t index, uint32_t type, uint32_t expected_attach,
	uint32_t attach_btf_id, struct error *err);
/* "kprobe", "raw tracepoint": a BPF_PROG_TYPE_* in messages */
const char *program_type_name(uint32_t type);
/* attaches every program that has a `probe`; on failure detaches what it did */
int unit_attach_auto(struct unit *u, struct error *err);
/* program `index` attaches by itself only if its probe is there */
void unit_set_optional(struct unit *u, size_t index);
/* the process that a program with a USDT probe of its own is for; 0: all */
void unit_set_pid(struct unit *u, size_t index, int pid);
/* a program with a probe of its own attaches by unit_attach_usdt() only */
void unit_set_by_hand(struct unit *u, size_t index);
/*
 * Attaches all programs FUNCTION__N that were compiled for USDT probes.
 * path and pid may name another binary and process than they were compiled
 * with; NULL and -1: the same.  E-PROGRAM: there are none; E-PROBE: the
 * binary has arguments in places that none of them reads.  *ret has *ret_n links
 */
int unit_attach_usdt(struct unit *u, const char *function, const char *path, int pid,
	struct link ***ret, size_t *ret_n, struct error *err);
/* are all its own probes there, the optional ones aside? Nothing is loaded. E-PROBE, E-FEATURE */
int unit_check_auto(struct unit *u, struct error *err);
/* has the program a link, be it one that a session_stop has stopped? */
bool unit_is_attached(const struct unit *u, size_t index);

/* ---- probes and links ---- */

struct probe {
	const char *provider;	/* "kprobe", "tracepoint", ... as in provider_table */
	const char *name;	/* function, "module:function", "category:event", raw
				 * tracepoint, symbol, usdt: "provider:name" */
	const char *path;	/* uprobe, usdt: binary (resolved with binary_path) */
	const char *args;	/* usdt: only places with this argument text; NULL: all */
	uint64_t address;	/* uprobe: file offset when name is NULL; kprobe: offset into it */
	int pid;		/* uprobe, usdt, perf event: this process; <= 0: all */
	int cpu;		/* perf event: this CPU; -1: all online ones */
	/* perf event */
	const char *event;	/* "cpu-clock", "task-clock", "cycles", "page-faults", ... */
	uint64_t period;	/* every so many events, or */
	uint64_t frequency;	/* so often a second */
	/* interval: frequency or period in ns on one CPU */
	bool optional;		/* a function that is not there is no error */
};

/*
 * "kprobe:f", "kprobe:MODULE:f", "kprobe:f+0x10", "syscall:read", "tracepoint:cat:ev",
 * "uprobe:PATH:SYM", "uprobe:PATH:0x1234", "usdt:PATH:PROVIDER:NAME",
 * "usdt:PATH:PROVIDER:NAME(ARGUMENTS)", "perf:cpu-clock:1000",
 * "perf:cycles:99hz", "profile:99", "interval:100ms"; uprobe, usdt, perf and profile
 * with ",pid=N", perf, profile and interval with ",cpu=N" behind.
 * The strings are owned by *ret until probe_release; cpu is -1 if not given. E-PROBE
 */
int probe_parse(const char *spec, struct probe *ret, struct error *err);
void probe_release(struct probe *p);	/* only for those that probe_parse made */
void probe_format(const struct probe *p, struct buf *out);	/* the spec again */

struct provider {
	const char *name;
	const char *description;
	uint32_t prog_type;		/* BPF_PROG_TYPE_* */
	/* the spec behind "NAME:"; fills strings that probe_release frees. E-PROBE */
	int (*parse)(const char *spec, struct probe *ret, struct error *err);
	void (*format)(const struct probe *p, struct buf *out);
	/* checks the probe against this kernel: E-PROBE with near names, E-FEATURE */
	int (*check)(struct session *s, const struct probe *p, struct error *err);
	/* what the program must be loaded for (fentry): expected_attach, attach_btf_id */
	int (*target)(struct session *s, const struct probe *p, uint32_t *ret_attach,
		uint32_t *ret_btf_id, struct error *err);
	/*
	 * May be NULL. What serves in its place on this kernel, for this
	 * program: 1 and *ret, for probe_release; 0: the probe itself. E-FEATURE, E-PROBE
	 */
	int (*instead)(struct unit *u, size_t program, const struct probe *p,
		struct probe *ret, struct error *err);
	int (*attach)(struct link *l, const struct probe *p, int prog_fd, struct error *err);
	/* each "name" that the glob matches: completion, one-liners, near names */
	int (*list)(struct session *s, const struct probe *p,
		bool (*fn)(void *arg, const char *name), void *arg, struct error *err);
};
extern const struct provider *const provider_table[];	/* NULL-terminated */
const struct provider *provider_find(const char *name);	/* "perf" is "perf_event", too */

/* NULL with no error set when p->optional and the function is not there */
struct link *link_attach(struct unit *u, size_t program, const struct probe *p,
	struct error *err);
void link_detach(struct link *l);	/* at most once per link; frees it */
const char *link_spec(const struct link *l);	/* lent */
/* times the kernel missed it (kprobe/kretprobe), 0 if not known */
uint64_t link_missed(const struct link *l);

/* ---- maps: raw verbs on bytes ---- */

const struct object_map *map_def(const struct map *m);
int map_fd(const struct map *m);
const char *map_name(const struct map *m);
bool map_is_percpu(const struct map *m);
bool map_is_array(const struct map *m);		/* keys are 0..max_entries-1 */
uint32_t map_max_entries(const struct map *m);	/* after the loader's adjustments */
/* bytes of one value as user space reads it: value_size, or for per-CPU maps
 * round_up(value_size, 8) * kernel_possible_cpus() */
size_t map_value_bytes(const struct map *m);

/* 1 found, 0 not there, -1 error (E-MAP) */
int map_lookup(struct map *m, const void *key, void *value, struct error *err);
int map_update(struct map *m, const void *key, const void *value, struct error *err);
int map_delete(struct map *m, const void *key, struct error *err);	/* 1, 0, -1 */

/* a copy of the content: n keys of key_size bytes, n values of map_value_bytes */
struct map_copy {
	size_t n;
	char *keys, *values;
};
/* Batch calls where the kernel has them. Entries that come and go while it
 * reads may be seen or not; none is seen twice. */
int map_copy_all(struct map *m, struct map_copy *ret, struct error *err);
/*
 * Copies and clears: lookup-and-delete batches where the kernel has them, else
 * each entry is read just before it is deleted; elements of arrays become 0.
 * New keys meanwhile stay for the next time.  What a program adds to an entry
 * that it found before, and after it was read, is lost.
 */
int map_drain(struct map *m, struct map_copy *ret, struct error *err);
/*
 * Of an array of unsigned integers that programs only add to: what they added
 * since the last map_delta, map_drain, map_clear or, of an element,
 * map_update.  Nothing is written, and nothing lost.
 */
int map_delta(struct map *m, struct map_copy *ret, struct error *err);
int map_clear(struct map *m, struct error *err);
void map_copy_release(struct map_copy *c);

/* prog array: slot `index` jumps to `program` of the unit, loaded as `type` */
int map_set_program(struct map *m, uint32_t index, struct unit *u, size_t program,
	uint32_t type, struct error *err);
/* perf event array: opens the counter (like probe.event) on all CPUs for
 * bpf_perf_event_read(); undone with the session */
int map_open_counters(struct map *m, const struct probe *counter, struct error *err);
/* frames of a stack id, up to max, without the zero padding. Count, or -1 E-MAP */
int map_stack(struct map *m, int64_t id, uint64_t *ips, size_t max, struct error *err);

/* ---- events ---- */

/* data is valid during the call only. An event_fn may close any reader but its own */
typedef void (*event_fn)(void *arg, const void *data, size_t size, int cpu);
/*
 * Reads an EVENTS map (ring or perf buffer, by the map's type) in the loop.
 * pages: per CPU for perf buffers (power of two; 0: default 64).
 * The session drains it once more at session_stop.
 */
struct events *events_open(struct session *s, struct map *m, unsigned pages, event_fn fn,
	void *arg, struct error *err);
void events_close(struct events *e);

/* ---- what was lost ---- */

/* slots of the MAP_LOSSES per-CPU array, written by BPF text; the first
 * LOSS_EVENTS slots count attempts of submit, one for each EVENTS map of the
 * object, in map order; then LOSS_EVENTS slots of failed submits; then these */
enum { LOSS_EVENTS = 8 };
enum loss {
	LOSS_MAP_FULL, LOSS_STACK, LOSS_NEGATIVE, LOSS_UNMATCHED, LOSS_OTHER,
	LOSS_KINDS
};
struct losses {
	uint64_t emitted;	/* events submitted, of maps that were opened */
	uint64_t received;
	uint64_t perf_lost;	/* emitted - failed - received, after the last drain */
	uint64_t submit_failed;
	uint64_t kind[LOSS_KINDS];
	uint64_t missed;	/* kprobe hits that the kernel missed */
};
extern const char *const loss_names[LOSS_KINDS];	/* "map full", ... */
int session_losses(struct session *s, struct losses *ret, struct error *err);
bool losses_any(const struct losses *l);
void losses_format(const struct losses *l, struct buf *out);	/* "lost: 3 events, ..." */

#endif
