/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns all that was lent: the kernel's list, one table for each distinct
 * file, perf maps, strings.  Processes only point there, so that they can
 * be forgotten while names live on.
 */
#include "symbol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "elf_symbols.h"
#include "kernel_list.h"
#include "perf_map.h"
#include "process.h"

/* a process that maps code at run time is looked at again this often, if an
 * address is not known */
enum {
	REFRESH_MS = 1000,
	CHECK_MS = 50,		/* how old the knowledge may be that it is still the same program */
	FORGET_MS = 60000,	/* a process that has ended, after this time without a question */
};

struct image {
	char *data;
	size_t size;
	struct elf_table *table;
};

struct symbolizer {
	struct kernel_list *kernel;
	struct table *processes;	/* pid -> struct process */
	struct process *last;		/* the one asked for last, or NULL */
	int64_t swept;			/* when forget_ended() was there */
	struct table *perf_maps;	/* pid -> struct perf_map, never taken away */
	struct table *files;		/* identity -> struct elf_table */
	struct image *images;		/* vdsos: one for each ABI in use */
	size_t n_images;
	struct table *strings;		/* text -> itself */
	bool demangle;
};

struct symbolizer *symbolizer_new_from(const char *kallsyms)
{
	struct symbolizer *s = mem_alloc(sizeof(*s));

	s->kernel = kernel_list_new(kallsyms);
	s->processes = table_new();
	s->perf_maps = table_new();
	s->files = table_new();
	s->strings = table_new();
	s->demangle = true;
	return s;
}

struct symbolizer *symbolizer_new(void)
{
	return symbolizer_new_from("/proc/kallsyms");
}

static void free_process(void *p)
{
	process_free(p);
}

static void free_perf_map(void *m)
{
	perf_map_free(m);
}

static void free_elf_table(void *t)
{
	elf_table_free(t);
}

void symbolizer_free(struct symbolizer *s)
{
	size_t i;

	if (!s)
		return;
	table_free(s->processes, free_process);
	table_free(s->perf_maps, free_perf_map);
	table_free(s->files, free_elf_table);
	table_free(s->strings, free);
	for (i = 0; i < s->n_images; i++) {
		elf_table_free(s->images[i].table);
		free(s->images[i].data);
	}
	free(s->images);
	kernel_list_free(s->kernel);
	free(s);
}

void symbolizer_set_demangle(struct symbolizer *s, bool on)
{
	s->demangle = on;
}

static const char *keep_string(struct symbolizer *s, const char *text)
{
	char *kept = table_get(s->strings, text);

	if (!kept) {
		kept = mem_string(text);
		table_set(s->strings, text, kept);
	}
	return kept;
}

/* ---- the kernel ---- */

static struct kallsyms *kernel(struct symbolizer *s)
{
	return kernel_list_now(s->kernel);
}

bool symbol_kernel(struct symbolizer *s, uint64_t addr, struct symbol *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->name = kernel_list_at(s->kernel, addr, &ret->module, &ret->offset);
	if (ret->name && strcmp(ret->module, "vmlinux") != 0) {
		ret->name = keep_string(s, ret->name);
		ret->module = keep_string(s, ret->module);
	}
	return ret->name != NULL;
}

const char *symbolizer_kernel_problem(struct symbolizer *s)
{
	return kallsyms_problem(kernel_list_first(s->kernel));
}

uint64_t kernel_address(struct symbolizer *s, const char *name)
{
	return kallsyms_address(kernel(s), name);
}

bool kernel_has_module(struct symbolizer *s, const char *module)
{
	return kallsyms_has_module(kernel(s), module);
}

/* "MODULE:NAME", at its colon */
static enum function_state find_in_module(struct symbolizer *s, const char *name,
	const char *colon, const char **ret_name, char **ret_detail)
{
	char *module = mem_string_n(name, colon - name), *full;
	enum function_state state = kallsyms_find_in(kernel(s), module, colon + 1, ret_name,
		ret_detail);

	if (state == FUNCTION_THERE && strcmp(module, "vmlinux") != 0) {
		full = mem_format("%s:%s", module, *ret_name);
		*ret_name = keep_string(s, full);
		free(full);
	}
	free(module);
	return state;
}

