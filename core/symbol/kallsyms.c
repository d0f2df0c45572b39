/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is read line by line; of each, the name goes to the end of one
 * blob, in the order of the list.  A symbol is 16 bytes: address, place of
 * its name, module.
 *
 * Data symbols are kept too, and padding without its name: they end the text
 * symbol in front of them.
 */
#include "kallsyms.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "search.h"

enum {
	NAMES_MAX = 512 << 20,
	READ_SIZE = 64 << 10,
	/* no function is longer; what lies further behind the last symbol is in none */
	REACH_MAX = 1 << 20,
	RANK_PART = 100,	/* see clone_rank() */
	ANY_MODULE = -1,
};

struct ksym {
	uint64_t addr;		/* first: see search.h */
	uint32_t name;
	uint16_t module;
	bool text;
};

/* The first eight bytes settle most comparisons without a look into the blob. */
struct by_name {
	uint64_t head;		/* big endian */
	uint32_t sym;
};

struct kallsyms {
	char *blob;
	struct ksym *syms;	/* by address, then data first, then order of the list */
	size_t n_syms, n_text;
	char **modules;
	size_t n_modules;
	struct by_name *names;	/* functions only; NULL until asked for */
	size_t n_names;
	bool rest;		/* without the kernel's own */
	char *problem;
};

static const char *name_of(const struct kallsyms *k, const struct ksym *s)
{
	return k->blob + s->name;
}

/* module: an index, or ANY_MODULE */
static bool is_of(const struct ksym *s, int module)
{
	return module == ANY_MODULE || s->module == module;
}

/* ---- reading ---- */

static uint64_t parse_hex(const char **p)
{
	uint64_t value = 0;

	for (;; (*p)++) {
		unsigned char c = **p;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			return value;
	}
}

/* modules come in long runs, so the last one is tried first */
static uint16_t module_index(struct kallsyms *k, const char *name, size_t len)
{
	size_t i;

	for (i = k->n_modules; i-- > 0;) {
		if (strncmp(k->modules[i], name, len) == 0 && !k->modules[i][len])
			return i;
	}
	if (k->n_modules > UINT16_MAX)
		return 0;
	*MEM_GROW(k->modules, k->n_modules) = mem_string_n(name, len);
	return k->n_modules - 1;
}

/* the end of a function's text rather than the begin of another */
static bool ends_text(const char *name)
{
	return strcmp(name, "_etext") == 0 || strcmp(name, "_einittext") == 0;
}

static bool is_text(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* padding in front of functions: never called, and half of the list where there is any */
static bool is_padding(const char *name, size_t len)
{
	return len >= 6 && (memcmp(name, "__pfx_", 6) == 0 || memcmp(name, "__cfi_", 6) == 0);
}

/* the bytes of a word at p, which ends at a blank or at the line's end */
static size_t word_len(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && *at != ' ' && *at != '\t')
		at++;
	return at - p;
}

