/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes that take some input, give some output and end.
 *
 * No shell, no search in PATH.  The child has default signal handlers and
 * an empty mask, and dies with the thread that started it.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct child_options {
	const void *input;		/* for its stdin, which is a pipe */
	size_t input_size;
	size_t out_limit, err_limit;	/* bytes kept of stdout, stderr; 0: all */
	int timeout_ms;			/* it is killed then; 0: never */
	const char *cwd;		/* NULL: ours. argv[0] is looked up from there */
	char *const *env;		/* "NAME=VALUE", ends with NULL; NULL: ours */
	bool close_fds;			/* those without FD_CLOEXEC, too */
	bool drop;			/* become uid and gid, without further groups */
	uid_t uid;
	gid_t gid;
};

struct child_result {
	struct buf out, err;
	bool out_cut, err_cut;		/* there was more than the limit: dropped */
	bool timed_out;
	int status;			/* as of waitpid */
};

/*
 * Runs argv[0], a path, and returns when it has ended and its stdout and
 * stderr are closed, or at the timeout; it is reaped in each case.  0 if it
 * ran, whatever its status; -1 with E-FILE if it could not be executed,
 * E-LIMIT if there are no pipes or processes left.  options may be NULL.
 * Release ret in both cases; what it held before is not looked at.
 */
int child_run(char *const *argv, const struct child_options *options, struct child_result *ret,
	struct error *err);
void child_result_release(struct child_result *r);

/* appends "exit status 1", "killed by signal 9 (Killed)" */
void child_describe(int status, struct buf *out);

#endif
