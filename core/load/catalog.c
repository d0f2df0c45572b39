/* SPDX-License-Identifier: Apache-2.0 */
/* The names of all that can be probed. */
#include "load/catalog_internal.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum { LIST_MAX = 512 << 20 };

struct catalog *catalog_new(const struct catalog_options *opts)
{
	struct catalog *c = mem_alloc(sizeof(*c));

	c->opts = *opts;
	if (opts->target && target_is_running(opts->target))
		c->opts.target = NULL;
	return c;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	name_list_free(c->functions);
	name_list_free(c->traced);
	name_list_free(c->events);
	name_list_free(c->raw_events);
	name_list_free(c->structs);
	free(c);
}

const char *catalog_btf(const struct catalog *c)
{
	return c->opts.target ? target_btf(c->opts.target) : kernel_btf();
}

/* ---- functions ---- */

/* a file of tracefs; false and out as it was if it cannot be read or is empty */
static int read_tracefs(struct catalog *c, const char *file, struct buf *out, struct error *err)
{
	const char *root = c->opts.tracefs ? c->opts.tracefs : tracefs_path(err);
	char *path;
	int bad;

	if (!root)
		return -1;
	path = mem_format("%s/%s", root, file);
	bad = file_read(path, LIST_MAX, out, err);
	free(path);
	if (bad)
		err->tag = "E-TRACEFS";
	return bad;
}

/* of two names of a system call's function the kernel's list of traceable ones has one */
static void add_aliases(struct buf *text)
{
	struct buf more = BUF_INIT;
	const char *at = text->data;

	while ((at = strstr(at, "\nSyS_")) != NULL) {
		at += strlen("\nSyS_");
		buf_addf(&more, "\nsys_%.*s", (int)strcspn(at, " \t\n"), at);
	}
	buf_add(text, more.data, more.len);
	buf_release(&more);
}

/* "0xffffffff81000000-0xffffffff81000010\tname" */
static struct name_list *read_blacklist(struct catalog *c)
{
	const char *path = c->opts.blacklist ? c->opts.blacklist :
		"/sys/kernel/debug/kprobes/blacklist";
	struct buf text = BUF_INIT, names = BUF_INIT;
	struct error ignored = ERROR_INIT;
	char *rest, *line, *tab;

	if (file_read(path, LIST_MAX, &text, &ignored) == 0 && text.len) {
		rest = text.data;
		while ((line = strsep(&rest, "\n")) != NULL) {
			tab = strchr(line, '\t');
			if (tab)
				buf_addf(&names, "%s\n", tab + 1);
		}
	}
	error_clear(&ignored);
	buf_release(&text);
	return name_list_new(&names, true);
}

/* what ftrace can reach is what takes kprobes; where it does not tell, all */
static int read_functions(struct catalog *c, struct buf *text, struct error *err)
{
	struct error ignored = ERROR_INIT;
	const char *problem;

	if (c->opts.target)
		return target_functions(c->opts.target, text, err);
	read_tracefs(c, "available_filter_functions", text, &ignored);
	error_clear(&ignored);
	if (text->len) {
		add_aliases(text);
		return 0;
	}
	kernel_function_names(c->opts.symbols, text);
	if (text->len)
		return 0;
	problem = symbolizer_kernel_problem(c->opts.symbols);
	return error_set(err, "E-FILE", "the kernel's functions are not listed: %s",
		problem ? problem : "the list is empty");
}

const struct name_list *catalog_functions(struct catalog *c, struct error *err)
{
	struct buf text = BUF_INIT;
	struct name_list *refused;

	if (c->functions)
		return c->functions;
	if (read_functions(c, &text, err)) {
		buf_release(&text);
		return NULL;
	}
	c->functions = name_list_new(&text, true);
	if (c->opts.target)
		return c->functions;
	refused = read_blacklist(c);
	name_list_filter(c->functions, refused, false);
	name_list_free(refused);
	return c->functions;
}

/* trampolines need the type of the function */
static const struct name_list *traced_functions(struct catalog *c, struct error *err)
{
	struct buf text = BUF_INIT;

	if (c->traced || !catalog_functions(c, err))
		return c->traced;
	if (members_functions(catalog_btf(c), &text, err) == 0) {
		struct name_list *all = name_list_new(&text, true);

		name_list_filter(all, c->functions, true);
		c->traced = all;
	}
	buf_release(&text);
	return c->traced;
}

/* ---- tracepoints ---- */

const struct name_list *catalog_events(struct catalog *c, struct error *err)
{
	struct buf text = BUF_INIT;
	int bad;

	if (c->events)
		return c->events;
	bad = c->opts.target ? target_tracepoints(c->opts.target, &text, err) :
		read_tracefs(c, "available_events", &text, err);
	if (!bad)
		c->events = name_list_new(&text, true);
	buf_release(&text);
	return c->events;
}

