/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dry runs: what a script would do, without doing it.
 *
 * The script's Lua runs up to its end, with doubles in the places of
 * programs, maps and links.  bpf.load compiles for the target (or only asks
 * what the text needs), attach verbs look the probe up, maps are empty,
 * bpf.run() comes back at once without having called anybody.  A second
 * bpf.run() that finds nothing newly loaded ends the script.  What it
 * prints is thrown away, but for its last words if it exits by itself.
 */
#ifndef DRY_H
#define DRY_H

#include <stdbool.h>
#include <stddef.h>

#include "object/object.h"

struct host;

enum dry_kind {
	DRY_ERROR,		/* it ended the script */
	DRY_MISSING,		/* the target has it not */
	DRY_UNKNOWN,		/* could not be told */
	DRY_NOTE,
	DRY_KINDS
};

struct dry_finding {
	enum dry_kind kind;
	char *tag;		/* of an error, else NULL */
	char *place;		/* "FILE:LINE", or "" if the text says where */
	char *text;		/* one line; what a compiler said is several */
	char *hint;		/* or NULL */
	bool refused;		/* of a load that failed: goes if the script went on without */
};

struct dry_program {
	char *place;		/* of its text, "FILE:LINE" */
	/* NULL in a plan. Functions attached by hand have their `probe` set */
	struct object *object;
	char **probes;		/* specs, of what attaches by itself too */
	size_t n_probes;
	bool refused;		/* bpf.load failed */
};

struct dry_report {
	struct dry_program *programs;
	size_t n_programs;
	struct dry_finding *findings;	/* in the order of finding */
	size_t n_findings;
	size_t count[DRY_KINDS];
	bool ran;		/* it came to bpf.run() */
	bool traced;		/* it opened a tracer of the kernel */
	bool exited;		/* it called os.exit() with status */
	int status;
	char *said;		/* what it wrote to standard error */
};

/* of a host whose options ask for a dry run, else NULL; lives as long as it */
const struct dry_report *host_dry_report(const struct host *h);

#endif
