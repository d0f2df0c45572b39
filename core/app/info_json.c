/* SPDX-License-Identifier: Apache-2.0 */
/* info for programs: one object, whose keys stay (moontrace(1) has them). */
#include <stdlib.h>
#include <string.h>

#include "app/info.h"
#include "app/json.h"
#include "base/mem.h"
#include "kernel/kernel.h"

static const char *const answers[] = {
	[ANSWER_UNASKED] = "unknown",
	[ANSWER_NO] = "no",
	[ANSWER_YES] = "yes",
	[ANSWER_UNKNOWN] = "unknown",
};

static void add_headers(struct buf *out, const struct info *info)
{
	const struct kernel_headers *h = &info->headers;

	json_open(out, "headers", '{');
	json_string(out, "error", info->headers_error);
	if (!info->headers_error) {
		json_string(out, "kind", headers_kind_name(h->kind));
		json_string(out, "path", h->path);
		json_string(out, "build", h->build);
		json_string(out, "source", h->source);
		json_string(out, "release", h->release);
		json_string(out, "why", h->why);
		json_string(out, "tried", h->tried);
	}
	json_close(out, '}');
	json_string(out, "btf", info->btf);
}

static void add_privilege(struct buf *out, const struct info *info)
{
	size_t i;

	json_open(out, "privilege", '{');
	json_bool(out, "sufficient", info->may_trace);
	json_string(out, "missing", info->may_trace ? NULL : info->privilege);
	json_open(out, "capabilities", '[');
	for (i = 0; i < info->n_capabilities; i++) {
		json_open(out, NULL, '{');
		json_string(out, "name", info->capabilities[i].name);
		json_bool(out, "held", info->capabilities[i].held);
		json_bool(out, "needed", info->capabilities[i].needed);
		json_string(out, "purpose", info->capabilities[i].purpose);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
	json_string(out, "lockdown", *info->lockdown ? info->lockdown : NULL);
	json_open(out, "settings", '{');
	for (i = 0; i < info->n_settings; i++) {
		if (info->settings[i].known)
			json_number(out, info->settings[i].name, info->settings[i].value);
		else
			json_string(out, info->settings[i].name, NULL);
	}
	json_close(out, '}');
	json_string(out, "tracefs", info->tracefs);
	if (info->tracefs_error)
		json_string(out, "tracefs_error", info->tracefs_error);
}

static void add_limits(struct buf *out, const struct info *info)
{
	json_open(out, "limits", '{');
	if (info->large == ANSWER_YES || info->large == ANSWER_NO)
		json_number(out, "instructions", info->large == ANSWER_YES ? 1000000 : 4096);
	else
		json_string(out, "instructions", NULL);
	json_number(out, "memlock", info->memlock);
	json_string(out, "memlock_matters", answers[info->memlock_matters]);
	json_number(out, "possible_cpus", info->possible);
	json_number(out, "perf_event_mlock_kb", info->mlock_kb);
	json_number(out, "stack_frames", info->max_stack);
	json_close(out, '}');
	json_bool(out, "taints", info->taints);
}

static void add_installation(struct buf *out, const struct info *info)
{
	json_open(out, "compiler", '{');
	json_string(out, "path", info->compiler);
	json_string(out, "version", info->compiler_version);
	json_string(out, "error", info->compiler_error);
	json_close(out, '}');
	json_string(out, "cache", info->cache);
}

static void add_features(struct buf *out)
{
	int i;

	json_open(out, "features", '{');
	for (i = 0; i < FEATURE_COUNT; i++) {
		const char *reason = NULL;
		enum answer answer = feature_answer(feature_rows[i].id, &reason);

		json_open(out, feature_rows[i].name, '{');
		json_string(out, "answer", answers[answer]);
		json_string(out, "description", feature_rows[i].description);
		json_string(out, "reason", reason);
		json_string(out, "since", feature_rows[i].commit);
		json_close(out, '}');
	}
	json_close(out, '}');
}

static void add_scripts(struct buf *out, const struct info *info)
{
	static const char *const verdicts[] = {
		[INFO_NO] = "no",
		[INFO_YES] = "yes",
		[INFO_PARTLY] = "partly",
		[INFO_UNKNOWN] = "unknown",
	};
	size_t i;

	json_open(out, "scripts", '{');
	for (i = 0; i < info->n_scripts; i++) {
		json_open(out, info->scripts[i].name, '{');
		json_string(out, "works", verdicts[info->scripts[i].verdict]);
		json_string(out, "why", *info->scripts[i].why ? info->scripts[i].why : NULL);
		json_close(out, '}');
	}
	json_close(out, '}');
}

void info_json(const struct info *info, struct buf *out)
{
	char *code = mem_format("%u.%u.%u", info->version_code >> 16,
		info->version_code >> 8 & 255, info->version_code & 255);

	json_open(out, NULL, '{');
	json_open(out, "kernel", '{');
	json_string(out, "release", kernel_release());
	json_string(out, "machine", kernel_machine());
	json_string(out, "version", code);
	json_number(out, "version_code", info->version_code);
	json_string(out, "distribution", info->distribution);
	json_close(out, '}');
	free(code);
	json_open(out, "cpus", '{');
	json_number(out, "online", info->online);
	json_number(out, "possible", info->possible);
	json_close(out, '}');
	add_headers(out, info);
	add_privilege(out, info);
	add_limits(out, info);
	add_installation(out, info);
	add_features(out);
	add_scripts(out, info);
	buf_adds(out, "}\n");
}
