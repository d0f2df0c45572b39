/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal is the guard's alone: what we send is in its socket when we
 * write to tracefs, so there is no moment at which a death would leave
 * something behind.  The lock on the directory is the guard's, too, and ends
 * with it: who comes next waits for that.
 */
#include "load/ftrace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/detach.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "load/ftrace_internal.h"

#define COMM "mt-guard"
#define INSTANCE "moontrace-"

enum {
	LOCK_TRIES = 60, LOCK_WAIT_US = 50000,		/* a guard at work */
	BUSY_TRIES = 200, BUSY_WAIT_US = 50000,		/* others read trace_pipe */
	CHUNK = 16384,
};

struct ftrace {
	char *path;
	int top;			/* the root; locked, unless by an instance without graph */
	int dir;			/* what path is */
	int pipe;			/* trace_pipe, or -1 */
	int guard;
	bool instance;
	bool graph;			/* an instance that sets what all graph tracers share */
	struct ftrace_losses before;	/* it was opened */
	uint64_t *marks;		/* by CPU: records that were written; see ftrace_mark() */
	size_t n_marks;
};

/* ---- the guard ---- */

struct guard {
	int top, dir;
	const char *instance;		/* name below top to remove, or NULL */
};

/* in the journal each value is FILE, a newline, its length, a newline, its bytes */
struct record {
	char file[256];
	char *value;
};

static bool next_record(const char **at, const char *end, struct record *ret)
{
	unsigned long n;
	int used = 0;

	if (sscanf(*at, "%255s %lu%n", ret->file, &n, &used) != 2 || used == 0)
		return false;
	/* we died while we wrote this one, and did not yet touch the file */
	if ((size_t)(end - *at) < used + 1 + n)
		return false;
	ret->value = mem_string_n(*at + used + 1, n);
	*at += used + 1 + n;
	return true;
}

