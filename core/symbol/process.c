/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"
#include "search.h"

enum { PROC_FILE_MAX = 64 << 20, IMAGE_MAX = 1 << 20 };

int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

struct process *process_new(uint32_t pid)
{
	struct process *p = mem_alloc(sizeof(*p));

	p->pid = p->ns_pid = pid;
	return p;
}

static void free_maps(struct mapping *maps, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(maps[i].path);
	free(maps);
}

void process_free(struct process *p)
{
	if (!p)
		return;
	free_maps(p->maps, p->n_maps);
	free(p);
}

/* appends /proc/PID/name */
static bool read_proc(const struct process *p, const char *name, struct buf *out)
{
	struct error err = ERROR_INIT;
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", p->pid, name);
	ret = file_read(path, PROC_FILE_MAX, out, &err);
	error_clear(&err);
	return ret == 0;
}

/* ---- maps ---- */

static void set_path(struct mapping *m, char *path)
{
	static const char mark[] = " (deleted)";

	m->deleted = str_ends(path, mark);
	if (m->deleted)
		path[strlen(path) - strlen(mark)] = '\0';
	m->path = mem_string(path);
}

/* "7f1c-7f1e r-xp 00001000 fe:00 1234    /usr/lib/libc.so.6"; false: not executable */
static bool parse_mapping(char *line, struct mapping *m)
{
	unsigned major, minor;
	char perms[5];
	int path = 0;

	memset(m, 0, sizeof(*m));
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		&m->start, &m->end, perms, &m->offset, &major, &minor, &m->inode, &path) < 7)
		return false;
	if (!strchr(perms, 'x') || !path || m->end <= m->start)
		return false;
	m->device = makedev(major, minor);
	set_path(m, line + path);
	return true;
}

static size_t parse_maps(char *text, struct mapping **ret)
{
	struct mapping m;
	char *line, *rest = text;
	size_t n = 0;

	*ret = NULL;
	while ((line = strsep(&rest, "\n"))) {
		if (parse_mapping(line, &m))
			*MEM_GROW(*ret, n) = m;
	}
	return n;
}

struct mapping *process_find(struct process *p, uint64_t addr)
{
	size_t at = COUNT_UP_TO(p->maps, p->n_maps, addr);

	return at && addr < p->maps[at - 1].end ? &p->maps[at - 1] : NULL;
}

static bool same_mapping(const struct mapping *a, const struct mapping *b)
{
	return a->start == b->start && a->offset == b->offset && a->device == b->device &&
		a->inode == b->inode && strcmp(a->path, b->path) == 0;
}

static void keep_tables(struct process *p, struct mapping *maps, size_t n)
{
	struct mapping *old;
	size_t i;

	for (i = 0; i < n; i++) {
		old = process_find(p, maps[i].start);
		if (old && old->table && same_mapping(old, &maps[i])) {
			maps[i].table = old->table;
			maps[i].tried = true;
		}
	}
}

/* ---- who it is ---- */

static const char *status_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) : NULL;
}

static void read_status(struct process *p)
{
	struct buf b = BUF_INIT;
	const char *field, *blank;

	if (read_proc(p, "status", &b)) {
		field = status_field(b.data, "\nUid:");
		if (field)
			sscanf(field, "%*u %u", &p->uid);
		/* one number for each pid namespace, ours first; absent before 4.1 */
		field = status_field(b.data, "\nNSpid:");
		if (field) {
			for (blank = field; *blank && *blank != '\n'; blank++) {
				if (*blank == '\t' || *blank == ' ')
					field = blank;
			}
			sscanf(field, "%" SCNu32, &p->ns_pid);
		}
	}
	buf_release(&b);
}

static const char *skip_fields(const char *at, int n)
{
	while (at && n--)
		at = strchr(at + 1, ' ');
	return at;
}

static uint64_t number_at(const char *at)
{
	return at ? strtoull(at, NULL, 10) : 0;
}

