/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace cache warm: objects of scripts, before they are needed. */
#include "app/warm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/str.h"
#include "lua/dry.h"

static size_t count_objects(const struct dry_report *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->n_programs; i++)
		n += r->programs[i].object != NULL;
	return n;
}

/* the error that ended the script; for one that nobody asked for it is just a line */
static int say_error(const struct dry_report *r, const char *name, int status, bool asked)
{
	size_t i;

	for (i = 0; i < r->n_findings; i++) {
		const struct dry_finding *f = &r->findings[i];

		if (f->kind != DRY_ERROR)
			continue;
		if (!asked) {
			printf("%s: not on this kernel: %s\n", name, f->text);
			return STATUS_OK;
		}
		fflush(stdout);
		fprintf(stderr, "error[%s]: %s: %s\n", f->tag, name, f->text);
		if (f->hint)
			fprintf(stderr, "  %s\n", f->hint);
		return status ? status : STATUS_SCRIPT;
	}
	fputs(r->said, stderr);
	return status;
}

static int warm_one(const struct host_options *opts, const char *name, bool asked)
{
	struct host_options dry = *opts;
	struct error err = ERROR_INIT;
	bool path = strchr(name, '/') || str_ends(name, ".lua");
	char *argv[] = { (char *)name, NULL };
	const struct dry_report *r;
	struct host *h;
	int status;

	if (!path && !host_has_bundled(name)) {
		error_set(&err, "E-SCRIPT", "no script '%s'", name);
		error_hint(&err, "'moontrace list' names the bundled scripts");
		return command_error(&err);
	}
	dry.dry_run = DRY_CHECK;
	h = host_new(&dry, &err);
	if (!h)
		return command_error(&err);
	status = path ? host_run_file(h, name, 1, argv) : host_run_bundled(h, name, 1, argv);
	r = host_dry_report(h);
	if (status || r->count[DRY_ERROR])
		status = say_error(r, name, status, asked);
	else
		printf("%s: %zu object%s\n", name, count_objects(r),
			count_objects(r) == 1 ? "" : "s");
	host_free(h);
	return status;
}

static int warm_all(const struct host_options *opts)
{
	const char *name;
	char *summary;
	int status = STATUS_OK;
	size_t i;

	for (i = 0; !status && host_bundled(i, &name, &summary); i++) {
		free(summary);
		status = warm_one(opts, name, false);
	}
	return status;
}

int cache_warm(const struct host_options *opts, int n, char **names)
{
	int status = STATUS_OK, i;

	if (!n)
		return warm_all(opts);
	for (i = 0; i < n; i++) {
		int one = warm_one(opts, names[i], true);

		status = one > status ? one : status;
	}
	return status;
}
