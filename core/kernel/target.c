/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "base/table.h"
#include "kernel/kernel.h"
#include "kernel/pack.h"

struct target {
	struct target_options opts;
	struct kernel_headers headers;
	struct pack_info pack;		/* of headers.pack; has_* are false without one */
	struct table *functions;	/* of the pack: name -> name; NULL until asked for */
	bool running;
};

static int read_pack(struct target *t, struct error *err)
{
	return *t->headers.pack ? pack_read_info(t->headers.pack, &t->pack, err) : 0;
}

struct target *target_new(const struct target_options *opts, struct error *err)
{
	struct target *t = mem_alloc(sizeof(*t));

	t->opts = *opts;
	if (kernel_headers_find(&opts->headers, &t->headers, err) || read_pack(t, err)) {
		target_free(t);
		return NULL;
	}
	t->running = !opts->profile && !(opts->by_headers && *t->headers.release);
	return t;
}

void target_free(struct target *t)
{
	if (!t)
		return;
	kernel_headers_release(&t->headers);
	pack_info_release(&t->pack);
	table_free(t->functions, NULL);
	free(t);
}

bool target_is_running(const struct target *t)
{
	return t->running;
}

/* the headers that were told are those of the kernel that is meant */
static bool told_by_headers(const struct target *t)
{
	return !t->running && t->opts.by_headers && *t->headers.release;
}

const char *target_release(const struct target *t)
{
	if (t->running)
		return kernel_release();
	return told_by_headers(t) ? t->headers.release : profile_release(t->opts.profile);
}

const char *target_name(const struct target *t)
{
	return t->opts.profile ? profile_name(t->opts.profile) : target_release(t);
}

const char *target_machine(const struct target *t)
{
	return !t->running && told_by_headers(t) && *t->headers.machine ? t->headers.machine :
		kernel_machine();
}

uint32_t target_version_code(const struct target *t)
{
	if (t->running)
		return kernel_version_code();
	if (!told_by_headers(t))
		return profile_version_code(t->opts.profile);
	return t->pack.version_code ? t->pack.version_code :
		kernel_parse_version(t->headers.release);
}

const struct kernel_headers *target_headers(const struct target *t)
{
	return &t->headers;
}

bool target_headers_match(const struct target *t)
{
	return !*t->headers.release || strcmp(t->headers.release, target_release(t)) == 0;
}

const char *target_btf(const struct target *t)
{
	/* of a running kernel its own, whatever headers were told */
	if (t->running)
		return kernel_btf();
	return told_by_headers(t) && *t->headers.btf ? t->headers.btf : NULL;
}

bool target_has_formats(const struct target *t)
{
	return t->running || t->pack.has_formats;
}

enum answer target_tracepoint(struct target *t, const char *category, const char *event,
	struct error *err)
{
	struct buf format = BUF_INIT;
	int bad = target_format(t, category, event, &format, err);

	buf_release(&format);
	if (!bad)
		return ANSWER_YES;
	if (strcmp(err->tag, "E-PROBE") == 0 && target_has_formats(t))
		return ANSWER_NO;
	if (strcmp(err->tag, "E-PROBE") == 0)
		error_set(err, "E-PROBE", "tracepoint '%s:%s' is not on the running kernel, and "
			"those of %s are not known", category, event, target_name(t));
	if (!target_has_formats(t))
		error_hint(err, "--headers PACK brings the tracepoints of a kernel");
	return ANSWER_UNKNOWN;
}

int target_format(struct target *t, const char *category, const char *event, struct buf *out,
	struct error *err)
{
	if (!t->running && t->pack.has_formats)
		return pack_format(t->headers.pack, category, event, out, err);
	return tracefs_format(category, event, out, err);
}

static bool add_function(void *arg, const char *name, const char *module)
{
	static char present;
	struct table *functions = arg;
	char *full = module ? mem_format("%s:%s", module, name) : NULL;

	table_set(functions, name, &present);
	if (full)
		table_set(functions, full, &present);
	free(full);
	return true;
}

/* is it `base`, or a clone of it that the compiler made? */
static bool is_clone_of(const char *name, const char *base, size_t len)
{
	return strncmp(name, base, len) == 0 && name[len] == '.' &&
		!strstr(name + len, ".cold");
}

/* a walk over the names: only for names that are not there as they are */
static const char *find_clone(const struct table *functions, const char *base, char **ret_near)
{
	size_t at = 0, len = strlen(base);
	struct nearest near;
	const char *name;

	nearest_init(&near, base);
	while (table_next(functions, &at, &name, NULL)) {
		if (is_clone_of(name, base, len)) {
			free(nearest_hint(&near));
			return name;
		}
		nearest_offer(&near, name);
	}
	*ret_near = nearest_hint(&near);
	return NULL;
}

