/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_map.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/open.h"
#include "search.h"

enum { FILE_MAX = 256 << 20, OVERLAP_MAX = 16 };

struct jit_symbol {
	uint64_t addr;		/* first: see search.h */
	uint64_t size;
	const char *name;
	size_t line;		/* code is overwritten by newer code: the later line wins */
};

struct perf_map {
	struct jit_symbol *syms;	/* by address, one for each */
	size_t n_syms, n_lines;
	char **texts;		/* what the names point into */
	size_t n_texts;
	dev_t device;
	ino_t inode;
	off_t consumed;
};

struct perf_map *perf_map_new(void)
{
	return mem_alloc(sizeof(struct perf_map));
}

void perf_map_free(struct perf_map *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->n_texts; i++)
		free(m->texts[i]);
	free(m->texts);
	free(m->syms);
	free(m);
}

/* ---- reading ---- */

static void parse_line(struct perf_map *m, char *line)
{
	struct jit_symbol s = { .line = m->n_lines++ };
	char *end;

	s.addr = strtoull(line, &end, 16);
	if (end == line || *end != ' ')
		return;
	line = end;
	s.size = strtoull(line, &end, 16);
	if (end == line || *end != ' ' || !end[1] || !s.size)
		return;
	s.name = end + 1;
	*MEM_GROW(m->syms, m->n_syms) = s;
}

static int compare(const void *a, const void *b)
{
	const struct jit_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->line > y->line ? -1 : x->line < y->line;
}

static void sort(struct perf_map *m)
{
	struct jit_symbol *kept = NULL;
	size_t i, n = 0;

	if (!m->n_syms)
		return;
	qsort(m->syms, m->n_syms, sizeof(m->syms[0]), compare);
	for (i = 0; i < m->n_syms; i++) {
		if (!i || m->syms[i].addr != m->syms[i - 1].addr)
			*MEM_GROW(kept, n) = m->syms[i];
	}
	free(m->syms);
	m->syms = kept;
	m->n_syms = n;
}

/* only whole lines: the process may be writing the last one */
static void parse(struct perf_map *m, struct buf *b)
{
	char *end = memrchr(b->data, '\n', b->len), *line, *rest;

	if (!end)
		return;
	*end = '\0';
	m->consumed += end + 1 - b->data;
	rest = *MEM_GROW(m->texts, m->n_texts) = buf_take(b, NULL);
	while ((line = strsep(&rest, "\n")))
		parse_line(m, line);
	sort(m);
}

static void read_on(struct perf_map *m, int fd, const struct stat *st)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	if (st->st_dev != m->device || st->st_ino != m->inode || st->st_size < m->consumed) {
		m->n_syms = 0;
		m->consumed = 0;
		free(m->syms);
		m->syms = NULL;
		m->device = st->st_dev;
		m->inode = st->st_ino;
	}
	if (st->st_size > m->consumed && lseek(fd, m->consumed, SEEK_SET) == m->consumed &&
		file_read_fd(fd, "perf map", FILE_MAX, &b, &err) == 0)
		parse(m, &b);
	error_clear(&err);
	buf_release(&b);
}

/* A process that is gone may have left its map behind, if its /tmp is ours. */
static int open_map(const struct process *p)
{
	char *path = mem_format("/proc/%" PRIu32 "/root/tmp/perf-%" PRIu32 ".map", p->pid,
		p->ns_pid);
	char *root = mem_format("/proc/%" PRIu32, p->pid);
	int fd = open_regular(path, O_NOFOLLOW);

	free(path);
	if (fd < 0 && p->pid == p->ns_pid && access(root, F_OK) < 0) {
		path = mem_format("/tmp/perf-%" PRIu32 ".map", p->pid);
		fd = open_regular(path, O_NOFOLLOW);
		free(path);
	}
	free(root);
	return fd;
}

void perf_map_update(struct perf_map *m, const struct process *p)
{
	int fd = open_map(p);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == p->uid))
		read_on(m, fd, &st);
	close(fd);
}

/* ---- look-up ---- */

const char *perf_map_at(const struct perf_map *m, uint64_t addr, uint64_t *ret_offset)
{
	const struct jit_symbol *s, *found = NULL;
	size_t at = COUNT_UP_TO(m->syms, m->n_syms, addr), i;

	for (i = 0; i < OVERLAP_MAX && at-- > 0; i++) {
		s = &m->syms[at];
		if (addr - s->addr < s->size && (!found || s->line > found->line))
			found = s;
	}
	if (!found)
		return NULL;
	*ret_offset = addr - found->addr;
	return found->name;
}
