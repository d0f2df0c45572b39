/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"
#include "demangle.h"
#include "search.h"
#include "symbol.h"

/* ---- the table ---- */

struct esym {
	uint64_t vaddr;		/* first: see search.h */
	uint32_t size, name;
};

struct elf_table {
	struct elf_segments segments;
	struct esym *syms;	/* by vaddr, one for each */
	size_t n_syms;
	char *names;
	char **demangled;	/* by symbol; NULL: not asked for, the name itself: not mangled */
};

enum { NESTING_MAX = 8 };

struct candidate {
	struct esym sym;
	uint32_t rank;		/* among those of one address: the least wins */
};

struct collection {
	const struct elf_segments *segments;
	struct candidate *list;
	size_t n;
	struct buf names;
};

/*
 * Of a function's names the one that people know: sized before unsized,
 * then few leading underscores, global, short.
 */
static uint32_t rank_of(const struct elf_symbol *sym)
{
	size_t underscores = 0, len = sym->name_len < 255 ? sym->name_len : 255;
	uint32_t bind = sym->bind == STB_GLOBAL ? 0 : sym->bind == STB_WEAK ? 1 : 2;

	while (underscores < 15 && underscores < len && sym->name[underscores] == '_')
		underscores++;
	return (uint32_t)(sym->size == 0) << 24 | (uint32_t)(sym->type == STT_NOTYPE) << 20 |
		underscores << 12 | bind << 8 | len;
}

static bool collect(void *arg, const struct elf_symbol *sym)
{
	struct collection *c = arg;
	struct candidate *k;

	if (!segments_find(c->segments, sym->vaddr) || c->names.len > UINT32_MAX / 2 ||
		sym->name_len > UINT16_MAX)
		return true;
	k = MEM_GROW(c->list, c->n);
	k->sym.vaddr = sym->vaddr;
	k->sym.size = sym->size < UINT32_MAX ? sym->size : UINT32_MAX;
	k->sym.name = c->names.len;
	k->rank = rank_of(sym);
	buf_add(&c->names, sym->name, sym->name_len);
	buf_addc(&c->names, '\0');
	return true;
}

static int compare_candidates(const void *a, const void *b, void *arg)
{
	const struct candidate *x = a, *y = b;
	const char *names = arg;

	if (x->sym.vaddr != y->sym.vaddr)
		return x->sym.vaddr < y->sym.vaddr ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(names + x->sym.name, names + y->sym.name);
}

/* the best of each address; labels inside of a function are not functions */
static void choose(struct elf_table *t, const struct collection *c)
{
	uint64_t last = 0, covered = 0;
	size_t i;

	t->syms = mem_array(c->n, sizeof(t->syms[0]));
	for (i = 0; i < c->n; i++) {
		const struct esym *s = &c->list[i].sym;

		if (t->n_syms && s->vaddr == last)
			continue;
		if (!s->size && s->vaddr < covered)
			continue;
		last = s->vaddr;
		if (s->vaddr + s->size > covered)
			covered = s->vaddr + s->size;
		t->syms[t->n_syms++] = *s;
	}
}

/* a function of unknown size ends where the next one starts, or its segment does */
static void close_gaps(struct elf_table *t)
{
	const struct elf_segment *g;
	uint64_t end;
	size_t i;

	for (i = 0; i < t->n_syms; i++) {
		struct esym *s = &t->syms[i];

		if (s->size)
			continue;
		g = segments_find(&t->segments, s->vaddr);
		end = g->vaddr + g->mem_size;
		if (i + 1 < t->n_syms && t->syms[i + 1].vaddr < end)
			end = t->syms[i + 1].vaddr;
		end -= s->vaddr;
		s->size = end < UINT32_MAX ? end : UINT32_MAX;
	}
}

static void copy_segments(struct elf_table *t, const struct elf_segments *from)
{
	t->segments.n = from->n;
	t->segments.list = mem_copy(from->list, from->n * sizeof(from->list[0]));
}

static void fill(struct elf_table *t, const struct elf_file *f, const struct elf_file *debug)
{
	struct collection c = { .segments = elf_file_segments(f), .names = BUF_INIT };

	copy_segments(t, c.segments);
	elf_file_each(f, debug, collect, &c);
	if (c.n)
		qsort_r(c.list, c.n, sizeof(c.list[0]), compare_candidates, c.names.data);
	choose(t, &c);
	close_gaps(t);
	t->names = buf_take(&c.names, NULL);
	free(c.list);
}

struct elf_table *elf_table_load(int fd, const char *path)
{
	struct elf_table *t = mem_alloc(sizeof(*t));
	struct elf_file *f = elf_file_open(fd), *debug = NULL;

	if (!f)
		return t;
	if (!elf_file_has_symtab(f))
		debug = elf_file_open_debug(f, path);
	fill(t, f, debug);
	elf_file_close(debug);
	elf_file_close(f);
	return t;
}

struct elf_table *elf_table_of_memory(const void *image, size_t size)
{
	struct elf_table *t = mem_alloc(sizeof(*t));
	struct elf_file *f = elf_file_of_memory(image, size);

	if (!f)
		return t;
	fill(t, f, NULL);
	elf_file_close(f);
	return t;
}

void elf_table_free(struct elf_table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; t->demangled && i < t->n_syms; i++) {
		if (t->demangled[i] != t->names + t->syms[i].name)
			free(t->demangled[i]);
	}
	free(t->demangled);
	free(t->syms);
	free(t->names);
	free(t->segments.list);
	free(t);
}

/* the innermost function around vaddr */
static const struct esym *find(const struct elf_table *t, uint64_t vaddr)
{
	size_t at = COUNT_UP_TO(t->syms, t->n_syms, vaddr), i;

	for (i = 0; i < NESTING_MAX && at-- > 0; i++) {
		if (vaddr - t->syms[at].vaddr < t->syms[at].size)
			return &t->syms[at];
	}
	return NULL;
}

