/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ftrace share; nobody else includes it. */
#ifndef FTRACE_INTERNAL_H
#define FTRACE_INTERNAL_H

#include <stdint.h>

#include "load/ftrace.h"

/* how the value of a file is read and written */
struct ftrace_kind {
	const char *glob;
	/* what it says -> what writes it back; false: it cannot be written back */
	bool (*value)(char *text, struct buf *ret);
	bool list;		/* word by word */
};

/* in front of a file of the top level, as an instance's directory has it */
#define FTRACE_TOP "../../"

/* NULL: the file is unknown, or none that can be put back */
const struct ftrace_kind *ftrace_kind(const char *file);
/* 0 or an errno; EDOM: it has no value that could be put back */
int ftrace_file_get(int dir, const char *file, struct buf *ret);
int ftrace_file_put(int dir, const char *file, const char *value);
/* the whole file as it is; 0 or an errno */
int ftrace_file_text(int dir, const char *file, struct buf *ret);

/* calls fn with each CPU's per_cpu/cpu?/stats; "overrun: 12" is a row of it */
void ftrace_each_cpu(int dir, void (*fn)(void *arg, unsigned cpu, const char *stats), void *arg);
uint64_t ftrace_row(const char *stats, const char *row);	/* 0: there is none */
/* the sum of a row */
uint64_t ftrace_stat(int dir, const char *row);

/* 0, or -1 and E-BUSY: who or what uses the top level */
int ftrace_free(int dir, const char *path, bool force, struct error *err);
/* the same of what the graph tracers of all instances share */
int ftrace_graph_free(int dir, const char *path, struct error *err);
/* is it a setting of that kind? */
bool ftrace_graph_shares(const char *file);
/* appends " (by NAME, process PID)" if another process has a file below path open */
void ftrace_add_user(const char *path, struct buf *out);

#endif
