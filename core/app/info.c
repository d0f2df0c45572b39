/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace info: what this kernel and this user can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"

static const char *const answer_names[] = {
	[ANSWER_NO] = "no",
	[ANSWER_YES] = "yes",
	[ANSWER_UNKNOWN] = "could not tell",
};

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
		printf("%s%s%s\n", answer_names[answer], reason ? ": " : "", reason ? reason : "");
		return statuses[answer];
	}
	return command_usage(&command_info, "no feature '%s'", name);
}

static void print_features(void)
{
	int i;

	printf("features\n");
	for (i = 0; i < FEATURE_COUNT; i++) {
		const char *reason = NULL;
		enum answer answer = feature_answer(feature_rows[i].id, &reason);

		printf("  %-22s %-15s %s%s%s%s\n", feature_rows[i].name, answer_names[answer],
			feature_rows[i].description, reason ? " (" : "", reason ? reason : "",
			reason ? ")" : "");
	}
}

static int run_info(const struct host_options *opts, int argc, char **argv)
{
	struct kernel_headers headers = { 0 };
	struct error err = ERROR_INIT;
	uint32_t code = kernel_version_code();
	unsigned *cpus, n;
	const char *path;

	if (argc == 3 && strcmp(argv[1], "--feature") == 0)
		return one_feature(argv[2]);
	if (argc != 1)
		return command_usage(&command_info, "unknown argument '%s'", argv[1]);
	printf("kernel     %s %s (version code %u.%u.%u)\n", kernel_release(), kernel_machine(),
		code >> 16, code >> 8 & 255, code & 255);
	n = kernel_online_cpus(&cpus);
	printf("cpus       %u online, %u possible\n", n, kernel_possible_cpus());
	free(cpus);
	if (kernel_may_trace(&err))
		printf("privilege  missing: %s\n", err.text);
	else
		printf("privilege  sufficient\n");
	error_clear(&err);
	path = tracefs_path(&err);
	printf("tracefs    %s\n", path ? path : err.text);
	error_clear(&err);
	if (kernel_headers_find(opts->headers, &headers, &err))
		return command_error(&err);
	if (*headers.build)
		printf("headers    %s%s%s\n", headers.build, *headers.source ? " + " : "",
			headers.source);
	else
		printf("headers    none (stub tree; looked at %s)\n", headers.tried);
	kernel_headers_release(&headers);
	print_features();
	return STATUS_OK;
}

const struct command command_info = {
	.name = "info",
	.arguments = "[--feature NAME]",
	.summary = "what this kernel and this user can do",
	.run = run_info,
};
