/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core/load share; nobody else includes it. */
#ifndef LOAD_INTERNAL_H
#define LOAD_INTERNAL_H

#include <linux/perf_event.h>

#include "load/load.h"

struct btf;
struct table;

#define CONTAINER(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

/*
 * All that a session did, newest first.  `run` undoes it and frees what the
 * undo is part of; it is called unlinked, by undo_run only.
 */
struct undo {
	struct undo *older, *newer;
	struct unit *unit;		/* undone with this unit at the latest, or NULL */
	void (*run)(struct undo *undo);
};
void undo_push(struct session *s, struct undo *undo, struct unit *unit,
	void (*run)(struct undo *undo));
void undo_run(struct session *s, struct undo *undo);

/*
 * At work for one session at the same time: what they hold counts against the
 * 64 programs of a tracepoint and the 38 of a function's fentry.
 */
enum { CLOSERS_MOST = 8 };

struct session {
	struct loop *loop;		/* borrowed, as symbols */
	struct symbolizer *symbols;
	struct session_options options;
	struct undo *newest;
	struct losses gone;		/* of units that are closed */
	struct gate *gates;
	struct btf *btf;		/* of the kernel; once asked for */
	struct table *noted;		/* functions that options.note told of; NULL: none */
	int closers[CLOSERS_MOST];	/* sockets of those that were at work, oldest first */
	size_t n_closers;
};

struct loaded {				/* a program in the kernel */
	size_t index;
	uint32_t type, expected_attach, btf_id;
	bool for_link;			/* not for a prog array */
	int fd;
	struct gate *gate;		/* NULL: it has none */
	uint32_t slot;			/* in the gate */
	size_t links;			/* that it is attached by */
};

struct unit {
	struct undo undo;
	struct session *session;
	struct object *obj;		/* owned */
	struct map *maps;		/* obj->n_maps */
	struct loaded *loaded;
	size_t n_loaded;
	bool *optional;			/* obj->n_programs: see unit_set_optional() */
	bool *by_hand;			/* the same: unit_set_by_hand(), unit_set_pid() */
	int *pids;
	uint64_t missed;		/* of links that are gone */
	bool drained;			/* stopped, and all its events were read */
};

/* how the whole of a map is read */
struct map_reader {
	/* 0 or an errno */
	int (*copy)(struct map *m, struct map_copy *c);
	int (*drain)(struct map *m, struct map_copy *c);
	int (*clear)(struct map *m);
	const struct map_reader *fallback;	/* where the kernel says "not supported" */
};

struct map {
	struct unit *unit;
	const struct object_map *def;	/* lent by the object */
	const struct map_reader *reader;
	int fd;
	uint32_t max_entries;
	struct events *events;		/* the reader of it, or NULL */
	bool events_opened;		/* at any time */
	uint64_t received;
	uint64_t lost_records;		/* as the perf buffer told */
	char *last;			/* map_delta: all values as they were then; NULL: 0 */
};
int map_create(struct map *m, struct error *err);
void map_release(struct map *m);
/* deletes a key: 0 or errno */
int map_erase(struct map *m, const void *key);
/* user space has set the element of an array: what map_delta is to subtract */
void map_last_set(struct map *m, uint32_t index, const void *value);

/*
 * ---- making maps and programs: the descriptor or -errno ----
 *
 * Where locked memory is short they raise its limit, or wait for closers.
 */

struct new_map {
	const char *name;		/* what kernels take of it */
	uint32_t type, key_size, value_size, max_entries, flags;
	int inner_fd;			/* of maps in maps, else 0 */
};
int create_map(const struct new_map *m);

struct new_program {
	const char *name, *license;
	uint32_t type, expected_attach, btf_id;
	const struct bpf_insn *insns;
	size_t n_insns;
	char *log;			/* may be NULL */
	uint32_t log_size;
};
int create_program(const struct new_program *p);

