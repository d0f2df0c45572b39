/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace list: the bundled scripts. */
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"

static int run_list(const struct host_options *opts, int argc, char **argv)
{
	const char *name;
	char *summary;
	size_t i;

	(void)opts;
	(void)argv;
	if (argc != 1)
		return command_usage(&command_list, "takes no argument");
	for (i = 0; host_bundled(i, &name, &summary); i++) {
		printf("%-18s %s\n", name, summary);
		free(summary);
	}
	return STATUS_OK;
}

const struct command command_list = {
	.name = "list",
	.arguments = "",
	.summary = "name the bundled scripts, a line each",
	.run = run_list,
};
