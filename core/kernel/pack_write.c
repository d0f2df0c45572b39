/* SPDX-License-Identifier: Apache-2.0 */
/* Making a pack: what the running kernel tells of itself, and its headers. */
#include "kernel/pack.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/unpack.h"
#include "kernel/headers_internal.h"
#include "kernel/config.h"
#include "kernel/kernel.h"

enum {
	SYMBOLS_MAX = 512 << 20,
	MEMBER_MAX = 128 << 20,
};

/* a file of the pack to be: its text, or where it is now */
struct member {
	char *name, *path;
	struct buf text;
};

struct pack {
	const struct kernel_headers *headers;
	bool running;			/* of the running kernel, not of a tree alone */
	struct member *members;
	size_t n_members;
	struct pack_counts counts;
	struct buf *warnings;
};

static const char btf_dir[] = "/sys/kernel/btf";

/* takes name and path */
static struct member *add_member(struct pack *p, char *name, char *path)
{
	struct member *m = MEM_GROW(p->members, p->n_members);

	m->name = name;
	m->path = path;
	buf_init(&m->text);
	return m;
}

static void drop_member(struct pack *p)
{
	struct member *m = &p->members[--p->n_members];

	free(m->name);
	free(m->path);
	buf_release(&m->text);
}

/* ---- the kernel's configuration ---- */

static void add_config(struct pack *p)
{
	struct member *m = add_member(p, mem_string("config"), NULL);

	p->counts.config = config_read(p->headers, p->running, &m->text);
	if (!p->counts.config) {
		drop_member(p);
		buf_adds(p->warnings, "the pack has no kernel configuration: none was found\n");
	}
}

/* ---- functions ---- */

static bool is_text(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* what no probe is put on: padding, marks of assemblers, parts that only jumps reach */
static bool is_function(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return *name && *name != '$' && !str_starts(name, "__pfx_") &&
		!str_starts(name, "__cfi_") &&
		!(cold && (cold[5] == '\0' || cold[5] == '.'));
}

/* those that come and go: BPF programs, trampolines */
static bool is_made_up(const char *module)
{
	return strcmp(module, "bpf") == 0 || str_starts(module, "__builtin__");
}

/* "ffffffffc0a01000 t ip_vs_in\t[ip_vs]" as "ip_vs:ip_vs_in", NULL if it is no function */
static char *function_of(char *line)
{
	char *name = strchr(line, ' '), *module;

	if (!name || !is_text(name[1]) || name[2] != ' ')
		return NULL;
	name += 3;
	module = strchr(name, '\t');
	if (module)
		*module++ = '\0';
	if (!is_function(name) || strchr(name, ':'))
		return NULL;
	if (!module || *module != '[')
		return mem_string(name);
	module++;
	module[strcspn(module, "]")] = '\0';
	return is_made_up(module) ? NULL : mem_format("%s:%s", module, name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **parse_functions(char *text, size_t *ret_n)
{
	char **list = NULL, *line, *function;
	size_t n = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		function = function_of(line);
		if (function)
			*MEM_GROW(list, n) = function;
	}
	if (n)
		qsort(list, n, sizeof(*list), by_text);
	*ret_n = n;
	return list;
}

static void add_functions(struct pack *p)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct member *m;
	char **list = NULL;
	size_t n = 0, i;

	m = add_member(p, mem_string("functions"), NULL);
	if (file_read("/proc/kallsyms", SYMBOLS_MAX, &text, &err) == 0 && text.len)
		list = parse_functions(text.data, &n);
	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(list[i], list[i - 1]) != 0) {
			buf_addf(&m->text, "%s\n", list[i]);
			p->counts.functions++;
		}
	}
	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
	if (!n) {
		drop_member(p);
		buf_addf(p->warnings, "the pack has no list of functions: %s\n",
			err.tag ? err.text : "/proc/kallsyms names none");
	}
	error_clear(&err);
	buf_release(&text);
}

/* ---- tracepoints ---- */

static bool add_format(void *arg, const char *category, const char *event)
{
	struct error err = ERROR_INIT;
	struct pack *p = arg;
	struct member *m;

	m = add_member(p, mem_format("formats/%s/%s/format", category, event), NULL);
	if (tracefs_format(category, event, &m->text, &err) == 0 && m->text.len)
		p->counts.formats++;
	else
		drop_member(p);
	error_clear(&err);
	return true;
}

static void add_formats(struct pack *p)
{
	struct error err = ERROR_INIT;

	if (tracefs_events("*", add_format, p, &err) || !p->counts.formats)
		buf_addf(p->warnings, "the pack has no formats of tracepoints: %s\n",
			err.tag ? err.text : "tracefs has none");
	error_clear(&err);
}

/* ---- BTF ---- */

