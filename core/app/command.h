/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of moontrace: one file and one row each. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

#include "lua/host.h"

struct command {
	const char *name;
	const char *arguments;		/* "FILE", for the usage */
	const char *summary;		/* one line */
	bool helps;			/* answers -h itself */
	/* argv[0] is the subcommand's name. Returns the exit status */
	int (*run)(const struct host_options *opts, int argc, char **argv);
};

extern const struct command *const commands[];	/* NULL-terminated */
const struct command *command_find(const char *name);

extern const struct command command_build, command_cache, command_check, command_dump,
	command_headers, command_info, command_list, command_probes;

/* prints err to stderr as "error[TAG]: ...", clears it, returns its exit status */
int command_error(struct error *err);
/* "moontrace: NAME: text" + how to get help; returns STATUS_USAGE */
int command_usage(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