/* unit_load() for an attach: with a gate where that is needed and possible */
int unit_load_for_link(struct unit *u, size_t index, uint32_t type, uint32_t expected_attach,
	uint32_t attach_btf_id, struct error *err);
struct loaded *unit_loaded(struct unit *u, int prog_fd);
/* shuts its gate, closes and forgets it: the next attach loads it again */
void unit_retire(struct unit *u, struct loaded *l);

/* ---- gates: see gate.c ---- */

enum { GATE_INSNS = 13 };		/* at most */
/* a new slot, which is open; the session owns the gate. NULL: no map can be made */
struct gate *gate_take(struct session *s, uint32_t *ret_slot);
/* writes the gate's instructions in front of `end` and returns their number */
size_t gate_put(const struct gate *g, uint32_t slot, struct bpf_insn *end);
void gate_shut(struct gate *g, uint32_t slot);	/* at the next gates_apply() */
bool gates_apply(struct session *s);		/* false: the kernel did not take it */
void gates_free(struct session *s);
/* until no program runs that ran when it was called; false if the kernel cannot */
bool wait_for_programs(void);
/* the same, as the update of a map of maps does it (4.20): also with one CPU */
bool wait_by_update(void);

/* ---- links ---- */

struct link {
	struct undo undo;
	struct session *session;
	struct unit *unit;
	size_t program;
	const struct provider *provider;
	int prog_fd;			/* lent by the unit; -1 once it is stopped */
	char *spec;
	int *fds;			/* closing one detaches the program */
	size_t n_fds;
	int *perf_fds;			/* the events themselves, closed after fds */
	size_t n_perf_fds;
	const char *entry_file;		/* "kprobe_events", "uprobe_events" */
	char **entries;			/* "GROUP/NAME" in it, one for each event */
	size_t n_entries;
	struct semaphore *semaphores;	/* see semaphore.c */
	size_t n_semaphores;
	uint64_t missed;		/* kept when it stops */
	bool attached;
};
void link_add_fd(struct link *l, int fd);
/* stops the attached links of a unit (NULL: of the session) in the kernel */
void links_stop(struct session *s, struct unit *unit);
bool unit_runs(const struct unit *u);		/* has it links that are not stopped? */
uint64_t links_missed(const struct session *s);	/* of all that are there */

/* opens with CLOEXEC; the descriptor or -errno */
int perf_open(struct perf_event_attr *attr, int pid, int cpu);
int first_cpu(void);			/* the lowest that is online */
/* takes fd: gives the program to the event and enables it. E-ATTACH, E-PERM */
int link_bind_perf(struct link *l, int fd, int prog_fd, struct error *err);
/* E-PERM, E-LIMIT or E-ATTACH for a failed open or attach of what. Returns -1 */
int attach_failed(struct error *err, int sys, const char *what);
/* number in a file of sysfs or tracefs ("config:32" too), -1 if there is none */
int64_t read_number_file(const char *path);

/* what takes long to close, in this order */
struct closing {
	int *fds;			/* of links */
	size_t n_fds;
	int *events;
	size_t n_events;
	struct link **links;		/* lent; dynamic_undo() of each */
	size_t n_links;
};
/*
 * Closes our descriptors and leaves the waiting to a child.  A socket, which
 * is at its end when the child is; -1: there is no child, all is closed now.
 */
int closing_start(const struct closing *c);
void closing_wait(int child);			/* until it is all closed */
/* takes the socket. Waits for the oldest if CLOSERS_MOST of the session are at work */
void closers_add(struct session *s, int child);
void closers_forget(struct session *s);		/* they go on without us */
bool closers_at_work(void);			/* any of the system that we see */