enum function_state kernel_function_find(struct symbolizer *s, const char *name,
	const char **ret_name, char **ret_detail)
{
	const char *colon = strchr(name, ':');

	if (colon)
		return find_in_module(s, name, colon, ret_name, ret_detail);
	return kallsyms_find(kernel(s), name, ret_name, ret_detail);
}

const char *kernel_function(struct symbolizer *s, const char *name, char **near_hint)
{
	const char *found = NULL;
	enum function_state state;
	char *detail = NULL;

	if (!strchr(name, ':'))
		return kallsyms_function(kernel(s), name, near_hint);
	state = kernel_function_find(s, name, &found, &detail);
	if (state == FUNCTION_ABSENT && near_hint)
		*near_hint = detail;
	else
		free(detail);
	return state == FUNCTION_THERE ? found : NULL;
}

uint64_t kernel_function_address(struct symbolizer *s, const char *name)
{
	const char *found = NULL, *colon;
	char *detail = NULL, *module;
	enum function_state state = kernel_function_find(s, name, &found, &detail);
	uint64_t addr;

	free(detail);
	if (state != FUNCTION_THERE)
		return 0;
	/* a name alone is the kernel's own, if it has one */
	colon = strchr(found, ':');
	module = colon ? mem_string_n(found, colon - found) : mem_string("vmlinux");
	addr = kallsyms_address_in(kernel(s), module, colon ? colon + 1 : found);
	free(module);
	return addr || colon ? addr : kallsyms_address(kernel(s), found);
}

void kernel_functions(struct symbolizer *s, const char *glob,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg)
{
	kallsyms_each(kernel(s), glob, fn, arg);
}

void kernel_function_names(struct symbolizer *s, struct buf *out)
{
	kallsyms_names(kernel(s), out);
}

/* ---- processes ---- */

static const char *pid_key(char key[16], uint32_t pid)
{
	snprintf(key, 16, "%" PRIu32, pid);
	return key;
}

/* those that nobody asked for lately, and that are no more */
static void forget_ended(struct symbolizer *s)
{
	int64_t now = clock_ms();
	const char *key;
	size_t at = 0;
	void *p;

	if (now - s->swept < FORGET_MS)
		return;
	s->swept = now;
	s->last = NULL;
	while (table_next(s->processes, &at, &key, &p)) {
		if (now - ((struct process *)p)->checked >= FORGET_MS && process_has_ended(p))
			process_free(table_remove(s->processes, key));
	}
}

static struct process *get_process(struct symbolizer *s, uint32_t pid)
{
	struct process *p = s->last;
	char key[16];

	if (!p || p->pid != pid)
		p = table_get(s->processes, pid_key(key, pid));
	if (!p) {
		forget_ended(s);
		p = process_new(pid);
		table_set(s->processes, pid_key(key, pid), p);
		process_load(p);
	} else if (clock_ms() - p->checked >= CHECK_MS) {
		process_check(p);
	}
	s->last = p;
	return p;
}

void symbolizer_forget(struct symbolizer *s, uint32_t pid)
{
	char key[16];

	s->last = NULL;
	process_free(table_remove(s->processes, pid_key(key, pid)));
}

