/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace probes: what can be probed here, and what a program at it may read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/json.h"
#include "base/str.h"
#include "kernel/signature.h"
#include "load/catalog.h"
#include "lua/embedded.h"

struct shown {
	struct catalog *catalog;
	bool args, json;
	size_t n;
};

/* names of files and of C++ may have any bytes; a terminal is shown none that act */
static void print_text(struct buf *out, const char *text)
{
	buf_add_safe(out, text, strlen(text), (size_t)-1);
}

static void text_args(struct buf *out, const struct catalog_args *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		buf_addf(out, "    %-28s %s", a->list[i].type, a->list[i].name);
		if (a->list[i].offset >= 0)
			buf_addf(out, "  (offset %lld, size %lld)", (long long)a->list[i].offset,
				(long long)a->list[i].size);
		buf_addc(out, '\n');
	}
	if (a->returns)
		buf_addf(out, "    returns %s\n", a->returns);
}

static void json_args(struct buf *out, const struct catalog_args *a)
{
	size_t i;

	json_open(out, "args", '[');
	for (i = 0; i < a->n; i++) {
		json_open(out, NULL, '{');
		json_string(out, "name", a->list[i].name);
		json_string(out, "type", a->list[i].type);
		if (a->list[i].size >= 0)
			json_number(out, "size", a->list[i].size);
		if (a->list[i].offset >= 0)
			json_number(out, "offset", a->list[i].offset);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_string(out, "returns", a->returns);
	json_string(out, "source", a->source);
}

/* what is not known of one probe is said with it, and ends nothing */
static void add_args(struct shown *s, const char *spec, struct buf *out)
{
	struct error err = ERROR_INIT;
	struct catalog_args args;

	if (catalog_args(s->catalog, spec, &args, &err)) {
		if (s->json)
			json_string(out, "error", err.text);
		else
			buf_addf(out, "    not known: %s\n", err.text);
		error_clear(&err);
		return;
	}
	if (s->json)
		json_args(out, &args);
	else
		text_args(out, &args);
	catalog_args_release(&args);
}

static bool show(void *arg, const char *spec)
{
	struct buf out = BUF_INIT;
	struct shown *s = arg;

	s->n++;
	if (s->json) {
		json_open(&out, NULL, '{');
		json_string(&out, "probe", spec);
	} else {
		print_text(&out, spec);
		buf_addc(&out, '\n');
	}
	if (s->args)
		add_args(s, spec, &out);
	if (s->json)
		buf_adds(&out, "}\n");
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
	return !ferror(stdout);
}

static int none(struct catalog *c, const char *glob)
{
	struct error err = ERROR_INIT;
	char *hint = catalog_near(c, glob);

	error_set(&err, "E-PROBE", "no probe matches '%s'", glob);
	if (hint)
		error_take_hint(&err, hint);
	else
		error_hint(&err, "'*' stands for anything: 'tracepoint:irq:*', '*tcp_send*'");
	return command_error(&err);
}

static int list(const char *glob, struct shown *s)
{
	struct symbolizer *symbols = symbolizer_new();
	struct catalog_options opts = { .symbols = symbols };
	struct error err = ERROR_INIT;
	int status = STATUS_OK;

	signature_table_set(embedded_find(embedded_data, "signatures")->text);
	s->catalog = catalog_new(&opts);
	if (catalog_list(s->catalog, glob, show, s, &err))
		status = command_error(&err);
	else if (!s->n)
		status = none(s->catalog, glob);
	catalog_free(s->catalog);
	symbolizer_free(symbols);
	return status;
}

static int run_probes(const struct host_options *opts, int argc, char **argv)
{
	struct shown s = { .args = opts->verbose };
	const char *glob = NULL;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			s.json = true;
		else if (strcmp(argv[i], "-a") == 0 || strcmp(argv[i], "--args") == 0 ||
			strcmp(argv[i], "-v") == 0)
			s.args = true;
		else if (argv[i][0] == '-')
			return command_usage(&command_probes, "unknown option '%s'", argv[i]);
		else if (glob)
			return command_usage(&command_probes, "one glob is taken, quoted if the "
				"shell would expand it");
		else
			glob = argv[i];
	}
	if (!glob)
		return command_usage(&command_probes, "a glob is needed, such as "
			"'tracepoint:irq:*'");
	return list(glob, &s);
}

const struct command command_probes = {
	.name = "probes",
	.arguments = "GLOB [-a] [--json]",
	.summary = "list what can be probed, with -a the arguments",
	.run = run_probes,
};