/* "ffffffffc0a01000 t ip_vs_in\t[ip_vs]"; other lines are passed over */
static void parse_line(struct kallsyms *k, const char *line, const char *end, struct buf *names)
{
	const char *p = line;
	uint64_t addr = parse_hex(&p);
	struct ksym *s;
	bool of_module;
	size_t len;
	char type;

	if (p == line || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return;
	type = p[1];
	p += 3;
	len = word_len(p, end);
	if (!len || *p == '$')	/* $x, $d: marks of arm64 assemblers */
		return;
	of_module = p + len < end && p[len] == '\t' && p[len + 1] == '[' && end[-1] == ']';
	if (k->rest && !of_module)
		return;
	s = MEM_GROW(k->syms, k->n_syms);
	s->addr = addr;
	s->name = names->len;
	if (of_module)
		s->module = module_index(k, p + len + 2, end - 1 - (p + len + 2));
	if (is_padding(p, len)) {
		buf_addc(names, '\0');
		return;
	}
	buf_add(names, p, len);
	s->text = is_text(type) && !ends_text(names->data + s->name);
	k->n_text += s->text;
	buf_addc(names, '\0');
}

/* 0 or an errno */
static int parse(struct kallsyms *k, FILE *f)
{
	struct buf names = BUF_INIT;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int sys;

	errno = 0;
	while (names.len < NAMES_MAX && (len = getline(&line, &size, f)) > 0) {
		len -= line[len - 1] == '\n';
		line[len] = '\0';
		parse_line(k, line, line + len, &names);
	}
	sys = ferror(f) ? errno : 0;
	free(line);
	k->blob = buf_take(&names, &size);
	k->blob = mem_resize(k->blob, size + 1, 1);
	return sys;
}

static int compare_ksyms(const void *a, const void *b)
{
	const struct ksym *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->text != y->text)
		return x->text ? 1 : -1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void sort_syms(struct kallsyms *k)
{
	size_t i;

	for (i = 1; i < k->n_syms; i++) {
		if (compare_ksyms(&k->syms[i - 1], &k->syms[i]) > 0) {
			qsort(k->syms, k->n_syms, sizeof(k->syms[0]), compare_ksyms);
			return;
		}
	}
}

static char *find_problem(const struct kallsyms *k, const char *path)
{
	if (!k->n_text && !k->rest)
		return mem_format("'%s' lists no functions", path);
	if (k->n_syms && k->syms[k->n_syms - 1].addr == 0)
		return mem_format("'%s' shows no addresses (sysctl kernel.kptr_restrict; "
			"CAP_SYSLOG shows them unless it is 2)", path);
	return NULL;
}

static struct kallsyms *load(const char *path, bool rest)
{
	struct kallsyms *k = mem_alloc(sizeof(*k));
	FILE *f = fopen(path, "re");
	int sys;

	k->rest = rest;
	*MEM_GROW(k->modules, k->n_modules) = mem_string("vmlinux");
	if (f) {
		setvbuf(f, NULL, _IOFBF, READ_SIZE);
		sys = parse(k, f);
		fclose(f);
		if (sys)
			k->problem = mem_format("read '%s': %s", path, strerror(sys));
	} else {
		k->problem = mem_format("open '%s': %s", path, strerror(errno));
		k->blob = mem_alloc(1);
	}
	sort_syms(k);
	if (!k->problem)
		k->problem = find_problem(k, path);
	return k;
}

struct kallsyms *kallsyms_load(const char *path)
{
	return load(path, false);
}

struct kallsyms *kallsyms_load_rest(const char *path)
{
	return load(path, true);
}

void kallsyms_free(struct kallsyms *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < k->n_modules; i++)
		free(k->modules[i]);
	free(k->modules);
	free(k->names);
	free(k->syms);
	free(k->blob);
	free(k->problem);
	free(k);
}

const char *kallsyms_problem(const struct kallsyms *k)
{
	return k->problem;
}

size_t kallsyms_count(const struct kallsyms *k, size_t *ret_text)
{
	*ret_text = k->n_text;
	return k->n_syms;
}

/* ---- by address ---- */

const char *kallsyms_at(const struct kallsyms *k, uint64_t addr, const char **ret_module,
	uint64_t *ret_offset)
{
	size_t i = COUNT_UP_TO(k->syms, k->n_syms, addr);
	const struct ksym *s;

	if (!i || !k->syms[i - 1].text || !k->syms[i - 1].addr)
		return NULL;
	for (s = &k->syms[i - 1]; s > k->syms && s[-1].addr == s->addr && s[-1].text; s--)
		;
	if (addr - s->addr >= REACH_MAX)
		return NULL;
	*ret_module = k->modules[s->module];
	*ret_offset = addr - s->addr;
	return name_of(k, s);
}

/* ---- by name ---- */

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct by_name *x = a, *y = b;
	const struct kallsyms *k = arg;
	int order;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	order = strcmp(name_of(k, &k->syms[x->sym]), name_of(k, &k->syms[y->sym]));
	if (order)
		return order;
	return x->sym < y->sym ? -1 : x->sym > y->sym;
}

