/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of a script: one Lua state with the loop, the session and the
 * output it works on.  core/lua is the only folder that includes lua.h; it
 * may use every folder but core/app.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "kernel/profile.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV };

/* the script's Lua runs, but nothing of a kernel is touched: lua/dry.h */
enum dry_run {
	DRY_NO,
	DRY_PLAN,		/* what its texts ask of the target; no compiler */
	DRY_CHECK,		/* they are compiled for the target, too */
	DRY_BUILD,		/* and collected, with the modules, as a bundle */
};

struct host_options {
	bool verbose;
	bool interactive;	/* a prompt on the terminal: host_run_prompt */
	bool strict;		/* anything lost makes exit status 3 */
	bool destructive;
	bool no_cache;
	const char *headers;	/* header tree, pack or package, or NULL */
	/* another kernel than the running one, see kernel/target.h */
	const struct profile *profile;	/* or NULL */
	bool by_headers;
	enum dry_run dry_run;
	struct bundle *collect;	/* of DRY_BUILD: what it adds to */
	/* the bundle that is run: objects and modules come from there alone, or NULL */
	const struct bundle *bundle;
	const char *compiler;	/* moontrace-cc to run, or NULL for ours */
	const char *cache_dir;	/* or NULL for the default */
	unsigned max_probes;	/* most of one pattern; 0: 1000 */
	enum output_format format;
	const char **include;	/* directories for require, absolute */
	size_t n_include;
};

struct bundle;
struct host;

struct host *host_new(const struct host_options *opts, struct error *err);	/* borrows opts */
void host_free(struct host *h);		/* detaches everything; NULL is fine */

/* the kernel that texts are compiled for, found out when it is first needed. E-HEADERS */
struct target;
struct target *host_target(struct host *h, struct error *err);

/*
 * Each runs a script with `arg` set and returns the exit status; what went
 * wrong was printed to stderr. argv[0] is the script's name as typed.
 */
int host_run_file(struct host *h, const char *path, int argc, char **argv);
int host_run_bundled(struct host *h, const char *name, int argc, char **argv);
int host_run_text(struct host *h, const char *text, const char *chunk, int argc, char **argv);

/* A line of Lua: one-liners are globals, and what it leaves running is waited for */
int host_run_line(struct host *h, const char *line, int argc, char **argv);

/* Reads and runs lines until the end; of a host that was made interactive. Exit status */
int host_run_prompt(struct host *h);

bool host_has_bundled(const char *name);
/* name and one-line summary of the i-th bundled script; false behind the last */
bool host_bundled(size_t i, const char **ret_name, char **ret_summary);

#endif
