/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core/load share; nobody else includes it. */
#ifndef LOAD_INTERNAL_H
#define LOAD_INTERNAL_H

#include <linux/perf_event.h>

#include "load/load.h"

struct btf;

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

struct session {
	struct loop *loop;		/* borrowed, as symbols */
	struct symbolizer *symbols;
	struct session_options options;
	struct undo *newest;
	struct losses gone;		/* of units that are closed */
	struct btf *btf;		/* of the kernel; once asked for */
	bool drained;			/* stopped, and all events were read */
};

struct loaded {				/* a program in the kernel */
	size_t index;
	uint32_t type, expected_attach, btf_id;
	int fd;
};

struct unit {
	struct undo undo;
	struct session *session;
	struct object *obj;		/* owned */
	struct map *maps;		/* obj->n_maps */
	struct loaded *loaded;
	size_t n_loaded;
	bool *optional;			/* obj->n_programs: see unit_set_optional() */
	uint64_t missed;		/* of links that are gone */
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
	char *last;			/* map_drain of counters: values of the last time */
};
/* ret: BPF_OBJ_NAME_LEN bytes of what kernels take as a name */
void name_for_kernel(const char *name, char *ret);
int map_create(struct map *m, struct error *err);
void map_release(struct map *m);

struct link {
	struct undo undo;
	struct session *session;
	struct unit *unit;
	size_t program;
	const struct provider *provider;
	char *spec;
	int *fds;			/* closing one detaches the program */
	size_t n_fds;
	int *perf_fds;			/* the events themselves, closed after fds */
	size_t n_perf_fds;
	const char *entry_file;		/* "kprobe_events", "uprobe_events" */
	char *entry;			/* "GROUP/NAME" in it, or NULL */
	uint64_t missed;		/* kept when it stops */
	bool attached;
};
void link_add_fd(struct link *l, int fd);
/* stops the attached links of a unit (NULL: of the session) in the kernel */
void links_stop(struct session *s, struct unit *unit);
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
/* closes them all, sharing the kernel's waits between threads */
void close_together(const int *fds, size_t n);

/* a kprobe or uprobe, opened as perf event by the way that this kernel has */
struct dynamic {
	bool user;			/* uprobe */
	bool ret;			/* at the function's return */
	const char *where;		/* function, or path of the binary */
	uint64_t offset;		/* in the function, or in the file */
	int pid;			/* <= 0: all */
};
/* the descriptor, or -errno; may note an entry in l that l's end deletes */
int dynamic_open(struct link *l, const struct dynamic *d);
void dynamic_undo(struct link *l);
uint64_t dynamic_missed(const struct link *l);
/*
 * For tests on newer kernels: do as on those without probe PMUs, without
 * links at perf events and without batches. Set before the first session.
 */
extern bool load_as_old_kernel;
/* deletes the entries of moontrace processes that are dead */
void dynamic_sweep(void);

/*
 * What this kernel calls the function, lent. NULL and E-PROBE, which says
 * why none or more than one is there, or that it is but takes no probes.
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
int unit_losses(struct unit *u, bool drained, struct losses *add, struct error *err);

extern const struct provider provider_kprobe, provider_kretprobe, provider_uprobe,
	provider_uretprobe, provider_tracepoint, provider_raw_tracepoint, provider_perf_event,
	provider_profile, provider_interval, provider_fentry, provider_fexit,
	provider_syscall, provider_sysret;

#endif
