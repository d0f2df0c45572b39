/* SPDX-License-Identifier: Apache-2.0 */
/* What a text asks of the target kernel goes into its compile request, and no more. */
#include "lua/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "kernel/config.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "kernel/signature.h"
#include "kernel/target.h"
#include "kernel/types_header.h"
#include "lua/internal.h"

static void set_string(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

/* ---- where its types come from ---- */

/* said once: what is compiled now may be wrong for the kernel that runs */
static int check_release(struct host *h, const struct kernel_headers *headers,
	struct buf *warnings, struct error *err)
{
	if (*headers->machine && strcmp(headers->machine, target_machine(h->target)) != 0)
		return error_set(err, "E-HEADERS", "'%s' has the headers of a %s kernel, not of %s",
			headers->path, headers->machine, target_machine(h->target));
	if (target_headers_match(h->target))
		return 0;
	if (h->opts->strict) {
		error_set(err, "E-HEADERS", "'%s' has the headers of %s, and the kernel is %s",
			headers->path, headers->release, target_release(h->target));
		return error_hint(err, "structs may differ; %s", h->opts->dry_run == DRY_BUILD ?
			"a header pack of the target brings its own: --headers PACK" :
			"without --strict this is a warning");
	}
	if (!h->said_headers && h->dry)
		buf_addf(warnings, "moontrace: warning: the kernel's types are those of '%s', of "
			"%s, not of %s: structs may differ\n", headers->path, headers->release,
			target_name(h->target));
	else if (!h->said_headers)
		buf_addf(warnings, "moontrace: warning: '%s' has the headers of %s, and the "
			"kernel is %s: structs may differ\n", headers->path, headers->release,
			target_release(h->target));
	h->said_headers = true;
	return 0;
}

static int no_headers(struct host *h, const struct kernel_headers *headers, struct error *err)
{
	const char *release = target_release(h->target);

	error_set(err, "E-HEADERS", "no kernel headers for %s", release);
	return error_hint(err, "looked at %s\n  install the package kernel-devel-%s (RHEL, "
		"CentOS) or linux-headers-%s (Debian, Ubuntu), or give a tree, a package or a "
		"header pack with --headers", headers->tried, release, release);
}

/* what may look into the kernel's structs gets their types; what must have
 * them and cannot is an error here, the rest is left to the compiler */
static int add_headers(struct host *h, struct request *req, const struct request_needs *needs,
	struct buf *warnings, struct error *err)
{
	const struct kernel_headers *headers = target_headers(h->target);

	if (!needs->kernel_types && !needs->kernel_members)
		return 0;
	if (!*headers->build && !*headers->btf)
		return needs->kernel_types ? no_headers(h, headers, err) : 0;
	if (check_release(h, headers, warnings, err))
		return -1;
	set_string(&req->headers, headers->build);
	set_string(&req->headers_source, headers->source);
	set_string(&req->headers_id, headers->id);
	return 0;
}

/* ---- its configuration ---- */

static void define_config(struct request *req, const char *name, const char *config)
{
	char *value = config_value(config, name), *module;

	if (value && strcmp(value, "m") == 0) {
		module = mem_format("%s_MODULE", name);
		request_add_define(req, module, "1");
		free(module);
	} else if (value) {
		request_add_define(req, name, strcmp(value, "y") == 0 ? "1" : value);
	}
	free(value);
}

static int no_config(struct host *h, const char *name, struct error *err)
{
	error_set(err, "E-HEADERS", "the text asks for %s, and the configuration of %s is not "
		"known", name, target_release(h->target));
	return error_hint(err, "it was looked for in /proc/config.gz, /boot and /lib/modules; a "
		"header tree or pack has it, too (--headers)");
}

/* without a header tree nothing would say so, and #ifdef would choose silently */
static int add_configs(struct host *h, struct request *req, const struct request_needs *needs,
	struct error *err)
{
	struct buf config = BUF_INIT;
	bool known;
	size_t i;
	int bad = 0;

	if (*req->headers || !needs->n_configs)
		return 0;
	known = config_read(target_headers(h->target), target_is_running(h->target), &config);
	for (i = 0; i < needs->n_configs && !bad; i++) {
		if (request_stub_config(needs->configs[i]))
			continue;
		if (known)
			define_config(req, needs->configs[i], config.data);
		else
			bad = no_config(h, needs->configs[i], err);
	}
	buf_release(&config);
	return bad;
}

/* in a bundle texts are compiled already: headers matter no more, and what is
 * not known of the configuration is told by the lack of an object */
static void add_known_configs(struct host *h, struct request *req,
	const struct request_needs *needs)
{
	struct error ignored = ERROR_INIT;

	add_configs(h, req, needs, &ignored);
	error_clear(&ignored);
}

/* type of an entry of req->args, "FUNCTION NAME POSITION TYPE" */
static const char *type_of_arg(const char *arg)
{
	int spaces = 0;

	while (*arg && spaces < 3)
		spaces += *arg++ == ' ';
	return arg;
}

int facts_complete(void *arg, struct request *req, struct error *err)
{
	struct host *h = arg;
	struct types_wanted wanted = { .text = req->text, .n_types = req->n_args };
	const char **types;
	struct buf text = BUF_INIT;
	size_t i;
	int bad;

	/* an identity without a tree: it is BTF's */
	if (*req->headers || !*req->headers_id)
		return 0;
	types = mem_array(req->n_args + 1, sizeof(*types));
	for (i = 0; i < req->n_args; i++)
		types[i] = type_of_arg(req->args[i]);
	wanted.types = types;
	bad = types_header(target_headers(h->target)->btf, &wanted, &text, err);
	free(types);
	free(req->types);
	req->types = buf_take(&text, NULL);
	return bad;
}

/* ---- arguments of kernel functions ---- */

static int find_signature(struct host *h, const char *function, struct signature *ret,
	struct error *err)
{
	struct signature_target target = {
		.release = target_release(h->target),
		.version_code = target_version_code(h->target),
		.btf = target_btf(h->target),
	};
	const char *here;
	char *near;

	target_function(h->target, function, &here, &near);
	free(near);
	/* under the name that it has here: a compiler clone says so */
	return signature_find(here ? here : function, &target, ret, err);
}

static int resolve_arg(struct request *req, const struct request_argument *a,
	const struct signature *sig, struct buf *warnings, struct error *err)
{
	int i = signature_param(sig, a->name, err);

	if (i < 0)
		return -1;
	if (i >= 6)
		return error_set(err, "E-SIGNATURE", "'%s' is argument %d of %s: only the first 6 "
			"are in registers", a->name, i + 1, a->function);
	if (sig->clone)
		buf_addf(warnings, "moontrace: warning: %s:%u: %s is a compiler clone here: its "
			"arguments may have been changed\n", req->file, req->line + a->line - 1,
			a->function);
	request_add_arg(req, a->function, a->name, i + 1, sig->params[i].type);
	return 0;
}

/* ARG of a function that an optional probe is at and the target has not: nothing reads it */
static bool add_absent(struct host *h, struct request *req, const struct request_argument *a)
{
	const char *here;
	char *near, *macro;
	bool absent = program_is_optional(h->L, a->function, true) &&
		target_function(h->target, a->function, &here, &near) == ANSWER_NO;

	if (!absent)
		return false;
	free(near);
	if (!a->name)
		return true;
	macro = mem_format("MOONTRACE_ARG__%s__%s", a->function, a->name);
	request_add_define(req, macro, "((void *)0)");
	free(macro);
	return true;
}

/* functions of system calls have no arguments of their own where these are wrapped */
static int check_wrapper(struct host *h, const struct request_argument *a, struct error *err)
{
	const char *here, *syscall = syscall_of_function(a->function);
	char *near;

	if (!syscall || syscall_is_wrapper(a->function) ||
		target_function(h->target, a->function, &here, &near) != ANSWER_YES ||
		!syscall_is_wrapper(here))
		return 0;
	error_set(err, "E-SIGNATURE", "'%s' is %s here, whose one argument is a struct pt_regs "
		"with those of the system call", a->function, here);
	return error_hint(err, "int syscall__%s(struct pt_regs *ctx, ...) has them on all kernels",
		syscall);
}

/* by name they must be known; by position they must not contradict what is known */
static int add_argument(struct host *h, struct request *req, const struct request_argument *a,
	struct buf *warnings, struct error *err)
{
	struct signature sig = { 0 };
	int bad = 0;

	if ((!a->name && !a->n_types) || add_absent(h, req, a))
		return 0;
	/* libbcc takes the arguments of this one out of the struct pt_regs */
	if (!a->name && str_starts(a->function, "__x64_sys_"))
		return 0;
	if (check_wrapper(h, a, err))
		return error_wrap(err, "%s:%u", req->file, req->line + a->line - 1);
	if (find_signature(h, a->function, &sig, err)) {
		bad = a->name ? -1 : 0;
		if (!bad)
			error_clear(err);
	} else if (a->name) {
		bad = resolve_arg(req, a, &sig, warnings, err);
	} else {
		bad = signature_check(&sig, (const char *const *)a->types, a->n_types, err);
	}
	signature_release(&sig);
	if (bad && !err->hint && !target_is_running(h->target) && !target_btf(h->target))
		error_hint(err, "a header pack of a kernel with BTF knows them: --headers PACK");
	return bad ? error_wrap(err, "%s:%u", req->file, req->line + a->line - 1) : 0;
}

/* the first line of the script that names the tracepoint; the request's own if none does */
static unsigned tracepoint_line(const struct request *req, const char *category, const char *event)
{
	struct ctoken *tokens;
	unsigned line = 0;
	size_t i, n;

	tokens = ctoken_all(req->text, &n);
	for (i = 0; i < n && !line; i++) {
		char *c, *e;

		if (!request_tracepoint(&tokens[i], &c, &e))
			continue;
		if (strcmp(c, category) == 0 && strcmp(e, event) == 0)
			line = tokens[i].line;
		free(c);
		free(e);
	}
	free(tokens);
	return req->line + (line ? line - 1 : 0);
}

static int no_format(struct host *h, const struct request *req, const char *category,
	const char *event, struct error *err)
{
	error_wrap(err, "%s:%u", req->file, tracepoint_line(req, category, event));
	if (!target_has_formats(h->target))
		error_hint(err, "the formats are those of the running kernel; a header pack of %s "
			"brings its own: --headers PACK", target_name(h->target));
	return -1;
}

/* of another kernel, but there are no better ones */
static void note_formats(struct host *h, struct buf *warnings)
{
	if (target_has_formats(h->target) || h->said_formats)
		return;
	buf_addf(warnings, "moontrace: warning: the formats of tracepoints are those of the "
		"running kernel, %s: fields may differ\n", kernel_release());
	h->said_formats = true;
}

static int add_formats(struct host *h, struct request *req, const struct request_needs *needs,
	struct buf *warnings, struct error *err)
{
	struct buf format = BUF_INIT;
	int bad = 0;
	size_t i;

	for (i = 0; i < needs->n_tracepoints && !bad; i++) {
		const char *category = needs->tracepoints[i].category;
		const char *event = needs->tracepoints[i].event;

		buf_clear(&format);
		bad = target_format(h->target, category, event, &format, err);
		if (!bad)
			request_add_format(req, category, event, format.data);
		else
			no_format(h, req, category, event, err);
	}
	if (needs->n_tracepoints && !bad)
		note_formats(h, warnings);
	buf_release(&format);
	return bad;
}

/* said before headers are asked for, which would not help */
static int check_kprobes(struct host *h, const struct request *req,
	const struct request_needs *needs, struct error *err)
{
	const char *reason;
	size_t i;

	for (i = 0; i < needs->n_arguments && needs->arguments[i].name; i++)
		;
	if (i == needs->n_arguments ||
		target_feature(h->target, FEATURE_KPROBES, &reason) != ANSWER_NO)
		return 0;
	error_set(err, "E-FEATURE", "%s: this kernel has no kprobes, which %s needs", req->file,
		needs->arguments[i].function);
	return error_hint(err, "tracepoints, uprobes and perf events may work");
}

/* does the text have functions whose arguments libbcc takes out of a wrapper's? */
static bool has_syscalls(const char *text)
{
	struct ctoken_reader r;
	struct ctoken t;
	bool found = false;

	ctoken_start(&r, text);
	do {
		ctoken_next(&r, &t);
		found = t.kind == CTOKEN_IDENT && t.len > 9 &&
			(strncmp(t.at, "syscall__", 9) == 0 ||
			strncmp(t.at, "kprobe____x64_sys_", 18) == 0);
	} while (t.kind != CTOKEN_END && !found);
	return found;
}

/* headers say themselves whether system calls are wrapped; else the names of functions do */
static void add_wrapper(struct host *h, struct request *req)
{
	const char *found;
	char *near;

	if (*req->headers || !has_syscalls(req->text) ||
		target_function(h->target, "sys_getpid", &found, &near) == ANSWER_UNKNOWN)
		return;
	free(near);
	if (found)
		*MEM_GROW(req->cflags, req->n_cflags) = mem_format(
			"-DMOONTRACE_SYSCALL_WRAPPER=%d", syscall_is_wrapper(found));
}

int facts_add(struct host *h, struct request *req, struct buf *warnings, struct error *err)
{
	struct request_needs needs;
	int bad;
	size_t i;

	if (!host_target(h, err))
		return -1;
	set_string(&req->release, target_release(h->target));
	set_string(&req->machine, target_machine(h->target));
	req->version_code = target_version_code(h->target);
	request_scan(req->text, &needs);
	bad = add_formats(h, req, &needs, warnings, err);
	for (i = 0; i < needs.n_arguments && !bad; i++)
		bad = add_argument(h, req, &needs.arguments[i], warnings, err);
	bad = bad || check_kprobes(h, req, &needs, err);
	if (!bad && needs.events)
		req->ringbuf = target_feature(h->target, FEATURE_RINGBUF, NULL) == ANSWER_YES;
	/* it costs instructions, so only where it is needed, or that cannot be told */
	req->zero_stack = target_feature(h->target, FEATURE_UNINIT_STACK, NULL) != ANSWER_YES;
	if (!bad && h->opts->bundle)
		add_known_configs(h, req, &needs);
	else if (!bad && (add_headers(h, req, &needs, warnings, err) ||
		add_configs(h, req, &needs, err)))
		bad = error_wrap(err, "%s", req->file);
	if (!bad)
		add_wrapper(h, req);
	request_needs_release(&needs);
	return bad ? -1 : 0;
}