/* fields 22 and 28 of stat; the command name in front may hold anything */
static void read_stat(const struct process *p, struct identity *ret)
{
	struct buf b = BUF_INIT;
	const char *at;

	at = read_proc(p, "stat", &b) ? strrchr(b.data, ')') : NULL;
	at = skip_fields(at, 20);
	ret->started = number_at(at);
	ret->stack = number_at(skip_fields(at, 6));
	buf_release(&b);
}

static struct identity read_identity(const struct process *p)
{
	struct identity ret = { 0 };
	char path[64];
	struct stat st;

	read_stat(p, &ret);
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", p->pid);
	if (stat(path, &st) == 0) {
		ret.device = st.st_dev;
		ret.inode = st.st_ino;
	}
	return ret;
}

/* what is not known of one of them tells nothing */
static bool is_other(const struct identity *a, const struct identity *b)
{
	if (!a->started || !b->started)
		return false;
	return a->started != b->started ||
		(a->stack && b->stack && a->stack != b->stack) ||
		(a->inode && b->inode && (a->inode != b->inode || a->device != b->device));
}

bool process_has_ended(const struct process *p)
{
	struct identity now = { 0 };

	read_stat(p, &now);
	return !now.started || (p->is.started && now.started != p->is.started);
}

static void forget_maps(struct process *p)
{
	free_maps(p->maps, p->n_maps);
	p->maps = NULL;
	p->n_maps = 0;
}

void process_check(struct process *p)
{
	struct identity now = read_identity(p);

	p->checked = clock_ms();
	if (!is_other(&p->is, &now))
		return;
	forget_maps(p);
	process_load(p);
}

bool process_load(struct process *p)
{
	struct mapping *maps = NULL;
	struct buf b = BUF_INIT;
	struct identity is;
	size_t n = 0;

	p->loaded = p->checked = clock_ms();
	is = read_identity(p);
	if (read_proc(p, "maps", &b))
		n = parse_maps(b.data, &maps);
	buf_release(&b);
	if (!n)		/* a zombie's list is empty */
		return false;
	if (is.started == p->is.started)
		keep_tables(p, maps, n);
	p->is = is;
	forget_maps(p);
	p->maps = maps;
	p->n_maps = n;
	read_status(p);
	return true;
}

/* ---- files ---- */

static int open_if_inode(const char *path, uint64_t inode)
{
	int fd = open_regular(path, 0);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_ino != inode)) {
		close(fd);
		return -1;
	}
	return fd;
}

char *process_path(const struct process *p, const struct mapping *m)
{
	return mem_format("/proc/%" PRIu32 "/root%s", p->pid, m->path);
}

static int open_map_file(const struct process *p, const struct mapping *m)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, p->pid,
		m->start, m->end);
	return open_regular(path, 0);
}

static int open_exe(const struct process *p, const struct mapping *m)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", p->pid);
	return open_if_inode(path, m->inode);
}

/*
 * map_files is the mapped file itself, but wants CAP_SYS_ADMIN, or a
 * neighbour of it.  A path may lead to another file by now, so the inode is
 * compared; file systems in layers report several for one file, so at last
 * the path alone must do, unless the file is deleted.
 */
int process_open(const struct process *p, const struct mapping *m)
{
	char *path;
	int fd;

	if (m->path[0] != '/' || !m->inode)
		return -1;
	fd = open_map_file(p, m);
	if (fd >= 0)
		return fd;
	path = process_path(p, m);
	fd = open_if_inode(path, m->inode);
	if (fd < 0)
		fd = open_exe(p, m);
	if (fd < 0)
		fd = open_if_inode(m->path, m->inode);
	if (fd < 0 && !m->deleted)
		fd = open_regular(path, 0);
	free(path);
	return fd;
}

bool process_read(const struct process *p, const struct mapping *m, struct buf *out)
{
	size_t size = m->end - m->start;
	char path[64];
	ssize_t n = -1;
	int fd;

	if (size > IMAGE_MAX)
		return false;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/mem", p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, buf_reserve(out, size), size, m->start);
	close(fd);
	if (n > 0)
		out->len += n;
	return n == (ssize_t)size;
}
