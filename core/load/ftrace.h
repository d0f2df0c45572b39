/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own tracers, driven by files of tracefs, and put back as they
 * were.
 *
 * Before a file is written, its old value goes to a guard, a process of its
 * own (mt-guard) which writes all values back in reverse order when
 * our end of its pipe is gone: at ftrace_close(), and behind any death of
 * ours, SIGKILL too.  But it dies with our pid namespace: where we are the
 * first process of one (a container), or the first ends that started us,
 * nobody writes back; funcgraph(8) tells how to do that by hand.
 *
 * Whoever else uses the tracer is never disturbed: then nothing opens.
 *
 * This is core/load's, for it changes the kernel and undoes it.
 */
#ifndef FTRACE_H
#define FTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct ftrace;

struct ftrace_options {
	const char *root;	/* a directory like tracefs, for tests; NULL: the kernel's */
	/*
	 * A buffer, events and a tracer of our own, instances/moontrace-PID, gone
	 * with us.
	 */
	bool instance;
	/*
	 * An instance for the graph tracer, for which kernels since 6.11 have them: its
	 * functions, depth, threshold and options are of all graph tracers together, and the
	 * top level's files set them.  Refused (E-BUSY) where one of these is chosen already,
	 * or another than the function tracer is on at the top, or another graph tracer.
	 */
	bool graph;
	bool force;		/* what lies in the top-level buffer may be thrown away */
};

/*
 * The top level is refused (E-BUSY) where another uses it: a tracer is on,
 * functions, processes or events are chosen, or there is something in the buffer.
 * Also E-TRACEFS, E-PERM, E-LIMIT.  Closed it is as it was, but for the buffer:
 * it is empty.
 */
struct ftrace *ftrace_open(const struct ftrace_options *opts, struct error *err);
/* 0 when all is as it was; else E-TRACEFS, and the rest was put back. NULL is fine */
int ftrace_close(struct ftrace *f, struct error *err);
/* the directory, top level or instance; lent */
const char *ftrace_path(const struct ftrace *f);

/*
 * file is relative ("max_graph_depth", "options/sleep-time") and one of those
 * whose value can be read and put back; value of lists (set_graph_function,
 * set_ftrace_pid...) are words, which replace what was there.
 * E-ARGS: not such a file. E-FEATURE: no such file or tracer in this kernel.
 * E-TRACEFS: the kernel refused it, or took none of the words.
 */
int ftrace_set(struct ftrace *f, const char *file, const char *value, struct error *err);
/* the value as ftrace_set() takes it, "" of a list: none. E-ARGS, E-FEATURE, E-TRACEFS */
int ftrace_get(struct ftrace *f, const char *file, struct buf *ret, struct error *err);

/*
 * Appends what trace_pipe has, at most about `most` bytes, and does not wait.
 * 1: there may be more, 0: no, -1: E-TRACEFS.  The first call opens it; the
 * kernel wants the tracer and its options to be set by then.
 */
int ftrace_read(struct ftrace *f, size_t most, struct buf *ret, struct error *err);

struct ftrace_losses {
	uint64_t overrun;	/* overwritten before they were read */
	uint64_t dropped;	/* there was no room, or an interrupt was in the way */
};
/* of all CPUs, since the tracer was set, else since it was opened */
void ftrace_lost(struct ftrace *f, struct ftrace_losses *ret);

/*
 * Where a tracer goes on, its buffer has no end: ftrace_mark() marks the one
 * of now, and ftrace_is_read() tells when each record up to there was read or
 * overwritten.
 */
void ftrace_mark(struct ftrace *f);
bool ftrace_is_read(struct ftrace *f);

#endif
