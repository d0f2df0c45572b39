/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of kernel functions, read from BTF. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "kernel/signature_internal.h"

/* newer than some linux/btf.h that this is built with */
enum { KIND_TYPE_TAG = 18, KIND_ENUM64 = 19 };
enum { MAX_LAYERS = 16, MAX_DEPTH = 4 };
enum { SEARCHES = 16 };		/* before an index is made */

/* a function, for many searches */
struct indexed {
	const char *name;
	uint32_t source, id;
};

/* kept for the process */
static struct {
	char *path;		/* of the kernel's own BTF */
	struct signature_source *sources;	/* the kernel's own is the first */
	size_t n;
	bool have_modules;
	unsigned asked;		/* searches so far */
	struct indexed *index;	/* by name; NULL until it pays */
	size_t n_index;
} cache;

static void add_type(const struct btf *btf, uint32_t id, unsigned depth, struct buf *out);

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(btf, t->name_off);

	return name ? name : "";
}

static void add_arguments(const struct btf *btf, const struct btf_type *proto, unsigned depth,
	struct buf *out)
{
	const struct btf_param *p = btf_params(proto);
	unsigned i;

	buf_addc(out, '(');
	for (i = 0; i < btf_vlen(proto); i++) {
		if (i > 0)
			buf_adds(out, ", ");
		if (p[i].type == 0)
			buf_adds(out, "...");
		else
			add_type(btf, p[i].type, depth + 1, out);
	}
	buf_adds(out, i == 0 ? "void)" : ")");
}

static void add_base(const struct btf *btf, const struct btf_type *t, unsigned depth,
	struct buf *out)
{
	const char *name = t ? name_of(btf, t) : "void";

	switch (t ? btf_kind(t) : BTF_KIND_TYPEDEF) {
	case BTF_KIND_STRUCT:
		buf_addf(out, "struct %s", name);
		break;
	case BTF_KIND_UNION:
		buf_addf(out, "union %s", name);
		break;
	case BTF_KIND_FWD:
		buf_addf(out, "%s %s", btf_kflag(t) ? "union" : "struct", name);
		break;
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		if (*name)
			buf_addf(out, "enum %s", name);
		else
			buf_adds(out, "int");
		break;
	case BTF_KIND_ARRAY:
		add_type(btf, btf_array(t)->type, depth + 1, out);
		break;
	default:
		buf_adds(out, strcmp(name, "_Bool") == 0 ? "bool" : name);
	}
}

/* the layers above a base type, outermost first; returns the base's id */
static uint32_t peel(const struct btf *btf, uint32_t id, unsigned *layers, unsigned *n)
{
	const struct btf_type *t;

	for (*n = 0; id != 0 && (t = btf__type_by_id(btf, id)) != NULL; id = t->type) {
		switch (btf_kind(t)) {
		case BTF_KIND_PTR:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
			if (*n < MAX_LAYERS)
				layers[(*n)++] = btf_kind(t);
			break;
		case BTF_KIND_RESTRICT:
		case KIND_TYPE_TAG:
			break;
		default:
			return id;
		}
	}
	return id;
}

