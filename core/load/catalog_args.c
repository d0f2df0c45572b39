/* SPDX-License-Identifier: Apache-2.0 */
/* What programs at a probe may read: arguments, return values, fields. */
#include "load/catalog_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "kernel/event_format.h"
#include "kernel/kernel.h"
#include "load/internal.h"

void catalog_args_release(struct catalog_args *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		free(a->list[i].name);
		free(a->list[i].type);
	}
	free(a->list);
	free(a->returns);
	free(a->source);
	memset(a, 0, sizeof(*a));
}

static void add_arg(struct catalog_args *a, const char *name, const char *type, int64_t size,
	int64_t offset)
{
	struct catalog_arg *arg = MEM_GROW(a->list, a->n);

	arg->name = mem_string(name);
	arg->type = mem_string(type);
	arg->size = size;
	arg->offset = offset;
}

/* ---- signatures ---- */

static struct signature_target signature_target(const struct catalog *c)
{
	const struct target *t = c->opts.target;
	struct signature_target ret = {
		.release = t ? target_release(t) : kernel_release(),
		.version_code = t ? target_version_code(t) : kernel_version_code(),
		.btf = catalog_btf(c),
	};

	return ret;
}

/* what this kernel calls a function that is asked for by another name; lent or NULL */
static const char *other_name(struct catalog *c, const char *name)
{
	const char *found = NULL;
	char *near_hint = NULL;

	if (c->opts.target)
		target_function(c->opts.target, name, &found, &near_hint);
	else
		found = kernel_function(c->opts.symbols, name, NULL);
	free(near_hint);
	return found && strcmp(found, name) != 0 ? found : NULL;
}

static int find_signature(struct catalog *c, const char *function, struct signature *ret,
	struct error *err)
{
	struct signature_target target = signature_target(c);
	struct error ignored = ERROR_INIT;
	const char *other;
	int bad;

	if (signature_find(function, &target, ret, err) == 0)
		return 0;
	other = other_name(c, function);
	bad = !other || signature_find(other, &target, ret, &ignored);
	error_clear(bad ? &ignored : err);
	return bad ? -1 : 0;
}

/* takes what is in s */
static void take_signature(struct catalog_args *ret, struct signature *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		add_arg(ret, s->params[i].name, s->params[i].type, -1, -1);
	ret->returns = mem_string(s->type);
	ret->source = s->clone ? mem_format("%s; the compiler may have changed them in this clone",
		s->source) : mem_string(s->source);
	signature_release(s);
}

/* ---- tracepoints ---- */

struct format_reader {
	struct catalog_args *args;
	bool in_registers, number;	/* of a system call: its number comes first */
};

static bool add_field(void *arg, const struct event_field *f)
{
	struct format_reader *r = arg;

	if (r->number)
		r->number = false;
	else if (r->in_registers)
		add_arg(r->args, f->name, f->type, -1, -1);
	else
		add_arg(r->args, f->name, f->type, f->size, f->offset);
	return true;
}

static int read_format(struct catalog *c, const char *category, const char *event,
	struct buf *text, struct error *err)
{
	char *path;
	int bad;

	if (!c->opts.tracefs)
		return c->opts.target ?
			target_format(c->opts.target, category, event, text, err) :
			tracefs_format(category, event, text, err);
	path = mem_format("%s/events/%s/%s/format", c->opts.tracefs, category, event);
	bad = file_read(path, 1 << 20, text, err);
	free(path);
	return bad;
}

/* "category:event" */
static int format_args(struct catalog *c, const char *name, bool of_syscall,
	struct catalog_args *ret, struct error *err)
{
	struct format_reader reader = { ret, of_syscall, of_syscall };
	const char *colon = name ? strchr(name, ':') : NULL;
	struct buf text = BUF_INIT;
	char *category;
	int bad;

	if (!colon || colon == name || !colon[1])
		return error_set(err, "E-PROBE", "'%s' is no tracepoint: write category:event",
			name ? name : "");
	category = mem_string_n(name, colon - name);
	bad = read_format(c, category, colon + 1, &text, err) ||
		event_format_each(text.data, add_field, &reader, err);
	free(category);
	buf_release(&text);
	if (!bad)
		ret->source = mem_format("format of %s", name);
	return bad ? -1 : 0;
}

static int raw_args(struct catalog *c, const struct probe *p, struct catalog_args *ret,
	struct error *err)
{
	struct signature s;
	int found = members_raw_tracepoint(catalog_btf(c), p->name, &s, err);

	if (found > 0)
		take_signature(ret, &s);
	if (found > 0) {
		free(ret->returns);	/* nobody returns anything to a tracepoint */
		ret->returns = NULL;
	}
	if (found != 0)
		return found < 0 ? -1 : 0;
	return error_set(err, "E-SIGNATURE", "the arguments of raw tracepoint '%s' are not known: "
		"the BTF of this kernel has no such tracepoint", p->name);
}

/* ---- system calls ---- */

/* a function of the call that takes the arguments themselves */
static int syscall_signature(struct catalog *c, const char *name, struct signature *ret)
{
	struct signature_target target = signature_target(c);
	struct error ignored = ERROR_INIT;
	int bad = -1;
	char *f;
	size_t i;

	for (i = 0; bad && (f = syscall_function(name, i)) != NULL; i++) {
		bad = syscall_is_wrapper(f) ? -1 : signature_find(f, &target, ret, &ignored);
		error_clear(&ignored);
		free(f);
	}
	f = mem_format("__do_sys_%s", name);
	if (bad)
		bad = signature_find(f, &target, ret, &ignored);
	error_clear(&ignored);
	free(f);
	return bad;
}