/* entry and exit of single system calls share two raw tracepoints */
static const struct name_list *raw_events(struct catalog *c, struct error *err)
{
	struct buf text = BUF_INIT;
	size_t i;

	if (c->raw_events || !catalog_events(c, err))
		return c->raw_events;
	for (i = 0; i < name_list_count(c->events); i++) {
		const char *name = name_list_at(c->events, i);

		if (!str_starts(name, "syscalls:") && strchr(name, ':'))
			buf_addf(&text, "%s\n", strchr(name, ':') + 1);
	}
	c->raw_events = name_list_new(&text, true);
	return c->raw_events;
}

/* ---- providers ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct provider *const *)a)->name,
		(*(const struct provider *const *)b)->name);
}

const struct provider *catalog_provider(size_t i)
{
	static const struct provider *sorted[64];
	size_t n;

	if (!sorted[0]) {
		for (n = 0; provider_table[n] && n < ARRAY_SIZE(sorted) - 1; n++)
			sorted[n] = provider_table[n];
		qsort(sorted, n, sizeof(sorted[0]), by_name);
	}
	return sorted[i];
}

static const struct need {
	const char *provider;
	enum feature feature;
	const char *what, *hint;
} needs[] = {
	{ "kprobe", FEATURE_KPROBES, "kprobes (CONFIG_KPROBE_EVENTS)",
		"tracepoints, uprobes and perf events may work" },
	{ "kretprobe", FEATURE_KPROBES, "kprobes (CONFIG_KPROBE_EVENTS)",
		"tracepoints, uprobes and perf events may work" },
	{ "syscall", FEATURE_KPROBES, "kprobes (CONFIG_KPROBE_EVENTS)",
		"use tracepoint:syscalls:sys_enter_NAME" },
	{ "sysret", FEATURE_KPROBES, "kprobes (CONFIG_KPROBE_EVENTS)",
		"use tracepoint:syscalls:sys_exit_NAME" },
	{ "uprobe", FEATURE_UPROBES, "uprobes (CONFIG_UPROBE_EVENTS)", NULL },
	{ "uretprobe", FEATURE_UPROBES, "uprobes (CONFIG_UPROBE_EVENTS)", NULL },
	{ "usdt", FEATURE_UPROBES, "uprobes (CONFIG_UPROBE_EVENTS)", NULL },
	{ "raw_tracepoint", FEATURE_RAW_TRACEPOINT, "raw tracepoints",
		"use tracepoint:category:event" },
	{ "fentry", FEATURE_TRACING_PROGS, "fentry", "use kprobe and kretprobe" },
	{ "fexit", FEATURE_TRACING_PROGS, "fexit", "use kprobe and kretprobe" },
};

int catalog_have(struct catalog *c, const struct provider *provider, struct error *err)
{
	enum answer answer;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		if (strcmp(needs[i].provider, provider->name) == 0)
			break;
	}
	if (i == ARRAY_SIZE(needs) || c->opts.have_all)
		return 0;
	answer = c->opts.target ? target_feature(c->opts.target, needs[i].feature, NULL) :
		feature_answer(needs[i].feature, NULL);
	if (answer != ANSWER_NO)
		return 0;
	if (c->opts.target)
		error_set(err, "E-FEATURE", "%s has no %s", target_name(c->opts.target),
			needs[i].what);
	else
		error_set(err, "E-FEATURE", "this kernel has no %s", needs[i].what);
	return needs[i].hint ? error_hint(err, "%s", needs[i].hint) : -1;
}

bool catalog_has_path(const struct provider *provider)
{
	return strcmp(provider->name, "uprobe") == 0 ||
		strcmp(provider->name, "uretprobe") == 0 || strcmp(provider->name, "usdt") == 0;
}

bool catalog_is_kernel_wide(const struct provider *provider)
{
	return provider->list && !catalog_has_path(provider);
}

/* ---- names of a provider ---- */

struct walk {
	const char *glob;
	size_t skip;			/* bytes in front of the name */
	catalog_fn fn;
	void *arg;
	bool any, stopped;
};

static bool pass(struct walk *w, const char *name)
{
	if (!w->fn(w->arg, name))
		w->stopped = true;
	return !w->stopped;
}

static bool pass_syscall(void *arg, const char *function)
{
	struct walk *w = arg;
	const char *name = function + w->skip;

	w->any = true;
	return fnmatch(w->glob, name, 0) != 0 || pass(w, name);
}