static void add_stars(const unsigned *layers, unsigned n, struct buf *out)
{
	unsigned i;

	for (i = n; i-- > 0; ) {
		if (layers[i] == BTF_KIND_PTR)
			buf_addc(out, '*');
		else
			buf_adds(out, layers[i] == BTF_KIND_CONST ? "const " : "volatile ");
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void add_type(const struct btf *btf, uint32_t id, unsigned depth, struct buf *out)
{
	unsigned layers[MAX_LAYERS], n, pointers;
	const struct btf_type *t;

	if (depth > MAX_DEPTH) {
		buf_adds(out, "void *");
		return;
	}
	id = peel(btf, id, layers, &n);
	t = id ? btf__type_by_id(btf, id) : NULL;
	for (pointers = n; pointers > 0 && layers[pointers - 1] != BTF_KIND_PTR; pointers--)
		buf_adds(out, layers[pointers - 1] == BTF_KIND_CONST ? "const " : "volatile ");
	if (t && btf_kind(t) == BTF_KIND_FUNC_PROTO) {
		add_type(btf, t->type, depth + 1, out);
		buf_adds(out, " (");
		add_stars(layers, pointers, out);
		buf_addc(out, ')');
		add_arguments(btf, t, depth, out);
		return;
	}
	add_base(btf, t, depth, out);
	if (pointers > 0) {
		buf_addc(out, ' ');
		add_stars(layers, pointers, out);
	}
}

char *signature_type_text(const struct btf *btf, uint32_t id)
{
	struct buf b = BUF_INIT;

	add_type(btf, id, 0, &b);
	return buf_take(&b, NULL);
}

void signature_read_prototype(const struct signature_source *src, const struct btf_type *proto,
	struct signature *ret)
{
	const struct btf_param *p = btf_params(proto);
	const char *name;
	unsigned i;

	memset(ret, 0, sizeof(*ret));
	ret->type = signature_type_text(src->btf, proto->type);
	for (i = 0; i < btf_vlen(proto); i++) {
		if (p[i].type == 0) {
			ret->variadic = true;
			break;
		}
		name = btf__name_by_offset(src->btf, p[i].name_off);
		signature_add_param(ret, signature_type_text(src->btf, p[i].type),
			mem_string(name ? name : ""));
	}
	ret->source = mem_format("BTF of %s", src->name);
}

/* the names of parameters do not matter here: a weak default may have others */
static bool same_types(const struct signature *a, const struct signature *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		if (strcmp(a->params[i].type, b->params[i].type) != 0)
			return false;
	}
	return true;
}

static int ambiguous(const char *function, const struct signature *a, const struct signature *b,
	struct error *err)
{
	struct buf x = BUF_INIT, y = BUF_INIT;

	signature_add_params_text(a, &x);
	signature_add_params_text(b, &y);
	error_set(err, "E-SIGNATURE", "several functions are called '%s': %s in the %s, "
		"%s in the %s", function, x.data, a->source, y.data, b->source);
	error_hint(err, "name the module: MODULE:%s", function);
	buf_release(&x);
	buf_release(&y);
	return -1;
}

/* notes a function of the name that is wanted; -1: E-SIGNATURE, it differs from the last */
static int take_function(const struct signature_source *src, const struct btf_type *t,
	const char *function, bool *found, struct signature *ret, struct error *err)
{
	struct signature s;

	t = btf__type_by_id(src->btf, t->type);
	if (!t || !btf_is_func_proto(t))
		return 0;
	signature_read_prototype(src, t, &s);
	if (*found && !same_types(ret, &s)) {
		ambiguous(function, ret, &s, err);
		signature_release(&s);
		return -1;
	}
	if (*found)
		signature_release(&s);
	else
		*ret = s;
	*found = true;
	return 0;
}

/* first: the id of the first type that this source itself has */
static int search(const struct signature_source *src, uint32_t first, const char *function,
	bool *found, struct signature *ret, struct error *err)
{
	uint32_t id, end = btf__type_cnt(src->btf);
	const struct btf_type *t;

	for (id = first; id < end; id++) {
		t = btf__type_by_id(src->btf, id);
		if (!t || !btf_is_func(t) || strcmp(name_of(src->btf, t), function) != 0)
			continue;
		if (take_function(src, t, function, found, ret, err))
			return -1;
	}
	return 0;
}

static int by_function(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void index_functions(void)
{
	uint32_t id, end, i;

	for (i = 0; i < cache.n; i++) {
		const struct btf *btf = cache.sources[i].btf;

		end = btf__type_cnt(btf);
		for (id = i ? btf__type_cnt(cache.sources[0].btf) : 1; id < end; id++) {
			const struct btf_type *t = btf__type_by_id(btf, id);

			if (t && btf_is_func(t))
				*MEM_GROW(cache.index, cache.n_index) =
					(struct indexed){ name_of(btf, t), i, id };
		}
	}
	if (cache.n_index)
		qsort(cache.index, cache.n_index, sizeof(*cache.index), by_function);
}

static int search_index(const char *module, const char *function, bool *found,
	struct signature *ret, struct error *err)
{
	size_t low = 0, high = cache.n_index;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(cache.index[mid].name, function) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < cache.n_index && strcmp(cache.index[low].name, function) == 0; low++) {
		const struct signature_source *src = &cache.sources[cache.index[low].source];

		if (module && strcmp(module, src->name) != 0)
			continue;
		if (take_function(src, btf__type_by_id(src->btf, cache.index[low].id), function,
			found, ret, err))
			return -1;
	}
	return 0;
}

static void cache_clear(void)
{
	while (cache.n > 0) {
		cache.n--;
		btf__free(cache.sources[cache.n].btf);
		free(cache.sources[cache.n].name);
	}
	free(cache.sources);
	free(cache.index);
	free(cache.path);
	memset(&cache, 0, sizeof(cache));
}

static void cache_add(const char *name, struct btf *btf)
{
	struct signature_source *s = MEM_GROW(cache.sources, cache.n);

	s->name = mem_string(name);
	s->btf = btf;
}

static int load_kernel(const char *path, struct error *err)
{
	struct btf *btf;
	long sys;

	if (cache.path && strcmp(cache.path, path) == 0)
		return 0;
	/* it is not a library's business to say on stderr what is wrong with a file */
	libbpf_set_print(NULL);
	btf = btf__parse(path, NULL);
	sys = libbpf_get_error(btf);
	if (!btf || sys)
		return error_sys(err, "E-SIGNATURE", sys ? (int)-sys : EINVAL,
			"read the BTF in '%s'", path);
	cache_clear();
	cache.path = mem_string(path);
	cache_add("vmlinux", btf);
	return 0;
}

static bool is_btf(const char *path)
{
	unsigned short magic = 0;
	struct stat st;
	FILE *f;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(f = fopen(path, "re")))
		return false;
	if (fread(&magic, sizeof(magic), 1, f) != 1)
		magic = 0;
	fclose(f);
	return magic == BTF_MAGIC;
}

