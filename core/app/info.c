/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace info: what this kernel and this user can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/command.h"
#include "app/info.h"
#include "base/str.h"

enum { WIDTH = 80 };

static int no_feature(const char *name)
{
	struct error err = ERROR_INIT;
	struct nearest near;
	int i;

	error_set(&err, "E-ARGS", "no feature '%s'", name);
	nearest_init(&near, name);
	for (i = 0; i < FEATURE_COUNT; i++)
		nearest_offer(&near, feature_rows[i].name);
	error_take_hint(&err, nearest_hint(&near));
	return command_error(&err);
}

/* info --feature NAME: exit status 0 yes, 1 no, 4 could not tell */
static int one_feature(const char *name)
{
	static const int statuses[] = {
		[ANSWER_NO] = STATUS_SCRIPT,
		[ANSWER_YES] = STATUS_OK,
		[ANSWER_UNKNOWN] = STATUS_CANNOT,
	};
	const char *reason = NULL;
	enum answer answer;
	int i;

	for (i = 0; i < FEATURE_COUNT; i++) {
		if (strcmp(feature_rows[i].name, name) != 0)
			continue;
		answer = feature_answer(feature_rows[i].id, &reason);
		printf("%s%s%s\n", info_answer_name(answer), reason ? ": " : "",
			reason ? reason : "");
		return statuses[answer];
	}
	return no_feature(name);
}

/* of the terminal; of what else, 80 columns */
static unsigned page_width(void)
{
	struct winsize ws;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : WIDTH;
}

static int all(const struct host_options *opts, bool json)
{
	struct buf out = BUF_INIT;
	struct info info;
	int status;

	info_collect(opts, &info);
	if (!info.headers_error)
		info_collect_scripts(opts, &info);
	if (json)
		info_json(&info, &out);
	else
		info_text(&info, &out, page_width());
	fwrite(out.data, 1, out.len, stdout);
	status = info.headers_error ? STATUS_CANNOT : STATUS_OK;
	buf_release(&out);
	info_release(&info);
	return status;
}

static int run_info(const struct host_options *opts, int argc, char **argv)
{
	struct host_options own = *opts;
	bool json = false;
	int i;

	if (argc == 3 && strcmp(argv[1], "--feature") == 0)
		return one_feature(argv[2]);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (str_starts(argv[i], "--headers="))
			own.headers = argv[i] + strlen("--headers=");
		else if (strcmp(argv[i], "--headers") == 0 && i + 1 < argc)
			own.headers = argv[++i];
		else
			return command_usage(&command_info, "unknown or incomplete '%s'", argv[i]);
	}
	return all(&own, json);
}

const struct command command_info = {
	.name = "info",
	.arguments = "[--json] [--headers PATH] | --feature NAME",
	.summary = "what this kernel and this user can do",
	.run = run_info,
};
