/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel, this user and this installation are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app/info.h"
#include "base/cachedir.h"
#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/build.h"
#include "kernel/kernel.h"

enum { SMALL_FILE = 64 << 10, VERSION_TIMEOUT_MS = 2000 };

/* ---- small files ---- */

/* the file's text without its last newline; NULL if it cannot be read. Caller owns */
static char *read_text(const char *path)
{
	struct error ignored = ERROR_INIT;
	struct buf text = BUF_INIT;

	if (file_read(path, SMALL_FILE, &text, &ignored)) {
		error_clear(&ignored);
		buf_release(&text);
		return NULL;
	}
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return buf_take(&text, NULL);
}

static bool read_long(const char *path, long *ret)
{
	char *text = read_text(path), *end;
	long value = text ? strtol(text, &end, 10) : 0;
	bool good = text && end != text;

	free(text);
	if (good)
		*ret = value;
	return good;
}

/* the text of an error with what to do about it; clears it */
static char *take_error(struct error *err)
{
	char *text = err->hint ? mem_format("%s (%s)", err->text, err->hint) :
		mem_string(err->text);

	error_clear(err);
	return text;
}

/* value of PRETTY_NAME in /etc/os-release, else the line of redhat-release */
static char *find_distribution(void)
{
	static const char key[] = "PRETTY_NAME=";
	char *text = read_text("/etc/os-release"), *rest = text, *line, *name = NULL;
	size_t n;

	while (!name && rest && (line = strsep(&rest, "\n")) != NULL) {
		if (!str_starts(line, key))
			continue;
		line += strlen(key);
		line += *line == '"' || *line == '\'';
		n = strcspn(line, "\"'");
		name = mem_string_n(line, n);
	}
	free(text);
	if (!name)
		name = read_text("/etc/redhat-release");
	return name ? name : mem_string("");
}

/* ---- privilege ---- */

/* linux/capability.h of an old system lacks the last two */
enum {
	DAC_READ_SEARCH = 2, SYS_ADMIN = 21, SYS_RESOURCE = 24, SYSLOG = 34, PERFMON = 38, BPF = 39
};

static void collect_capabilities(struct info *info)
{
	static const struct {
		int bit, since;		/* needed where the kernel knows capability `since` */
		const char *name, *purpose;
	} rows[] = {
		{ BPF, BPF, "CAP_BPF", "programs and maps" },
		{ PERFMON, BPF, "CAP_PERFMON", "attaching, and reading the kernel's memory" },
		{ SYS_ADMIN, 0, "CAP_SYS_ADMIN", "all of tracing" },
		{ DAC_READ_SEARCH, 0, "CAP_DAC_READ_SEARCH",
			"tracefs, where only root may read it" },
		{ SYSLOG, 0, "CAP_SYSLOG",
			"addresses of kernel functions, where kptr_restrict is 1" },
		{ SYS_RESOURCE, 0, "CAP_SYS_RESOURCE", "more memory than RLIMIT_MEMLOCK" },
	};
	uint64_t caps = kernel_capabilities();
	struct error err = ERROR_INIT;
	bool split = kernel_has_capability(BPF);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct info_capability *c;

		if (rows[i].since == BPF && !split)
			continue;
		c = MEM_GROW(info->capabilities, info->n_capabilities);
		c->name = rows[i].name;
		c->purpose = rows[i].purpose;
		c->held = caps >> rows[i].bit & 1;
		c->needed = rows[i].since == BPF || (rows[i].bit == SYS_ADMIN && !split);
	}
	info->may_trace = kernel_may_trace(&err) == 0;
	info->privilege = info->may_trace ? mem_string("") : take_error(&err);
}

/* the word in brackets: "none [integrity] confidentiality" */
static char *find_lockdown(void)
{
	char *text = read_text("/sys/kernel/security/lockdown");
	const char *open = text ? strchr(text, '[') : NULL;
	char *word = open ? mem_string_n(open + 1, strcspn(open + 1, "]")) : mem_string("");

	free(text);
	return word;
}

static bool holds(const struct info *info, const char *name)
{
	size_t i;

	for (i = 0; i < info->n_capabilities; i++) {
		if (strcmp(info->capabilities[i].name, name) == 0)
			return info->capabilities[i].held;
	}
	return false;
}

static const char *effect_of(const struct info *info, const char *name, long value)
{
	if (strcmp(name, "unprivileged_bpf_disabled") == 0)
		return value && !info->may_trace ? "no bpf() without the capabilities" : NULL;
	if (strcmp(name, "perf_event_paranoid") == 0)
		return value > -1 && !info->may_trace ?
			"no probes and no sampling of other users without the capabilities" : NULL;
	if (value >= 2)
		return "addresses of kernel functions are hidden: stacks have no names, and "
			"functions are not found";
	return value == 1 && !holds(info, "CAP_SYSLOG") ?
		"addresses of kernel functions are hidden without CAP_SYSLOG" : NULL;
}