/* by the wrappers, or else by the plain functions, which all have */
static void list_syscalls(const struct name_list *functions, struct walk *w)
{
	static const char *const globs[] = { "__x64_sys_*", "__arm64_sys_*", "sys_*" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(globs) && !w->any; i++) {
		w->skip = strlen(globs[i]) - 1;
		name_list_each(functions, globs[i], pass_syscall, w);
	}
}

static bool pass_event(void *arg, const char *name)
{
	struct walk *w = arg;
	const char *event = strchr(name, ':');

	if (fnmatch(w->glob, name, 0) != 0 && (!event || fnmatch(w->glob, event + 1, 0) != 0))
		return true;
	return pass(w, name);
}

static bool pass_any(void *arg, const char *name)
{
	return pass(arg, name);
}

struct module_walk {
	const struct name_list *functions;
	struct walk *w;
};

static bool pass_of_module(void *arg, const char *name, const char *module)
{
	struct module_walk *m = arg;

	return !name_list_has(m->functions, strchr(name, ':') + 1) || pass(m->w, name);
}

/* "MODULE:GLOB" */
static const struct name_list *list_of_modules(struct catalog *c, struct walk *w,
	struct error *err)
{
	struct module_walk m = { NULL, w };

	if (c->opts.target) {
		error_set(err, "E-PROBE", "functions by module are listed for the running kernel "
			"only");
		return NULL;
	}
	m.functions = catalog_functions(c, err);
	if (m.functions)
		kernel_functions(c->opts.symbols, w->glob, pass_of_module, &m);
	return m.functions;
}

int catalog_names(struct catalog *c, const struct provider *provider, const char *glob,
	catalog_fn fn, void *arg, struct error *err)
{
	struct walk w = { glob, 0, fn, arg, false, false };
	const struct name_list *names;
	struct probe all = { .name = glob, .cpu = -1 };

	if (provider == &provider_tracepoint) {
		names = catalog_events(c, err);
		/* an event's name alone is looked for in all categories */
		if (names && strchr(glob, ':'))
			name_list_each(names, glob, pass_any, &w);
		else if (names)
			name_list_each(names, "*", pass_event, &w);
	} else if (provider == &provider_raw_tracepoint) {
		names = raw_events(c, err);
		if (names)
			name_list_each(names, glob, pass_any, &w);
	} else if (provider == &provider_syscall || provider == &provider_sysret) {
		names = catalog_functions(c, err);
		if (names)
			list_syscalls(names, &w);
	} else if (provider->prog_type == BPF_PROG_TYPE_KPROBE && strchr(glob, ':')) {
		names = list_of_modules(c, &w, err);
	} else if (provider->prog_type == BPF_PROG_TYPE_KPROBE ||
		provider->prog_type == BPF_PROG_TYPE_TRACING) {
		names = provider->prog_type == BPF_PROG_TYPE_TRACING ? traced_functions(c, err) :
			catalog_functions(c, err);
		if (names)
			name_list_each(names, glob, pass_any, &w);
	} else {
		return provider->list(NULL, &all, fn, arg, err);
	}
	return names ? 0 : -1;
}

int catalog_file_names(struct catalog *c, const struct provider *provider, const char *path,
	const char *glob, catalog_fn fn, void *arg, struct error *err)
{
	struct probe all = { .path = path, .name = glob, .cpu = -1 };

	(void)c;
	if (strcmp(provider->name, "usdt") == 0)
		return catalog_usdt_names(path, glob, fn, arg, err);
	if (!provider->list)
		return error_set(err, "E-PROBE", "%s has no list of names", provider->name);
	return provider->list(NULL, &all, fn, arg, err);
}

/* ---- lists ---- */

struct lister {
	struct buf spec;
	size_t prefix;			/* bytes of it that all have: "kprobe:" */
	catalog_fn fn;
	void *arg;
	bool stopped;
};

static bool add_spec(void *arg, const char *name)
{
	struct lister *l = arg;

	/* a file may have a function twice */
	if (l->spec.len > l->prefix && strcmp(l->spec.data + l->prefix, name) == 0)
		return true;
	l->spec.len = l->prefix;
	buf_adds(&l->spec, name);
	l->stopped = !l->fn(l->arg, l->spec.data);
	return !l->stopped;
}

static int unknown_provider(struct catalog *c, const char *name, struct error *err)
{
	struct error ignored = ERROR_INIT;
	const struct name_list *events = catalog_events(c, &ignored);
	char *category = mem_format("%s:", name);
	size_t i, end = 0, first = events ? name_list_range(events, category, &end) : 0;
	struct nearest near;

	nearest_init(&near, name);
	for (i = 0; catalog_provider(i); i++)
		nearest_offer(&near, catalog_provider(i)->name);
	error_set(err, "E-PROBE", "no kind of probe '%s'", name);
	error_take_hint(err, nearest_hint(&near));
	if (first < end)
		error_hint(err, "did you mean 'tracepoint:%s:*'?", name);
	free(category);
	error_clear(&ignored);
	return -1;
}