static int syscall_args(struct catalog *c, const struct probe *p, struct catalog_args *ret,
	struct error *err)
{
	static const char *const prefixes[] = { "", "new" };
	struct error second = ERROR_INIT;
	struct signature s;
	int bad = -1;
	size_t i;

	for (i = 0; bad && i < ARRAY_SIZE(prefixes); i++) {
		char *event = mem_format("syscalls:sys_enter_%s%s", prefixes[i], p->name);

		bad = format_args(c, event, true, ret, i ? &second : err);
		free(event);
	}
	error_clear(bad ? &second : err);
	if (bad && syscall_signature(c, p->name, &s) == 0) {
		error_clear(err);
		take_signature(ret, &s);
		bad = 0;
	}
	if (bad)
		return error_wrap(err, "arguments of system call '%s'", p->name);
	free(ret->returns);
	ret->returns = mem_string("long");
	return 0;
}

/* ---- kernel functions ---- */

/* the function of a system call, where the tables of signatures do not have it */
static int entry_args(struct catalog *c, const char *function, struct catalog_args *ret,
	struct error *err)
{
	const char *syscall = syscall_of_function(function), *found;
	struct error ignored = ERROR_INIT;
	struct probe p = { .name = syscall };
	int bad;

	if (!syscall)
		return -1;
	found = other_name(c, function);
	if (syscall_is_wrapper(found ? found : function)) {
		add_arg(ret, "regs", "const struct pt_regs *", -1, -1);
		ret->returns = mem_string("long");
		ret->source = mem_string("entry of a system call: its arguments are in regs");
		bad = 0;
	} else {
		bad = syscall_args(c, &p, ret, &ignored);
	}
	error_clear(bad ? &ignored : err);
	return bad;
}

static void drop_args(struct catalog_args *a)
{
	while (a->n > 0) {
		free(a->list[--a->n].name);
		free(a->list[a->n].type);
	}
}

static int function_args(struct catalog *c, const struct probe *p, struct catalog_args *ret,
	struct error *err)
{
	const char *colon = strchr(p->name, ':'), *name = colon ? colon + 1 : p->name;
	struct signature s;

	if (find_signature(c, name, &s, err) == 0)
		take_signature(ret, &s);
	else if (entry_args(c, name, ret, err))
		return -1;
	/* within the function the registers have other things */
	if (p->address)
		drop_args(ret);
	return 0;
}

/* ---- all ---- */

static int no_args(struct catalog_args *ret, const struct probe *p)
{
	ret->source = mem_format("%s: nothing is known of its arguments", p->provider);
	return 0;
}

static int args_of(struct catalog *c, const struct probe *p, struct catalog_args *ret,
	struct error *err)
{
	const struct provider *provider = provider_find(p->provider);

	if (provider == &provider_tracepoint)
		return format_args(c, p->name, false, ret, err);
	if (provider == &provider_raw_tracepoint)
		return raw_args(c, p, ret, err);
	if (provider == &provider_syscall || provider == &provider_sysret)
		return syscall_args(c, p, ret, err);
	if (catalog_has_path(provider) || provider->prog_type == BPF_PROG_TYPE_PERF_EVENT)
		return no_args(ret, p);
	return function_args(c, p, ret, err);
}

static int args_of_spec(struct catalog *c, const char *spec, struct catalog_args *ret,
	struct error *err)
{
	struct probe p;
	int bad;

	if (str_starts(spec, "usdt:"))
		return catalog_usdt_args(spec, ret, err);
	if (probe_parse(spec, &p, err))
		return -1;
	bad = args_of(c, &p, ret, err);
	probe_release(&p);
	return bad;
}

int catalog_args(struct catalog *c, const char *spec, struct catalog_args *ret,
	struct error *err)
{
	struct catalog_args args = { 0 };

	if (args_of_spec(c, spec, &args, err)) {
		catalog_args_release(&args);
		return -1;
	}
	*ret = args;
	return 0;
}

/* ---- fields ---- */

static void take_fields(struct members *ret, const struct catalog_args *a, const char *name)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->name = mem_string(name);
	ret->source = mem_string(a->source);
	for (i = 0; i < a->n; i++) {
		struct member *m = MEM_GROW(ret->list, ret->n);

		m->name = mem_string(a->list[i].name);
		m->type = mem_string(a->list[i].type);
		m->bit = (uint64_t)a->list[i].offset * 8;
		m->size = a->list[i].size;
		if (m->bit / 8 + m->size > ret->size)
			ret->size = m->bit / 8 + m->size;
	}
}

/* of a kernel whose types are not at hand those that C text is compiled with instead */
static const char *fields_btf(const struct catalog *c)
{
	const char *own = catalog_btf(c), *lent;

	if (own || !c->opts.target)
		return own;
	lent = target_headers(c->opts.target)->btf;
	return lent && *lent ? lent : NULL;
}

int catalog_fields(struct catalog *c, const char *name, struct members *ret, struct error *err)
{
	struct catalog_args args = { 0 };
	int bad;

	if (!str_starts(name, "tracepoint:"))
		return members_find(fields_btf(c), name, ret, err);
	bad = format_args(c, name + strlen("tracepoint:"), false, &args, err);
	if (!bad)
		take_fields(ret, &args, name);
	catalog_args_release(&args);
	return bad;
}
