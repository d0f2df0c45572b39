/* SPDX-License-Identifier: Apache-2.0 */
/* Is the tracer at the top level anybody's? */
#include "load/ftrace_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* ---- which process ---- */

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

static bool is_below(const char *file, const char *dir)
{
	return str_starts(file, dir) && file[strlen(dir)] == '/';
}

/* does the process have a file below path open, or one by tracefs' usual names? */
static bool has_open(const char *pid, const char *path)
{
	char dir[300], at[600], target[600];
	struct dirent *d;
	bool found = false;
	ssize_t n;
	DIR *fds;

	snprintf(dir, sizeof(dir), "/proc/%s/fd", pid);
	fds = opendir(dir);
	while (fds && !found && (d = readdir(fds)) != NULL) {
		snprintf(at, sizeof(at), "%s/%s", dir, d->d_name);
		n = readlink(at, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		found = is_below(target, path) || is_below(target, "/sys/kernel/tracing") ||
			is_below(target, "/sys/kernel/debug/tracing");
	}
	if (fds)
		closedir(fds);
	return found;
}

static void add_name(const char *pid, struct buf *out)
{
	char path[300], comm[32] = "?\n";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	str_clean(comm);
	buf_addf(out, " (by %s, process %s)", comm, pid);
}

void ftrace_add_user(const char *path, struct buf *out)
{
	DIR *proc = opendir("/proc");
	bool found = false;
	struct dirent *d;

	while (proc && !found && (d = readdir(proc)) != NULL) {
		if (!is_number(d->d_name) || strtol(d->d_name, NULL, 10) == getpid())
			continue;
		found = has_open(d->d_name, path);
		if (found)
			add_name(d->d_name, out);
	}
	if (proc)
		closedir(proc);
}

/* ---- what for ---- */

static const struct {
	const char *file, *free;	/* its value where nobody uses it */
	const char *what;
	bool graph;			/* also what graph tracers of instances are set by */
} uses[] = {
	{ "current_tracer", "nop", "the tracer is on", false },
	{ "set_event", "", "events are on", false },
	{ "set_graph_function", "", "functions are chosen", true },
	{ "set_graph_notrace", "", "functions are excluded", true },
	{ "set_ftrace_filter", "", "functions are chosen", false },
	{ "set_ftrace_notrace", "", "functions are excluded", false },
	{ "set_ftrace_notrace_pid", "", "processes are excluded", false },
	{ "set_ftrace_pid", "", "processes are chosen", false },
	{ "tracing_thresh", "0", "a threshold is set", true },
	{ "max_graph_depth", "0", "a depth is set", true },
};

static int busy(struct error *err, const char *path, const char *what, const char *file,
	const char *value)
{
	struct buf who = BUF_INIT;

	ftrace_add_user(path, &who);
	error_set(err, "E-BUSY", "the kernel's tracer is in use%s: %s, %s is '%.*s'", who.data,
		what, file, (int)strcspn(value, "\n"), value);
	error_hint(err, "two at once would spoil both; if it is a leftover, reset it in %s", path);
	buf_release(&who);
	return -1;
}

static int full(struct error *err, const char *path, uint64_t entries)
{
	error_set(err, "E-BUSY", "the kernel's trace buffer holds %llu records of somebody, "
		"which would be lost", (unsigned long long)entries);
	return error_hint(err, "empty it: echo > %s/trace", path);
}

static int check_uses(int dir, const char *path, bool graph, struct error *err)
{
	struct buf value = BUF_INIT;
	int bad = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses) && !bad; i++) {
		if (graph && !uses[i].graph)
			continue;
		buf_clear(&value);
		/* not every kernel has every file */
		if (ftrace_file_get(dir, uses[i].file, &value))
			continue;
		if (strcmp(value.data, uses[i].free) != 0)
			bad = busy(err, path, uses[i].what, uses[i].file, value.data);
	}
	buf_release(&value);
	return bad;
}

int ftrace_free(int dir, const char *path, bool force, struct error *err)
{
	uint64_t entries;

	if (check_uses(dir, path, false, err))
		return -1;
	entries = force ? 0 : ftrace_stat(dir, "entries");
	return entries ? full(err, path, entries) : 0;
}

/* ---- by an instance of the graph tracer ---- */

bool ftrace_graph_shares(const char *file)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		if (uses[i].graph && strcmp(uses[i].file, file) == 0)
			return true;
	}
	return false;
}

/* the tracers of latencies, too, go by the threshold */
static bool has_no_part(const char *tracer)
{
	return strcmp(tracer, "nop") == 0 || strcmp(tracer, "function") == 0;
}

static int check_tracer(int dir, const char *path, struct error *err)
{
	struct buf tracer = BUF_INIT;
	int bad = 0;

	/* an instance may be gone by now */
	if (ftrace_file_get(dir, "current_tracer", &tracer) == 0 && !has_no_part(tracer.data))
		bad = busy(err, path, "the tracer is on", "current_tracer", tracer.data);
	buf_release(&tracer);
	return bad;
}

static int check_instance(int instances, const char *path, const char *name, struct error *err)
{
	char *dir = mem_format("%s/instances/%s", path, name);
	int fd = openat(instances, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = fd < 0 ? 0 : check_tracer(fd, dir, err);

	if (fd >= 0)
		close(fd);
	free(dir);
	return bad;
}

int ftrace_graph_free(int dir, const char *path, struct error *err)
{
	int fd, bad = check_tracer(dir, path, err);
	struct dirent *d;
	DIR *all;

	if (bad || check_uses(dir, path, true, err))
		return -1;
	fd = openat(dir, "instances", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	all = fd < 0 ? NULL : fdopendir(fd);
	while (all && !bad && (d = readdir(all)) != NULL) {
		if (d->d_name[0] != '.')
			bad = check_instance(fd, path, d->d_name, err);
	}
	if (all)
		closedir(all);
	else if (fd >= 0)
		close(fd);
	return bad;
}