static void read_journal(int parent, struct buf *journal)
{
	ssize_t n;

	do {
		n = read(parent, buf_reserve(journal, CHUNK), CHUNK);
		if (n > 0)
			journal->len += n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	journal->data[journal->len] = '\0';
}

static void report(int parent, const char *file, int err)
{
	char *line = mem_format("'%s': %s\n", file, strerror(err));

	/* nobody may be there to read it */
	if (send(parent, line, strlen(line), MSG_NOSIGNAL) < 0)
		err = errno;
	free(line);
}

/* the tracer cannot be changed while others read trace_pipe: they get a while to end */
static void restore(const struct guard *g, int parent, const struct record *r)
{
	int err, tries;

	for (tries = 0; tries < BUSY_TRIES; tries++) {
		err = ftrace_file_put(g->dir, r->file, r->value);
		if (err != EBUSY)
			break;
		usleep(BUSY_WAIT_US);
	}
	if (err)
		report(parent, r->file, err);
}

static void remove_instance(const struct guard *g, int parent)
{
	int err = EBUSY, tries;

	for (tries = 0; tries < BUSY_TRIES && err == EBUSY; tries++) {
		if (tries)
			usleep(BUSY_WAIT_US);
		err = unlinkat(g->top, g->instance, AT_REMOVEDIR) < 0 ? errno : 0;
	}
	if (err && err != ENOENT)
		report(parent, g->instance, err);
}

static void run_guard(void *arg, int parent)
{
	const struct guard *g = arg;
	struct buf journal = BUF_INIT;
	struct record *records = NULL, r;
	const char *at;
	size_t n = 0;

	read_journal(parent, &journal);
	at = journal.data;
	while (next_record(&at, journal.data + journal.len, &r))
		*MEM_GROW(records, n) = r;
	while (n > 0)
		restore(g, parent, &records[--n]);
	if (g->instance)
		remove_instance(g, parent);
	/* the end of what is said: without it we were killed */
	while (send(parent, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* ---- what others left ---- */

static bool is_stale(const char *name)
{
	long pid = str_starts(name, INSTANCE) ? strtol(name + strlen(INSTANCE), NULL, 10) : 0;

	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

/* instances of us that were killed together with their guards */
static void sweep(int top)
{
	int fd = openat(top, "instances", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	/* one whose guard is at work is removed by whoever is first */
	while (dir && (d = readdir(dir)) != NULL) {
		if (is_stale(d->d_name))
			unlinkat(fd, d->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* ---- opening ---- */

static int failed(struct error *err, int sys, const char *fmt, const char *what)
{
	const char *tag = sys == EACCES || sys == EPERM || sys == EROFS ? "E-PERM" : "E-TRACEFS";

	error_sys(err, tag, sys, fmt, what);
	if (sys == EACCES || sys == EPERM)
		error_hint(err, "the kernel's tracers are root's");
	return -1;
}

/* another one of us has it, or its guard is at work still */
static int lock(struct ftrace *f, struct error *err)
{
	struct buf who = BUF_INIT;
	int tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(f->top, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return failed(err, errno, "lock '%s'", f->path);
		usleep(LOCK_WAIT_US);
	}
	ftrace_add_user(f->path, &who);
	error_set(err, "E-BUSY", "another moontrace uses the kernel's tracer%s", who.data);
	buf_release(&who);
	return -1;
}

static int make_instance(struct ftrace *f, char **ret_name, struct error *err)
{
	char *name = mem_format("instances/" INSTANCE "%d", (int)getpid()), *path;
	unsigned i;

	for (i = 1; mkdirat(f->top, name, 0700) < 0; i++) {
		if (errno != EEXIST || i == 100) {
			failed(err, errno, "make '%s' in tracefs", name);
			free(name);
			return -1;
		}
		free(name);
		name = mem_format("instances/" INSTANCE "%d.%u", (int)getpid(), i);
	}
	f->dir = openat(f->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	path = mem_format("%s/%s", f->path, name);
	free(f->path);
	f->path = path;
	*ret_name = name;
	return f->dir < 0 ? failed(err, errno, "open '%s'", path) : 0;
}

static int start_guard(struct ftrace *f, const char *instance, struct error *err)
{
	struct guard g = { f->top, f->dir, instance };
	int keep[] = { f->top, f->dir }, sys;

	f->guard = detach_start(COMM, keep, f->top == f->dir ? 1 : 2, run_guard, &g);
	if (f->guard >= 0)
		return 0;
	sys = errno;
	if (instance)
		unlinkat(f->top, instance, AT_REMOVEDIR);
	return error_sys(err, "E-LIMIT", sys, "start " COMM);
}

static int note(struct ftrace *f, const char *file, const char *value, struct error *err);

static int open_top(struct ftrace *f, const struct ftrace_options *opts, struct error *err)
{
	f->dir = f->top;
	if (lock(f, err) || ftrace_free(f->dir, f->path, opts->force, err))
		return -1;
	if (start_guard(f, NULL, err))
		return -1;
	/* at last what we left in the buffer goes */
	return note(f, "trace", "", err);
}

static int open_instance(struct ftrace *f, struct error *err)
{
	char *name = NULL;
	int bad;

	sweep(f->top);
	if (f->graph && (lock(f, err) || ftrace_graph_free(f->top, f->path, err)))
		return -1;
	bad = make_instance(f, &name, err);
	if (!bad)
		bad = start_guard(f, name, err);
	else if (name)
		unlinkat(f->top, name, AT_REMOVEDIR);
	free(name);
	return bad;
}

static void read_losses(struct ftrace *f, struct ftrace_losses *ret)
{
	ret->overrun = ftrace_stat(f->dir, "overrun");
	ret->dropped = ftrace_stat(f->dir, "dropped events") +
		ftrace_stat(f->dir, "commit overrun");
}

struct ftrace *ftrace_open(const struct ftrace_options *opts, struct error *err)
{
	const char *root = opts->root ? opts->root : tracefs_path(err);
	struct error ignored = ERROR_INIT;
	struct ftrace *f;
	int bad;

	if (!root)
		return NULL;
	f = mem_alloc(sizeof(*f));
	f->pipe = f->guard = f->dir = -1;
	f->instance = opts->instance || opts->graph;
	f->graph = opts->graph;
	f->path = mem_string(root);
	f->top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->top < 0)
		bad = failed(err, errno, "open '%s'", root);
	else
		bad = f->instance ? open_instance(f, err) : open_top(f, opts, err);
	if (!bad) {
		read_losses(f, &f->before);
		return f;
	}
	ftrace_close(f, &ignored);
	error_clear(&ignored);
	return NULL;
}

const char *ftrace_path(const struct ftrace *f)
{
	return f->path;
}

/* ---- files ---- */

/* E-ARGS or E-FEATURE, or what the system said */
static int file_failed(struct ftrace *f, int sys, const char *verb, const char *file,
	struct error *err)
{
	char *what = mem_format("%s '%s/%s'", verb, f->path, file);

	if (sys == EDOM)
		error_set(err, "E-TRACEFS", "%s: it has no value that could be put back", what);
	else if (sys == ENOENT)
		error_set(err, "E-FEATURE", "%s: this kernel has no such file%s", what,
			f->instance ? " for an instance" : "");
	else
		failed(err, sys, "%s", what);
	free(what);
	return -1;
}

static int check_file(const char *file, struct error *err)
{
	if (!strstr(file, "..") && ftrace_kind(file))
		return 0;
	return error_set(err, "E-ARGS", "'%s' is no setting of tracefs that can be put back", file);
}

/* the file below f->dir, caller owns */
static char *place(const struct ftrace *f, const char *file)
{
	bool above = f->graph && ftrace_graph_shares(file) &&
		faccessat(f->dir, file, F_OK, 0) < 0;

	return mem_format("%s%s", above ? FTRACE_TOP : "", file);
}

static int get_at(struct ftrace *f, const char *at, struct buf *ret, struct error *err)
{
	int sys = ftrace_file_get(f->dir, at, ret);

	return sys ? file_failed(f, sys, "read", at, err) : 0;
}

int ftrace_get(struct ftrace *f, const char *file, struct buf *ret, struct error *err)
{
	char *at;
	int bad;

	if (check_file(file, err))
		return -1;
	at = place(f, file);
	bad = get_at(f, at, ret, err);
	free(at);
	return bad;
}

/* to the guard: what was there */
static int note(struct ftrace *f, const char *file, const char *value, struct error *err)
{
	char *record = mem_format("%s\n%zu\n%s", file, strlen(value), value), *at = record;
	size_t left = strlen(record);
	ssize_t n = 0;
	int sys = 0;

	while (left > 0 && !sys) {
		n = send(f->guard, at, left, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			sys = errno;
		at += n > 0 ? n : 0;
		left -= n > 0 ? n : 0;
	}
	free(record);
	return sys ? error_sys(err, "E-LIMIT", sys, "tell " COMM) : 0;
}

/* "function_graph" is not in "blk function nop" */
static bool is_missing_tracer(struct ftrace *f, const char *file, const char *value)
{
	struct buf text = BUF_INIT;
	char *rest, *word;
	bool found = false;

	if (strcmp(file, "current_tracer") != 0 ||
		ftrace_file_text(f->dir, "available_tracers", &text)) {
		buf_release(&text);
		return false;
	}
	rest = text.data;
	while (!found && (word = strsep(&rest, " \n")) != NULL)
		found = strcmp(word, value) == 0;
	buf_release(&text);
	return !found;
}

static int set_failed(struct ftrace *f, int sys, const char *file, const char *value,
	struct error *err)
{
	if (is_missing_tracer(f, file, value))
		return error_set(err, "E-FEATURE", "this kernel has no tracer '%s'", value);
	if (sys == EINVAL && f->instance && strcmp(file, "current_tracer") == 0)
		return error_set(err, "E-FEATURE",
			"the tracer '%s' of this kernel has no instances", value);
	file_failed(f, sys, "write", file, err);
	if (sys == EBUSY)
		error_hint(err, "somebody reads trace_pipe, or the function profiler is on");
	return -1;
}

/* an empty list means everything: never that where words were asked for */
static int check_list(struct ftrace *f, const char *file, const char *value, struct error *err)
{
	struct buf now = BUF_INIT;
	int sys;

	if (value[strspn(value, " \t\n")] == '\0')
		return 0;
	sys = ftrace_file_get(f->dir, file, &now);
	if (!sys && now.len == 0)
		sys = EINVAL;
	buf_release(&now);
	return sys ? set_failed(f, sys, file, value, err) : 0;
}

static int set_at(struct ftrace *f, const char *at, const char *value, struct error *err)
{
	struct buf old = BUF_INIT;
	int bad = get_at(f, at, &old, err), sys;

	if (!bad)
		bad = note(f, at, old.data, err);
	buf_release(&old);
	if (bad)
		return -1;
	sys = ftrace_file_put(f->dir, at, value);
	if (sys)
		return set_failed(f, sys, at, value, err);
	/* that empties the buffer and its counters */
	if (strcmp(at, "current_tracer") == 0)
		memset(&f->before, 0, sizeof(f->before));
	return ftrace_kind(at)->list ? check_list(f, at, value, err) : 0;
}

int ftrace_set(struct ftrace *f, const char *file, const char *value, struct error *err)
{
	char *at;
	int bad;

	if (check_file(file, err))
		return -1;
	at = place(f, file);
	bad = set_at(f, at, value, err);
	free(at);
	return bad;
}

/* ---- the buffer ---- */

static int open_pipe(struct ftrace *f, struct error *err)
{
	f->pipe = openat(f->dir, "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (f->pipe < 0)
		return file_failed(f, errno, "open", "trace_pipe", err);
	return 0;
}

int ftrace_read(struct ftrace *f, size_t most, struct buf *ret, struct error *err)
{
	size_t begin = ret->len;
	ssize_t n = 0;

	if (f->pipe < 0 && open_pipe(f, err))
		return -1;
	while (ret->len - begin < most) {
		n = read(f->pipe, buf_reserve(ret, CHUNK), CHUNK);
		if (n > 0)
			ret->len += n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return file_failed(f, errno, "read", "trace_pipe", err);
	ret->data[ret->len] = '\0';
	return n > 0;
}

void ftrace_lost(struct ftrace *f, struct ftrace_losses *ret)
{
	read_losses(f, ret);
	/* whoever empties the buffer sets them back */
	ret->overrun -= ret->overrun >= f->before.overrun ? f->before.overrun : 0;
	ret->dropped -= ret->dropped >= f->before.dropped ? f->before.dropped : 0;
}

/* records that are in a CPU's buffer no more */
static uint64_t gone(const char *stats)
{
	return ftrace_row(stats, "read events") + ftrace_row(stats, "overrun");
}

static void mark_cpu(void *arg, unsigned cpu, const char *stats)
{
	struct ftrace *f = arg;

	while (f->n_marks <= cpu)
		*MEM_GROW(f->marks, f->n_marks) = 0;
	f->marks[cpu] = gone(stats) + ftrace_row(stats, "entries");
}

void ftrace_mark(struct ftrace *f)
{
	f->n_marks = 0;
	ftrace_each_cpu(f->dir, mark_cpu, f);
}

struct question {
	const struct ftrace *f;
	bool is_read;
};

static void ask_cpu(void *arg, unsigned cpu, const char *stats)
{
	struct question *q = arg;

	if (cpu < q->f->n_marks && gone(stats) < q->f->marks[cpu])
		q->is_read = false;
}

bool ftrace_is_read(struct ftrace *f)
{
	struct question q = { f, true };

	ftrace_each_cpu(f->dir, ask_cpu, &q);
	return q.is_read;
}

/* ---- the end ---- */

/* 0 when the guard has ended, and had nothing to say */
static int end_guard(struct ftrace *f, struct error *err)
{
	struct buf said = BUF_INIT;
	int bad = 0;

	shutdown(f->guard, SHUT_WR);
	read_journal(f->guard, &said);
	close(f->guard);
	if (!said.len || said.data[said.len - 1]) {
		bad = error_set(err, "E-TRACEFS", COMM " was killed: '%s' is not put back",
			f->path);
	} else if (said.len > 1) {
		said.data[said.len - 2] = '\0';
		bad = error_set(err, "E-TRACEFS", "not put back in '%s': %s", f->path, said.data);
	}
	buf_release(&said);
	return bad;
}

int ftrace_close(struct ftrace *f, struct error *err)
{
	int bad = 0;

	if (!f)
		return 0;
	if (f->pipe >= 0)
		close(f->pipe);		/* the tracer cannot change while it is open */
	if (f->instance && f->dir >= 0)
		close(f->dir);
	if (f->guard >= 0)
		bad = end_guard(f, err);
	if (f->top >= 0)
		close(f->top);
	free(f->marks);
	free(f->path);
	free(f);
	return bad;
}