static void add_btf(struct pack *p)
{
	DIR *dir = opendir(btf_dir);
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir)) != NULL) {
		char *path = mem_format("%s/%s", btf_dir, d->d_name);

		if (d->d_name[0] == '.' || access(path, R_OK) != 0 || stat(path, &st) != 0) {
			free(path);
			continue;
		}
		add_member(p, mem_format("btf/%s", d->d_name), path);
		p->counts.btf_bytes += st.st_size;
		p->counts.btf_modules += strcmp(d->d_name, "vmlinux") != 0;
	}
	if (dir)
		closedir(dir);
	if (!p->counts.btf_bytes && !*p->headers->build)
		buf_adds(p->warnings, "the pack has no types of the kernel: there are no headers, "
			"and no BTF; give a tree or a package with --headers\n");
}

/* ---- headers ---- */

static void add_header(void *arg, const char *name, const char *path)
{
	struct pack *p = arg;
	struct stat st;

	if (stat(path, &st) == 0)
		p->counts.header_bytes += st.st_size;
	p->counts.headers++;
	add_member(p, mem_string(name), mem_string(path));
}

/* ---- the file "pack" ---- */

static char *distribution(void)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	char *at, *name = NULL;

	if (file_read("/etc/os-release", 65536, &text, &err) == 0) {
		at = strstr(text.data, "PRETTY_NAME=");
		at = at ? at + strlen("PRETTY_NAME=") : NULL;
		if (at)
			at += strspn(at, "\"'");
		name = at ? mem_string_n(at, strcspn(at, "\"'\n")) : NULL;
	}
	error_clear(&err);
	buf_release(&text);
	return name;
}

static void describe(struct pack *p, struct buf *out)
{
	const struct kernel_headers *h = p->headers;
	char *name = p->running ? distribution() : NULL;
	uint32_t code = p->running ? kernel_version_code() : headers_tree_version(h->build);

	buf_addf(out, PACK_MAGIC "1\nrelease %s\nmachine %s\nversion-code %u\n",
		p->running ? kernel_release() : h->release,
		p->running ? kernel_machine() : h->machine,
		code ? code : kernel_parse_version(h->release));
	if (name)
		buf_addf(out, "distribution %s\n", name);
	buf_addf(out, "made-by moontrace " VERSION "\nfiles %zu\n", p->n_members);
	free(name);
}

/* ---- all of it ---- */

static int by_member(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

static int write_member(struct archive_writer *w, struct member *m, struct error *err)
{
	int ret = m->path ? file_read(m->path, MEMBER_MAX, &m->text, err) : 0;

	if (ret == 0)
		ret = writer_add(w, m->name, m->text.data, m->text.len, err);
	buf_release(&m->text);
	return ret;
}

static int write_pack(struct pack *p, struct buf *out, struct error *err)
{
	struct archive_writer *w = writer_new(out, err);
	struct buf head = BUF_INIT;
	int ret = w ? 0 : -1;
	size_t i;

	if (p->n_members)
		qsort(p->members, p->n_members, sizeof(*p->members), by_member);
	describe(p, &head);
	if (ret == 0)
		ret = writer_add(w, "pack", head.data, head.len, err);
	for (i = 0; i < p->n_members && ret == 0; i++)
		ret = write_member(w, &p->members[i], err);
	if (ret == 0)
		ret = writer_finish(w, err);
	writer_free(w);
	buf_release(&head);
	return ret;
}

/* a tree of another kernel must not be mixed with what the running one says */
static int choose_kernel(struct pack *p, struct error *err)
{
	const struct kernel_headers *h = p->headers;

	if (*h->pack)
		return error_set(err, "E-HEADERS", "'%s' is a header pack already", h->path);
	p->running = !*h->build || (strcmp(h->release, kernel_release()) == 0 &&
		(!*h->machine || strcmp(h->machine, kernel_machine()) == 0));
	if (p->running)
		return 0;
	if (!*h->release || !*h->machine)
		return error_set(err, "E-HEADERS", "'%s' does not tell its %s", h->path,
			*h->release ? "machine" : "release");
	buf_addf(p->warnings, "the headers are those of %s, and the running kernel is %s: "
		"the pack has only the headers\n", h->release, kernel_release());
	return 0;
}

static void collect(struct pack *p)
{
	add_config(p);
	if (p->running) {
		add_functions(p);
		add_formats(p);
		add_btf(p);
	}
	if (*p->headers->build)
		pack_headers(p->headers, add_header, p);
}

int pack_make(const struct kernel_headers *h, struct buf *out, struct pack_counts *ret,
	struct buf *warnings, struct error *err)
{
	struct pack p = { .headers = h, .warnings = warnings };
	int status = choose_kernel(&p, err);

	if (status == 0) {
		collect(&p);
		status = write_pack(&p, out, err);
	}
	if (status == 0)
		*ret = p.counts;
	while (p.n_members)
		drop_member(&p);
	free(p.members);
	return status;
}