/* a kprobe or uprobe, opened as perf event by the way that this kernel has */
struct dynamic {
	bool user;			/* uprobe */
	bool ret;			/* at the function's return */
	const char *where;		/* function, or path of the binary */
	uint64_t offset;		/* in the function, or in the file */
	uint64_t address;		/* of the function, where its name will not do, or 0 */
	int pid;			/* <= 0: all */
	uint64_t semaphore;		/* in the file, where the kernel shall count; 0: none */
};
/* the descriptor, or -errno; may note an entry in l that l's end deletes */
int dynamic_open(struct link *l, const struct dynamic *d);
bool dynamic_by_address(const struct dynamic *d);	/* is its address looked at? */
/* the probes of several providers in binaries */
int uprobes_here(struct error *err);	/* E-FEATURE */
/* the full path of p's binary, as its process sees it; caller owns. NULL: E-PROBE */
char *uprobe_path(const struct probe *p, struct error *err);
/* opens it and binds the program. E-ATTACH, E-PERM, E-LIMIT */
int uprobe_attach_at(struct link *l, const struct dynamic *d, int prog_fd, struct error *err);
void dynamic_undo(struct link *l);
void dynamic_forget(struct link *l);	/* somebody else does that */
uint64_t dynamic_missed(const struct link *l);
/* the counters by which programs know that a USDT probe of theirs is looked at */
bool semaphores_by_kernel(void);	/* with dynamic.semaphore */
/*
 * Else it is raised in the memory of a process until the link ends: `offset`
 * into the file at path, which this process has mapped.  E-ATTACH, E-PERM
 */
int semaphore_raise(struct link *l, const char *path, uint64_t offset, int pid,
	struct error *err);
void semaphores_lower(struct link *l);
/*
 * For tests on newer kernels: do as on those without probe PMUs, without
 * links at perf events and without batches. Set before the first session.
 */
extern bool load_as_old_kernel;
/* deletes the entries of moontrace processes that are dead */
void dynamic_sweep(void);

/*
 * What this kernel calls the function, lent: "MODULE:NAME" if that was asked
 * for. NULL and E-PROBE, which says why none or more than one is there.
 */
const char *function_find(struct session *s, const struct probe *p, struct error *err);
/* loads the BTF of the kernel once; NULL if there is none */
struct btf *session_btf(struct session *s);
/* the kprobes of several providers: at function + p->address, at its entry or return */
int kprobes_here(struct error *err);	/* E-FEATURE */
int kprobe_attach_at(struct link *l, const struct probe *p, const char *function, int prog_fd,
	bool ret, struct error *err);

/* parsers and formatters that several providers use */
int parse_plain_name(const char *spec, struct probe *ret, struct error *err);
void format_plain_name(const struct probe *p, struct buf *out);
/* cuts ",pid=N" and ",cpu=N" off the end of spec */
int parse_filters(char *spec, struct probe *ret, struct error *err);
void format_filters(const struct probe *p, struct buf *out);
/* "99", "99hz" are a frequency, "10ms" a period in ns */
int parse_rate(const char *text, struct probe *ret, struct error *err);
void format_rate(const struct probe *p, struct buf *out);

/* type, config and rate of p's event. E-PROBE, E-FEATURE */
int perf_event_describe(const struct probe *p, struct perf_event_attr *attr, struct error *err);
int perf_event_failed(struct error *err, int sys, const struct probe *p);

/* E-VERIFIER, made of the kernel's log */
int verifier_explain(const struct object *obj, const struct object_program *prog,
	const char *log, int sys, bool verbose, struct error *err);

/* false if it is being read already: this was called by its event_fn */
bool events_drain(struct events *e);
/* of a program: times that it was skipped, because one ran on the CPU already */
uint64_t recursion_misses(int prog_fd);
int unit_losses(struct unit *u, struct losses *add, struct error *err);

extern const struct provider provider_kprobe, provider_kretprobe, provider_uprobe,
	provider_uretprobe, provider_tracepoint, provider_raw_tracepoint, provider_perf_event,
	provider_profile, provider_interval, provider_fentry, provider_fexit,
	provider_syscall, provider_sysret, provider_usdt;

#endif
