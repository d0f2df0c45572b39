/* SPDX-License-Identifier: Apache-2.0 */
/* What each bundled script will be able to do here: a dry run that only plans. */
#include <stdlib.h>
#include <string.h>

#include "app/info.h"
#include "base/mem.h"
#include "lua/dry.h"

/* the first line says it, and whose it is is known: "NAME.lua:12: " */
static void add_line(struct buf *out, const char *text)
{
	const char *lua = strstr(text, ".lua:"), *space = strchr(text, ' ');

	if (lua && space && lua < space && space[-1] == ':')
		text = space + 1;
	buf_addf(out, "%s%.*s", out->len ? "\n" : "", (int)strcspn(text, "\n"), text);
}

/* errors first: what is below them does not help any more. Who may not trace
 * may not ask either: what else was found follows from that */
static enum info_verdict judge(const struct info *info, const struct dry_report *r, int status,
	struct buf *why)
{
	enum info_verdict verdict = INFO_YES;
	size_t i;

	if (!info->may_trace) {
		buf_add(why, info->privilege, strcspn(info->privilege, ":"));
		return INFO_NO;
	}
	if (info->compiler_error)
		add_line(why, "no compiler: only what the cache has can be run");
	for (i = 0; i < r->n_findings; i++) {
		if (r->findings[i].kind == DRY_ERROR || r->findings[i].kind == DRY_MISSING)
			add_line(why, r->findings[i].text);
	}
	if (r->count[DRY_ERROR] || r->count[DRY_MISSING] || status)
		return INFO_NO;
	if (info->compiler_error)
		verdict = INFO_PARTLY;
	for (i = 0; i < r->n_findings; i++) {
		if (r->findings[i].kind != DRY_UNKNOWN)
			continue;
		add_line(why, r->findings[i].text);
		verdict = INFO_UNKNOWN;
	}
	return verdict;
}

static void plan_script(const struct host_options *opts, struct info *info, const char *name)
{
	struct info_script *s = MEM_GROW(info->scripts, info->n_scripts);
	struct host_options plan = *opts;
	struct error err = ERROR_INIT;
	struct buf why = BUF_INIT;
	struct host *h;
	char *argv[] = { (char *)name, NULL };
	int status;

	plan.dry_run = DRY_PLAN;
	s->name = name;
	s->verdict = INFO_UNKNOWN;
	h = host_new(&plan, &err);
	if (!h) {
		s->why = mem_string(err.text);
		error_clear(&err);
		return;
	}
	status = host_run_bundled(h, name, 1, argv);
	s->verdict = judge(info, host_dry_report(h), status, &why);
	s->why = mem_string(why.data);
	buf_release(&why);
	host_free(h);
}

void info_collect_scripts(const struct host_options *opts, struct info *info)
{
	const char *name;
	char *summary;
	size_t i;

	for (i = 0; host_bundled(i, &name, &summary); i++) {
		plan_script(opts, info, name);
		free(summary);
	}
}