static const char *demangled_name(struct elf_table *t, const struct esym *s)
{
	char *name = t->names + s->name, **cached;

	if (name[0] != '_')
		return name;
	if (!t->demangled)
		t->demangled = mem_array(t->n_syms, sizeof(t->demangled[0]));
	cached = &t->demangled[s - t->syms];
	if (!*cached)
		*cached = demangle(name);
	if (!*cached)
		*cached = name;
	return *cached;
}

const char *elf_table_at(struct elf_table *t, uint64_t file_offset, bool demangled,
	uint64_t *ret_offset)
{
	const struct esym *s;
	uint64_t vaddr;

	if (!segments_vaddr(&t->segments, file_offset, &vaddr))
		return NULL;
	s = find(t, vaddr);
	if (!s)
		return NULL;
	*ret_offset = vaddr - s->vaddr;
	return demangled ? demangled_name(t, s) : t->names + s->name;
}

/* ---- offsets for uprobes ---- */

static struct elf_file *open_file(const char *path, struct elf_file **ret_debug,
	struct error *err)
{
	int fd = open_regular(path, 0);
	struct elf_file *f;

	if (fd < 0) {
		error_sys(err, "E-FILE", errno, "open '%s'", path);
		return NULL;
	}
	f = elf_file_open(fd);
	if (!f) {
		error_set(err, "E-FILE", "'%s' is no ELF file, or a damaged one", path);
		return NULL;
	}
	*ret_debug = elf_file_has_symtab(f) ? NULL : elf_file_open_debug(f, path);
	return f;
}

struct wanted {
	const char *name;
	size_t len, n_seen;
	const struct elf_segments *segments;
	unsigned rank;		/* of what was found: the least wins; ~0: nothing yet */
	uint64_t offset;
};

static bool match_name(void *arg, const struct elf_symbol *sym)
{
	struct wanted *w = arg;
	unsigned rank;
	uint64_t offset;

	w->n_seen++;
	if (sym->name_len != w->len || memcmp(sym->name, w->name, w->len) != 0)
		return true;
	rank = (sym->type == STT_NOTYPE) << 2 | sym->old_version << 1 | (sym->bind == STB_LOCAL);
	if (rank < w->rank && segments_offset(w->segments, sym->vaddr, &offset)) {
		w->rank = rank;
		w->offset = offset;
	}
	return true;
}

static bool offer_name(void *arg, const struct elf_symbol *sym)
{
	struct nearest *n = arg;
	char name[256];

	if (sym->name_len < sizeof(name)) {
		memcpy(name, sym->name, sym->name_len);
		name[sym->name_len] = '\0';
		nearest_offer(n, name);
	}
	return true;
}

static int no_such_function(const struct elf_file *f, const struct elf_file *debug,
	const char *path, const struct wanted *w, struct error *err)
{
	struct nearest n;

	error_set(err, "E-PROBE", "no function '%s' in '%s'", w->name, path);
	if (!w->n_seen)
		return error_hint(err, "the file has no symbols: install its debug symbols, or "
			"give an address");
	nearest_init(&n, w->name);
	elf_file_each(f, debug, offer_name, &n);
	return error_take_hint(err, nearest_hint(&n));
}

int symbol_file_offset(const char *path, const char *name, uint64_t *ret_offset,
	struct error *err)
{
	struct wanted w = { .name = name, .len = strlen(name), .rank = ~0u };
	struct elf_file *debug, *f = open_file(path, &debug, err);
	int ret = 0;

	if (!f)
		return -1;
	w.segments = elf_file_segments(f);
	elf_file_each(f, debug, match_name, &w);
	if (w.rank == ~0u)
		ret = no_such_function(f, debug, path, &w, err);
	else
		*ret_offset = w.offset;
	elf_file_close(debug);
	elf_file_close(f);
	return ret;
}

struct match {
	char *name;
	uint64_t offset;
};

struct matches {
	const char *glob;
	const struct elf_segments *segments;
	struct match *list;
	size_t n;
};

static bool match_glob(void *arg, const struct elf_symbol *sym)
{
	struct matches *m = arg;
	char *name = mem_string_n(sym->name, sym->name_len);
	struct match match = { .name = name };

	if (fnmatch(m->glob, name, 0) == 0 &&
		segments_offset(m->segments, sym->vaddr, &match.offset))
		*MEM_GROW(m->list, m->n) = match;
	else
		free(name);
	return true;
}

static int compare_matches(const void *a, const void *b)
{
	const struct match *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* in order, each name and offset once */
static void report(const struct matches *m, bool (*fn)(void *arg, const char *name,
	uint64_t offset), void *arg)
{
	size_t i;

	if (m->n)
		qsort(m->list, m->n, sizeof(m->list[0]), compare_matches);
	for (i = 0; i < m->n; i++) {
		if (i && compare_matches(&m->list[i - 1], &m->list[i]) == 0)
			continue;
		if (!fn(arg, m->list[i].name, m->list[i].offset))
			return;
	}
}

int symbol_file_functions(const char *path, const char *glob,
	bool (*fn)(void *arg, const char *name, uint64_t offset), void *arg, struct error *err)
{
	struct elf_file *debug, *f = open_file(path, &debug, err);
	struct matches m = { .glob = glob };
	size_t i;

	if (!f)
		return -1;
	m.segments = elf_file_segments(f);
	elf_file_each(f, debug, match_glob, &m);
	elf_file_close(debug);
	report(&m, fn, arg);
	elf_file_close(f);
	for (i = 0; i < m.n; i++)
		free(m.list[i].name);
	free(m.list);
	return 0;
}
