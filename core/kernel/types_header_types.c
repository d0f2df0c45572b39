/* SPDX-License-Identifier: Apache-2.0 */
/* BTF of a kernel and its modules, as one list of types. */
#include "kernel/types_header_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/mem.h"

int types_bad(const struct type_set *ts, struct error *err, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (err->tag)
		return -1;
	va_start(ap, fmt);
	text = mem_vformat(fmt, ap);
	va_end(ap);
	error_set(err, "E-HEADERS", "BTF in '%s': %s", ts->path, text);
	free(text);
	return -1;
}

/* NULL: *ret_why, an errno */
static struct btf *read_btf(const char *path, struct btf *base, int *ret_why)
{
	struct btf *btf;

	/* it is not a library's business to say on stderr what is wrong with a file */
	libbpf_set_print(NULL);
	btf = btf__parse_raw_split(path, base);
	*ret_why = btf ? 0 : errno;
	return btf;
}

static void add_file(struct type_set *ts, struct btf *btf, uint32_t first_own)
{
	struct type_file *f = MEM_GROW(ts->files, ts->n_files);

	f->btf = btf;
	f->first = ts->n;
	f->end = ts->n + (btf__type_cnt(btf) - first_own);
	ts->n = f->end;
}

int type_set_open(struct type_set *ts, const char *path, struct error *err)
{
	int why;
	struct btf *btf = read_btf(path, NULL, &why);

	memset(ts, 0, sizeof(*ts));
	ts->path = path;
	if (!btf)
		return error_sys(err, "E-HEADERS", why, "read the kernel's BTF in '%s'", path);
	add_file(ts, btf, 0);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void type_set_add_modules(struct type_set *ts)
{
	const char *slash = strrchr(ts->path, '/');
	char *dir = slash ? mem_string_n(ts->path, slash - ts->path + 1) : mem_string("./");
	struct dirent **names = NULL;
	int n = 0, i;

	/* elsewhere a file's neighbours are anything */
	if (strcmp(slash ? slash + 1 : ts->path, "vmlinux") == 0)
		n = scandir(dir, &names, NULL, by_name);
	for (i = 0; i < n; i++) {
		char *path = mem_format("%s%s", dir, names[i]->d_name);
		struct btf *base = ts->files[0].btf, *btf = NULL;
		int why;

		if (names[i]->d_name[0] != '.' && strcmp(names[i]->d_name, "vmlinux") != 0)
			btf = read_btf(path, base, &why);
		if (btf)
			add_file(ts, btf, btf__type_cnt(base));
		free(path);
		free(names[i]);
	}
	free(names);
	free(dir);
}

void type_set_close(struct type_set *ts)
{
	while (ts->n_files)
		btf__free(ts->files[--ts->n_files].btf);
	free(ts->files);
	memset(ts, 0, sizeof(*ts));
}

static const struct type_file *file_of(const struct type_set *ts, uint32_t id)
{
	const struct type_file *f = ts->files;

	while (id >= f->end)
		f++;
	return f;
}

/* the number within the file's own BTF */
static uint32_t local(const struct type_set *ts, const struct type_file *f, uint32_t id)
{
	return f == ts->files ? id : id - f->first + ts->files[0].end;
}

const struct btf_type *type_at(const struct type_set *ts, uint32_t id, struct error *err)
{
	const struct type_file *f;

	if (id == 0 || id >= ts->n) {
		types_bad(ts, err, "type %u is out of range", id);
		return NULL;
	}
	f = file_of(ts, id);
	return btf__type_by_id(f->btf, local(ts, f, id));
}

uint32_t type_ref(const struct type_set *ts, uint32_t from, uint32_t ref)
{
	const struct type_file *f = file_of(ts, from);
	uint32_t base = ts->files[0].end;

	if (f == ts->files || ref < base)
		return ref < base ? ref : UINT32_MAX;
	return ref - base < f->end - f->first ? ref - base + f->first : UINT32_MAX;
}

const char *type_string(const struct type_set *ts, uint32_t id, uint32_t offset)
{
	const char *s = btf__name_by_offset(file_of(ts, id)->btf, offset);

	return s ? s : "";
}

const char *type_name(const struct type_set *ts, uint32_t id, const struct btf_type *t)
{
	return type_string(ts, id, t->name_off);
}