static int list_one(struct catalog *c, const struct provider *p, const char *glob,
	struct lister *l, struct error *err)
{
	const char *colon = strchr(glob, ':');
	char *path;
	int bad;

	buf_clear(&l->spec);
	buf_addf(&l->spec, "%s:", p->name);
	l->prefix = l->spec.len;
	if (catalog_have(c, p, err))
		return -1;
	if (!catalog_has_path(p))
		return catalog_names(c, p, glob, add_spec, l, err);
	if (!colon || colon == glob || !colon[1])
		return error_set(err, "E-PROBE", "%s: write %s:PATH:GLOB", p->name, p->name);
	path = mem_string_n(glob, colon - glob);
	buf_addf(&l->spec, "%s:", path);
	l->prefix = l->spec.len;
	bad = catalog_file_names(c, p, path, colon + 1, add_spec, l, err);
	free(path);
	return bad;
}

/* what one kernel-wide provider cannot tell does not keep the others from it */
static int list_all(struct catalog *c, const char *providers, const char *glob,
	struct lister *l, struct error *err)
{
	struct error first = ERROR_INIT, e = ERROR_INIT;
	bool any = false, good = false;
	const struct provider *p;
	size_t i;

	for (i = 0; (p = catalog_provider(i)) != NULL && !l->stopped; i++) {
		if (!catalog_is_kernel_wide(p) || fnmatch(providers, p->name, 0) != 0)
			continue;
		any = true;
		if (list_one(c, p, glob, l, &e) == 0)
			good = true;
		else if (!first.tag)
			error_move(&first, &e);
		error_clear(&e);
	}
	if (!any) {
		error_clear(&first);
		return error_set(err, "E-PROBE", "no kind of probe '%s'", providers);
	}
	if (!good)
		error_move(err, &first);
	error_clear(&first);
	return good ? 0 : -1;
}

static int list_named(struct catalog *c, const char *name, const char *glob, struct lister *l,
	struct error *err)
{
	const struct provider *p;

	if (strpbrk(name, "*?["))
		return list_all(c, name, glob, l, err);
	p = provider_find(name);
	if (!p)
		return unknown_provider(c, name, err);
	if (!*glob)
		return error_set(err, "E-PROBE", "%s: a name is missing", p->name);
	if (!p->list && !catalog_has_path(p))
		return error_set(err, "E-PROBE", "%s has no names to list: %s", p->name,
			p->description);
	return list_one(c, p, glob, l, err);
}

int catalog_list(struct catalog *c, const char *glob, catalog_fn fn, void *arg,
	struct error *err)
{
	struct lister l = { BUF_INIT, 0, fn, arg, false };
	const char *colon = strchr(glob, ':');
	char *name = mem_string_n(glob, colon ? (size_t)(colon - glob) : 0);
	int bad;

	if (!*glob)
		bad = error_set(err, "E-PROBE", "a name is missing");
	else if (colon)
		bad = list_named(c, name, colon + 1, &l, err);
	else
		bad = list_all(c, "*", glob, &l, err);
	free(name);
	buf_release(&l.spec);
	return bad;
}

/* ---- near names ---- */

static bool offer(void *arg, const char *spec)
{
	nearest_offer(arg, spec);
	return true;
}

/* of functions and events alike */
static void offer_names(struct catalog *c, struct nearest *near)
{
	const struct name_list *lists[2];
	struct error ignored = ERROR_INIT;
	size_t i;

	lists[0] = catalog_functions(c, &ignored);
	lists[1] = raw_events(c, &ignored);
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i])
			name_list_each(lists[i], "*", offer, near);
	}
	error_clear(&ignored);
}

/* what stands in front of the name, and all names: "uprobe:PATH:*"; caller owns */
static char *all_beside(const char *glob)
{
	const char *colon = strchr(glob, ':'), *second = strchr(colon + 1, ':');
	char *name = mem_string_n(glob, colon - glob);
	const struct provider *p = provider_find(name);

	free(name);
	if (p && catalog_has_path(p) && second)
		colon = second;
	return mem_format("%.*s:*", (int)(colon - glob), glob);
}

char *catalog_near(struct catalog *c, const char *glob)
{
	struct error ignored = ERROR_INIT;
	struct nearest near;
	char *all = NULL;

	if (strpbrk(glob, "*?["))
		return NULL;
	nearest_init(&near, glob);
	if (strchr(glob, ':'))
		all = all_beside(glob);
	if (all)
		catalog_list(c, all, offer, &near, &ignored);
	else
		offer_names(c, &near);
	error_clear(&ignored);
	free(all);
	return nearest_hint(&near);
}