static void collect_settings(struct info *info)
{
	static const char *const names[] = { "unprivileged_bpf_disabled", "perf_event_paranoid",
		"kptr_restrict" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct info_setting *s = MEM_GROW(info->settings, info->n_settings);
		char *path = mem_format("/proc/sys/kernel/%s", names[i]);

		s->name = names[i];
		s->known = read_long(path, &s->value);
		if (s->known)
			s->effect = mem_string(effect_of(info, names[i], s->value));
		free(path);
	}
}

/* ---- limits ---- */

static enum answer opposite(enum answer a)
{
	return a == ANSWER_YES ? ANSWER_NO : a == ANSWER_NO ? ANSWER_YES : a;
}

static void collect_limits(struct info *info)
{
	struct rlimit limit;

	info->memlock = -1;
	/* before a feature's probe raises it */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		info->memlock = limit.rlim_cur;
	info->large = feature_answer(FEATURE_LARGE, NULL);
	info->memlock_matters = opposite(feature_answer(FEATURE_MEMCG_ACCOUNT, NULL));
	info->mlock_kb = -1;
	read_long("/proc/sys/kernel/perf_event_mlock_kb", &info->mlock_kb);
	info->max_stack = 127;	/* PERF_MAX_STACK_DEPTH, before there was the setting */
	read_long("/proc/sys/kernel/perf_event_max_stack", &info->max_stack);
	info->taints = str_starts(kernel_release(), "3.10.0-") && strstr(kernel_release(), ".el7");
}

/* ---- the installation ---- */

static void collect_compiler(const struct host_options *opts, struct info *info)
{
	struct build_options build = { .compiler = opts->compiler, .cache_dir = opts->cache_dir };
	static char option[] = "--version";
	struct child_options child = { .timeout_ms = VERSION_TIMEOUT_MS, .out_limit = SMALL_FILE,
		.err_limit = SMALL_FILE, .close_fds = true };
	struct error err = ERROR_INIT;
	struct child_result r;
	char *argv[3] = { NULL };

	info->compiler = build_compiler(&build, &err);
	if (!info->compiler) {
		info->compiler_error = take_error(&err);
		return;
	}
	argv[0] = info->compiler;
	argv[1] = option;
	if (child_run(argv, &child, &r, &err)) {
		info->compiler_error = take_error(&err);
	} else if (r.timed_out || r.status) {
		struct buf how = BUF_INIT;

		child_describe(r.status, &how);
		info->compiler_error = mem_format("%s --version: %s", info->compiler,
			r.timed_out ? "no answer" : how.data);
		buf_release(&how);
	} else {
		size_t lines = 0, n;

		/* the third is clang's; build ids follow */
		for (n = 0; n < r.out.len && lines < 3; n++)
			lines += r.out.data[n] == '\n';
		info->compiler_version = mem_string_n(r.out.data, n ? n - 1 : 0);
	}
	child_result_release(&r);
}

static void collect_places(const struct host_options *opts, struct info *info)
{
	struct headers_options where = { opts->headers, opts->cache_dir };
	struct error err = ERROR_INIT;
	const char *path = tracefs_path(&err);

	if (path)
		info->tracefs = mem_string(path);
	else
		info->tracefs_error = take_error(&err);
	error_clear(&err);
	if (kernel_headers_find(&where, &info->headers, &err))
		info->headers_error = take_error(&err);
	info->cache = cachedir_choose(opts->cache_dir, &err);
	if (!info->cache)
		info->cache_error = take_error(&err);
}

void info_collect(const struct host_options *opts, struct info *ret)
{
	unsigned *ids;

	memset(ret, 0, sizeof(*ret));
	ret->distribution = find_distribution();
	ret->version_code = kernel_version_code();
	ret->online = kernel_online_cpus(&ids);
	free(ids);
	ret->possible = kernel_possible_cpus();
	ret->btf = kernel_btf();
	collect_capabilities(ret);
	ret->lockdown = find_lockdown();
	collect_settings(ret);
	collect_limits(ret);
	collect_places(opts, ret);
	collect_compiler(opts, ret);
}

void info_release(struct info *info)
{
	size_t i;

	for (i = 0; i < info->n_settings; i++)
		free(info->settings[i].effect);
	for (i = 0; i < info->n_scripts; i++)
		free(info->scripts[i].why);
	free(info->settings);
	free(info->scripts);
	free(info->capabilities);
	free(info->distribution);
	free(info->headers_error);
	free(info->privilege);
	free(info->lockdown);
	free(info->tracefs);
	free(info->tracefs_error);
	free(info->compiler);
	free(info->compiler_version);
	free(info->compiler_error);
	free(info->cache);
	free(info->cache_error);
	if (info->headers.path)
		kernel_headers_release(&info->headers);
	memset(info, 0, sizeof(*info));
}