static void index_names(struct kallsyms *k)
{
	size_t i;

	if (k->names)
		return;
	k->names = mem_array(k->n_text, sizeof(k->names[0]));
	for (i = 0; i < k->n_syms; i++) {
		if (!k->syms[i].text)
			continue;
		k->names[k->n_names].head = head_of_name(name_of(k, &k->syms[i]));
		k->names[k->n_names++].sym = i;
	}
	qsort_r(k->names, k->n_names, sizeof(k->names[0]), compare_names, k);
}

static const struct ksym *sym_at(const struct kallsyms *k, size_t i)
{
	return &k->syms[k->names[i].sym];
}

/* the first place in `names` whose name is not before this one */
static size_t lower_bound(const struct kallsyms *k, const char *name)
{
	size_t low = 0, high = k->n_names;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(name_of(k, sym_at(k, mid)), name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct ksym *find_text(struct kallsyms *k, const char *name)
{
	size_t i;

	index_names(k);
	i = lower_bound(k, name);
	if (i == k->n_names || strcmp(name_of(k, sym_at(k, i)), name) != 0)
		return NULL;
	return sym_at(k, i);
}

uint64_t kallsyms_address(struct kallsyms *k, const char *name)
{
	const struct ksym *s = find_text(k, name);
	size_t i;

	for (i = 0; !s && i < k->n_syms; i++) {
		if (strcmp(name_of(k, &k->syms[i]), name) == 0)
			s = &k->syms[i];
	}
	return s ? s->addr : 0;
}

/*
 * How good a clone the suffix ".isra.0.constprop.1" names: fewer is better,
 * and .part is only the tail of a function.  0: no clone, or .cold.
 */
static unsigned clone_rank(const char *suffix)
{
	static const struct { const char *kind; unsigned rank; } kinds[] = {
		{ ".isra.", 1 }, { ".constprop.", 1 }, { ".lto_priv.", 1 }, { ".llvm.", 1 },
		{ ".part.", RANK_PART },
	};
	unsigned rank = 0, i;

	while (*suffix) {
		for (i = 0; i < ARRAY_SIZE(kinds) && !str_starts(suffix, kinds[i].kind); i++)
			;
		if (i == ARRAY_SIZE(kinds))
			return 0;
		suffix += strlen(kinds[i].kind);
		if (*suffix < '0' || *suffix > '9')
			return 0;
		suffix += strspn(suffix, "0123456789");
		rank += kinds[i].rank;
	}
	return rank;
}

static const char *find_clone(struct kallsyms *k, const char *name, int module)
{
	char *prefix = mem_format("%s.", name);
	unsigned rank, best_rank = ~0u;
	const char *best = NULL, *s;
	size_t i;

	for (i = lower_bound(k, prefix); i < k->n_names; i++) {
		s = name_of(k, sym_at(k, i));
		if (!str_starts(s, prefix))
			break;
		rank = is_of(sym_at(k, i), module) ? clone_rank(s + strlen(name)) : 0;
		if (rank && rank < best_rank) {
			best = s;
			best_rank = rank;
		}
	}
	free(prefix);
	return best;
}

static char *near_names(const struct kallsyms *k, const char *name, int module)
{
	struct nearest n;
	size_t i;

	nearest_init(&n, name);
	for (i = 0; i < k->n_names; i++) {
		if (is_of(sym_at(k, i), module))
			nearest_offer(&n, name_of(k, sym_at(k, i)));
	}
	return nearest_hint(&n);
}

/* what this kernel calls the function of a system call that others call `name` */
static const char *find_syscall(struct kallsyms *k, const char *name)
{
	const char *syscall = syscall_of_function(name);
	const struct ksym *s = NULL;
	char *function;
	size_t i;

	for (i = 0; syscall && !s && (function = syscall_function(syscall, i)); i++) {
		/* not under the name that other system calls have */
		if (strcmp(syscall_of_function(function), syscall) == 0)
			s = find_text(k, function);
		free(function);
	}
	return s ? name_of(k, s) : NULL;
}

const char *kallsyms_function(struct kallsyms *k, const char *name, char **near_hint)
{
	const struct ksym *s = find_text(k, name);
	const char *found = s ? name_of(k, s) : find_syscall(k, name);

	if (!found)
		found = find_clone(k, name, ANY_MODULE);
	if (!found && near_hint)
		*near_hint = near_names(k, name, ANY_MODULE);
	return found;
}

/* ---- what is in the way of a probe ---- */

/* where functions of a name are */
struct copies {
	size_t in_kernel, in_modules;
	struct buf modules;		/* "NAME, NAME": each once */
};

/* by name, then by address: aliases are neighbours. Hidden addresses are 0 */
static void find_copies(struct kallsyms *k, const char *name, int module, struct copies *ret)
{
	size_t i = lower_bound(k, name);
	const struct ksym *last = NULL, *s;

	for (; i < k->n_names && strcmp(name_of(k, sym_at(k, i)), name) == 0; i++) {
		s = sym_at(k, i);
		if (!is_of(s, module) || (last && s->addr && s->addr == last->addr))
			continue;
		if (s->module && (!last || last->module != s->module))
			buf_addf(&ret->modules, "%s%s", ret->modules.len ? ", " : "",
				k->modules[s->module]);
		*(s->module ? &ret->in_modules : &ret->in_kernel) += 1;
		last = s;
	}
}

/* the names of clones that are whole functions, or of mere parts. Their count */
static size_t list_clones(struct kallsyms *k, const char *name, int module, bool whole,
	struct buf *out)
{
	char *prefix = mem_format("%s.", name);
	size_t i, n = 0;

	for (i = lower_bound(k, prefix); i < k->n_names; i++) {
		const char *s = name_of(k, sym_at(k, i));
		unsigned rank;

		if (!str_starts(s, prefix))
			break;
		rank = is_of(sym_at(k, i), module) ? clone_rank(s + strlen(name)) : 0;
		if (rank && (rank < RANK_PART) == whole)
			buf_addf(out, "%s%s", n++ ? ", " : "", s);
	}
	free(prefix);
	return n;
}

static enum function_state find_whole_clone(struct kallsyms *k, const char *name, int module,
	const char **ret_name, char **ret_detail)
{
	struct buf names = BUF_INIT;
	size_t n = list_clones(k, name, module, true, &names);
	enum function_state state = n == 1 ? FUNCTION_THERE : FUNCTION_CLONES;

	if (n == 1)
		*ret_name = find_clone(k, name, module);
	else if (!n)
		state = list_clones(k, name, module, false, &names) ? FUNCTION_PART :
			FUNCTION_ABSENT;
	if (state == FUNCTION_CLONES || state == FUNCTION_PART)
		*ret_detail = buf_take(&names, NULL);
	else if (state == FUNCTION_ABSENT)
		*ret_detail = near_names(k, name, module);
	buf_release(&names);
	return state;
}

static enum function_state find_one(struct kallsyms *k, const char *name, int module,
	char **ret_detail)
{
	struct copies c = { 0, 0, BUF_INIT };
	enum function_state state = FUNCTION_THERE;
	size_t n;

	find_copies(k, name, module, &c);
	/* the kernel looks into itself first */
	n = c.in_kernel ? c.in_kernel : c.in_modules;
	if (n > 1)
		state = !c.in_kernel && strchr(c.modules.data, ',') ? FUNCTION_MODULES :
			FUNCTION_COPIES;
	if (state == FUNCTION_COPIES)
		*ret_detail = mem_format("%zu", n);
	else if (state == FUNCTION_MODULES || (c.in_kernel && c.in_modules))
		*ret_detail = buf_take(&c.modules, NULL);
	buf_release(&c.modules);
	return state;
}

enum function_state kallsyms_find(struct kallsyms *k, const char *name, const char **ret_name,
	char **ret_detail)
{
	const struct ksym *s = find_text(k, name);

	*ret_detail = NULL;
	*ret_name = s ? name_of(k, s) : find_syscall(k, name);
	if (!*ret_name)
		return find_whole_clone(k, name, ANY_MODULE, ret_name, ret_detail);
	return find_one(k, *ret_name, ANY_MODULE, ret_detail);
}

/* ---- in one module ---- */

static int find_module(const struct kallsyms *k, const char *name)
{
	size_t i;

	for (i = 0; i < k->n_modules && strcmp(k->modules[i], name) != 0; i++)
		;
	return i < k->n_modules ? (int)i : ANY_MODULE;
}

static const struct ksym *find_text_in(struct kallsyms *k, int module, const char *name)
{
	size_t i;

	index_names(k);
	for (i = lower_bound(k, name); i < k->n_names; i++) {
		if (strcmp(name_of(k, sym_at(k, i)), name) != 0)
			break;
		if (is_of(sym_at(k, i), module))
			return sym_at(k, i);
	}
	return NULL;
}

enum function_state kallsyms_find_in(struct kallsyms *k, const char *module, const char *name,
	const char **ret_name, char **ret_detail)
{
	int m = find_module(k, module);
	const struct ksym *s = m == ANY_MODULE ? NULL : find_text_in(k, m, name);

	*ret_detail = NULL;
	if (m == ANY_MODULE)
		return FUNCTION_ABSENT;
	if (!s)
		return find_whole_clone(k, name, m, ret_name, ret_detail);
	*ret_name = name_of(k, s);
	return find_one(k, name, m, ret_detail);
}

uint64_t kallsyms_address_in(struct kallsyms *k, const char *module, const char *name)
{
	int m = find_module(k, module);
	const struct ksym *s = m == ANY_MODULE ? NULL : find_text_in(k, m, name);

	return s ? s->addr : 0;
}

bool kallsyms_has_module(const struct kallsyms *k, const char *module)
{
	return find_module(k, module) != ANY_MODULE;
}

/* ---- lists ---- */

/* the bytes that every match of the glob starts with */
static size_t fixed_prefix(const char *glob)
{
	return strcspn(glob, "*?[\\");
}

static size_t first_with_prefix(const struct kallsyms *k, const char *text, size_t n)
{
	char *prefix = mem_string_n(text, n);
	size_t i = lower_bound(k, prefix);

	free(prefix);
	return i;
}

/* a part of a function that only jumps reach */
static bool is_cold(const char *name)
{
	const char *dot = strstr(name, ".cold");

	return dot && (dot[5] == '\0' || dot[5] == '.');
}

/* is it the one that was passed last? */
static bool is_again(const struct kallsyms *k, const struct ksym *s, const struct ksym *last,
	bool by_module)
{
	return last && strcmp(name_of(k, s), name_of(k, last)) == 0 &&
		(!by_module || s->module == last->module);
}

static bool pass(const struct kallsyms *k, const struct ksym *s, bool by_module,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg)
{
	const char *module = k->modules[s->module];
	char *full = by_module ? mem_format("%s:%s", module, name_of(k, s)) : NULL;
	bool more = fn(arg, full ? full : name_of(k, s), module);

	free(full);
	return more;
}

void kallsyms_each(struct kallsyms *k, const char *glob,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg)
{
	const char *colon = strchr(glob, ':'), *names = colon ? colon + 1 : glob;
	char *modules = colon ? mem_string_n(glob, colon - glob) : NULL;
	size_t fixed = fixed_prefix(names), i;
	const struct ksym *last = NULL, *s;

	index_names(k);
	for (i = first_with_prefix(k, names, fixed); i < k->n_names; i++) {
		s = sym_at(k, i);
		if (strncmp(name_of(k, s), names, fixed) != 0)
			break;
		if (is_cold(name_of(k, s)) || is_again(k, s, last, modules != NULL) ||
			(modules && fnmatch(modules, k->modules[s->module], 0) != 0) ||
			fnmatch(names, name_of(k, s), 0) != 0)
			continue;
		last = s;
		if (!pass(k, s, modules != NULL, fn, arg))
			break;
	}
	free(modules);
}

void kallsyms_names(const struct kallsyms *k, struct buf *out)
{
	size_t i;

	for (i = 0; i < k->n_syms; i++) {
		const char *name = name_of(k, &k->syms[i]);

		if (!k->syms[i].text || is_cold(name))
			continue;
		buf_adds(out, name);
		buf_addc(out, '\n');
	}
}
