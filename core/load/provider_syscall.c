/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall, sysret: entry and return of system calls by their names, as
 * kprobes at what this kernel calls their functions.  Calls of 32-bit
 * programs have other functions where there are wrappers.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "load/internal.h"

/* the function of system call `name`, lent; NULL if there is none */
static const char *find_entry(struct session *s, const char *name)
{
	const char *found = NULL;
	char *function;
	size_t i;

	for (i = 0; !found && (function = syscall_function(name, i)); i++) {
		found = kernel_function(s->symbols, function, NULL);
		/* under another name it comes in its turn */
		if (found && strcmp(found, function) != 0)
			found = NULL;
		free(function);
	}
	return found;
}

/* ---- names ---- */

struct lister {
	const char *glob, *prefix;
	bool (*fn)(void *arg, const char *name);
	void *arg;
	bool any;
};

static bool pass_name(void *arg, const char *function, const char *module)
{
	struct lister *l = arg;
	const char *name = function + strlen(l->prefix);

	l->any = true;
	return fnmatch(l->glob, name, 0) != 0 || l->fn(l->arg, name);
}

/* by the wrappers, or else by the plain functions, which all have */
static int syscall_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "sys_" };
	struct lister l = { p->name ? p->name : "*", NULL, fn, arg, false };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes) && !l.any; i++) {
		char *glob = mem_format("%s*", prefixes[i]);

		l.prefix = prefixes[i];
		kernel_functions(s->symbols, glob, pass_name, &l);
		free(glob);
	}
	return 0;
}

static bool offer(void *arg, const char *name)
{
	nearest_offer(arg, name);
	return true;
}

static int no_such(struct session *s, const struct probe *p, struct error *err)
{
	struct probe all = { .name = "*" };
	struct nearest near;

	nearest_init(&near, p->name);
	syscall_list(s, &all, offer, &near, err);
	error_set(err, "E-PROBE", "no system call '%s'", p->name);
	return error_take_hint(err, nearest_hint(&near));
}

/* ---- the provider ---- */

static int syscall_check(struct session *s, const struct probe *p, struct error *err)
{
	if (kprobes_here(err))
		return -1;
	if (!p->name || !*p->name)
		return error_set(err, "E-PROBE", "%s: a name is missing", p->provider);
	return find_entry(s, p->name) ? 0 : no_such(s, p, err);
}

static int attach(struct link *l, const struct probe *p, int prog_fd, bool ret,
	struct error *err)
{
	const char *function = find_entry(l->session, p->name);

	return function ? kprobe_attach_at(l, p, function, prog_fd, ret, err) :
		no_such(l->session, p, err);
}

static int syscall_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	return attach(l, p, prog_fd, false, err);
}

static int sysret_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	return attach(l, p, prog_fd, true, err);
}

const struct provider provider_syscall = {
	.name = "syscall",
	.description = "entry of a system call",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = syscall_check,
	.attach = syscall_attach,
	.list = syscall_list,
};

const struct provider provider_sysret = {
	.name = "sysret",
	.description = "return of a system call",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = syscall_check,
	.attach = sysret_attach,
	.list = syscall_list,
};