static struct elf_table *load_file(struct symbolizer *s, const struct process *p,
	const struct mapping *m)
{
	int fd = process_open(p, m);
	struct elf_table *t;
	struct stat st;
	char key[128], *path;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	snprintf(key, sizeof(key), "%jx:%ju:%jd:%jd.%09ld", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino, (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec);
	t = table_get(s->files, key);
	if (t) {
		close(fd);
		return t;
	}
	path = process_path(p, m);
	t = elf_table_load(fd, path);
	free(path);
	table_set(s->files, key, t);
	return t;
}

/* the vdso is no file, but the same bytes in each process of an ABI */
static struct elf_table *load_image(struct symbolizer *s, const struct process *p,
	const struct mapping *m)
{
	struct buf b = BUF_INIT;
	struct image *image;
	size_t i;

	if (!process_read(p, m, &b)) {
		buf_release(&b);
		return NULL;
	}
	for (i = 0; i < s->n_images; i++) {
		image = &s->images[i];
		if (image->size == b.len && memcmp(image->data, b.data, b.len) == 0) {
			buf_release(&b);
			return image->table;
		}
	}
	image = MEM_GROW(s->images, s->n_images);
	image->table = elf_table_of_memory(b.data, b.len);
	image->data = buf_take(&b, &image->size);
	return image->table;
}

static bool is_vdso(const struct mapping *m)
{
	return strcmp(m->path, "[vdso]") == 0;
}

/* the file's base name, "[vdso]" and the like; NULL: anonymous memory */
static const char *module_name(struct symbolizer *s, const struct mapping *m)
{
	const char *slash = strrchr(m->path, '/');

	if (!m->path[0] || str_starts(m->path, "//"))
		return NULL;
	return keep_string(s, slash ? slash + 1 : m->path);
}

static struct elf_table *get_table(struct symbolizer *s, const struct process *p,
	struct mapping *m)
{
	if (!m->module)
		m->module = module_name(s, m);
	if (!m->tried) {
		m->tried = true;
		m->table = is_vdso(m) ? load_image(s, p, m) : load_file(s, p, m);
	}
	return m->table;
}

static bool look_up_file(struct symbolizer *s, struct process *p, uint64_t addr,
	struct symbol *ret)
{
	struct mapping *m = process_find(p, addr);
	struct elf_table *t;

	if (!m)
		return false;
	t = get_table(s, p, m);
	ret->module = m->module;
	if (t)
		ret->name = elf_table_at(t, addr - m->start + m->offset, s->demangle,
			&ret->offset);
	return ret->name != NULL;
}

static void update_perf_map(struct symbolizer *s, const struct process *p)
{
	struct perf_map *m;
	char key[16];

	m = table_get(s->perf_maps, pid_key(key, p->pid));
	if (!m) {
		m = perf_map_new();
		table_set(s->perf_maps, key, m);
	}
	perf_map_update(m, p);
}

static bool look_up_perf_map(struct symbolizer *s, const struct process *p, uint64_t addr,
	struct symbol *ret)
{
	struct perf_map *m;
	char key[16], file[40];

	m = table_get(s->perf_maps, pid_key(key, p->pid));
	if (!m)
		return false;
	ret->name = perf_map_at(m, addr, &ret->offset);
	if (!ret->name)
		return false;
	snprintf(file, sizeof(file), "perf-%" PRIu32 ".map", p->ns_pid);
	ret->module = keep_string(s, file);
	return true;
}

static bool look_up(struct symbolizer *s, struct process *p, uint64_t addr, struct symbol *ret)
{
	return look_up_file(s, p, addr, ret) || look_up_perf_map(s, p, addr, ret);
}

/* True if there may be more to find now. Perf maps are read at the first address in need. */
static bool refresh(struct symbolizer *s, struct process *p)
{
	char key[16];
	bool first = !table_get(s->perf_maps, pid_key(key, p->pid));

	if (!first && clock_ms() - p->loaded < REFRESH_MS)
		return false;
	if (clock_ms() - p->loaded >= REFRESH_MS)
		process_load(p);
	update_perf_map(s, p);
	return true;
}

bool symbol_user(struct symbolizer *s, uint32_t pid, uint64_t addr, struct symbol *ret)
{
	struct process *p;

	memset(ret, 0, sizeof(*ret));
	if (!pid)
		return false;
	p = get_process(s, pid);
	if (look_up(s, p, addr, ret))
		return true;
	return refresh(s, p) && look_up(s, p, addr, ret);
}