/* a module that goes away meanwhile is none that anybody can probe */
static void load_module(const char *dir, const char *name)
{
	char *path = mem_format("%s/%s", dir, name);
	struct btf *btf;

	if (is_btf(path)) {
		btf = btf__parse_split(path, cache.sources[0].btf);
		if (btf && !libbpf_get_error(btf))
			cache_add(name, btf);
	}
	free(path);
}

static void load_modules(void)
{
	char *path = mem_string(cache.path), *other = mem_string(cache.path);
	const char *dir = dirname(path), *own = basename(other);
	struct dirent *e;
	DIR *d;

	if (!cache.have_modules && strcmp(own, "vmlinux") == 0 && (d = opendir(dir)) != NULL) {
		while ((e = readdir(d)) != NULL) {
			if (e->d_name[0] != '.' && strcmp(e->d_name, own) != 0)
				load_module(dir, e->d_name);
		}
		closedir(d);
	}
	cache.have_modules = true;
	free(path);
	free(other);
}

int signature_sources(const char *path, bool modules, struct signature_sources *ret,
	struct error *err)
{
	if (load_kernel(path, err) < 0)
		return -1;
	if (modules)
		load_modules();
	ret->list = cache.sources;
	ret->n = cache.n;
	return 0;
}

static int search_all(const char *module, const char *function, bool *found,
	struct signature *ret, struct error *err)
{
	size_t i;

	for (i = 0; i < cache.n; i++) {
		if (module && strcmp(module, cache.sources[i].name) != 0)
			continue;
		if (search(&cache.sources[i], i ? btf__type_cnt(cache.sources[0].btf) : 1, function,
			found, ret, err) < 0)
			return -1;
	}
	return 0;
}

int signature_from_btf(const char *path, const char *module, const char *function,
	struct signature *ret, struct error *err)
{
	bool found = false, kernel_only = module && strcmp(module, "vmlinux") == 0;
	struct signature s = { 0 };
	int bad;

	if (load_kernel(path, err) < 0)
		return -1;
	if (!kernel_only)
		load_modules();
	if (!cache.index && cache.have_modules && ++cache.asked > SEARCHES)
		index_functions();
	bad = cache.index ? search_index(module, function, &found, &s, err) :
		search_all(module, function, &found, &s, err);
	if (bad) {
		signature_release(&s);
		return -1;
	}
	if (found)
		*ret = s;
	return found;
}
