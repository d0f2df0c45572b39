/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command *const commands[] = {
	&command_build,
	&command_cache,
	&command_check,
	&command_dump,
	&command_headers,
	&command_info,
	&command_list,
	&command_probes,
	NULL,
};

const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int command_error(struct error *err)
{
	char *text = error_format(err);
	int status = error_status(err);

	fprintf(stderr, "%s\n", text);
	free(text);
	error_clear(err);
	return status;
}

int command_usage(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "moontrace: %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: moontrace %s%s%s\n", cmd->name, *cmd->arguments ? " " : "",
		cmd->arguments);
	return STATUS_USAGE;
}