/* the table's own copy of a key that it has */
static const char *key_of(const struct table *t, const char *name)
{
	const char *key = NULL;
	size_t at = 0;

	while (table_next(t, &at, &key, NULL) && strcmp(key, name) != 0)
		;
	return key;
}

/* what the target calls the function of a system call that others call `name` */
static const char *find_syscall(const struct table *functions, const char *name)
{
	const char *syscall = syscall_of_function(name), *found = NULL;
	char *function;
	size_t i;

	for (i = 0; syscall && !found && (function = syscall_function(syscall, i)); i++) {
		if (table_get(functions, function) &&
			strcmp(syscall_of_function(function), syscall) == 0)
			found = key_of(functions, function);
		free(function);
	}
	return found;
}

static enum answer pack_function(struct target *t, const char *name, const char **ret_name,
	char **ret_near)
{
	struct error err = ERROR_INIT;

	if (!t->functions) {
		t->functions = table_new();
		if (pack_functions(t->headers.pack, add_function, t->functions, &err)) {
			error_clear(&err);
			return ANSWER_UNKNOWN;
		}
	}
	*ret_name = table_get(t->functions, name) ? name : find_syscall(t->functions, name);
	if (!*ret_name)
		*ret_name = find_clone(t->functions, name, ret_near);
	return *ret_name ? ANSWER_YES : ANSWER_NO;
}

enum answer target_function(struct target *t, const char *name, const char **ret_name,
	char **ret_near)
{
	*ret_name = NULL;
	*ret_near = NULL;
	if (!t->running)
		return t->pack.has_functions && told_by_headers(t) ?
			pack_function(t, name, ret_name, ret_near) : ANSWER_UNKNOWN;
	if (!t->opts.function)
		return ANSWER_UNKNOWN;
	*ret_name = t->opts.function(t->opts.arg, name, ret_near);
	return *ret_name ? ANSWER_YES : ANSWER_NO;
}

/* ---- all names ---- */

static bool add_line(void *arg, const char *name, const char *module)
{
	(void)module;
	buf_adds(arg, name);
	buf_addc(arg, '\n');
	return true;
}

static bool add_event(void *arg, const char *category, const char *event)
{
	buf_addf(arg, "%s:%s\n", category, event);
	return true;
}

static int not_told(const struct target *t, const char *what, struct error *err)
{
	error_set(err, "E-HEADERS", "the %s of %s are not known", what, target_name(t));
	return error_hint(err, "--headers PACK brings those of a kernel");
}

int target_functions(struct target *t, struct buf *out, struct error *err)
{
	if (!t->pack.has_functions || !told_by_headers(t))
		return not_told(t, "functions", err);
	return pack_functions(t->headers.pack, add_line, out, err);
}

int target_tracepoints(struct target *t, struct buf *out, struct error *err)
{
	if (!t->pack.has_formats || t->running)
		return not_told(t, "tracepoints", err);
	return pack_events(t->headers.pack, add_event, out, err);
}

/* those of a distribution's kernels are for these alone */
static const struct profile *distribution_profile(const char *release)
{
	bool el7 = str_starts(release, "3.10.0-") && strstr(release, ".el7");
	bool el8 = str_starts(release, "4.18.0-") && strstr(release, ".el8");
	struct error ignored = ERROR_INIT;

	return el7 ? profile_find("el7", &ignored) : el8 ? profile_find("4.18-el8", &ignored) :
		NULL;
}

/* the newest of mainline's that is not newer */
static const struct profile *mainline_profile(uint32_t version)
{
	const struct profile *best = NULL, *p;
	size_t i;

	for (i = 0; (p = profile_at(i)); i++) {
		if (!strstr(profile_name(p), "el") && profile_version_code(p) <= version &&
			(!best || profile_version_code(p) > profile_version_code(best)))
			best = p;
	}
	return best;
}

const struct profile *target_profile_for(const char *release, char **ret_note, struct error *err)
{
	const struct profile *p = distribution_profile(release);
	uint32_t version = kernel_parse_version(release);

	*ret_note = NULL;
	if (p)
		return p;
	p = mainline_profile(version);
	if (!p) {
		error_set(err, "E-ARGS", "no profile fits a kernel '%s'", release);
		error_hint(err, "name one with --target; 'moontrace check --list' has them");
		return NULL;
	}
	if (profile_version_code(p) >> 8 != version >> 8)
		*ret_note = mem_format("%s is checked as %s, the newest profile that is not "
			"newer", release, profile_name(p));
	return p;
}

enum answer target_feature(const struct target *t, enum feature f, const char **ret_reason)
{
	if (t->running)
		return feature_answer(f, ret_reason);
	if (!t->opts.profile) {
		if (ret_reason)
			*ret_reason = "the target is known by its headers only: give a --target";
		return ANSWER_UNKNOWN;
	}
	if (ret_reason)
		*ret_reason = "told by its profile";
	return profile_feature_answer(t->opts.profile, f);
}
