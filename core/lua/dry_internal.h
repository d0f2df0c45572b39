/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of dry runs share. */
#ifndef DRY_INTERNAL_H
#define DRY_INTERNAL_H

#include "lua/dry.h"
#include "lua/internal.h"

struct dry {
	struct host *h;
	struct dry_report report;
	struct table *texts;		/* digest of each text that was loaded */
	size_t loaded_at_run;		/* of them, when bpf.run was last called */
	bool ended;			/* nothing of the script is run any more */
	int saved[3];			/* our standard files meanwhile, or -1 */
	int unread;			/* where what it prints goes without /dev/null, or -1 */
	FILE *said;
};

#define TYPE_DRY_PROGRAM "moontrace.dry_program"
#define TYPE_DRY_MAP "moontrace.dry_map"
#define TYPE_DRY_LINK "moontrace.dry_link"

/* takes the finding's strings; the same is said once */
void dry_add_finding(struct dry *d, const struct dry_finding *new);
/* takes hint, which may be NULL */
void dry_add(struct dry *d, enum dry_kind kind, const char *place, char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/*
 * Is the probe there on the target? NO with the error that attaching it
 * would give; UNKNOWN with the reason as its text.
 */
enum answer dry_ask(struct host *h, const struct probe *probe, struct error *err);
/* puts down what dry_ask could not tell; clears it */
void dry_unknown(struct dry *d, const char *place, struct error *why);
/* puts the warnings down, a note each; clears them */
void dry_warnings(struct dry *d, struct buf *warnings);

/* what may be told of a text without compiling it. Raises what bpf.load would */
void dry_plan(lua_State *L, const struct request *req, struct dry_program *p);

/* compiles into the bundle of the host's options, and for the report. As bpf.load */
int dry_build(struct host *h, struct request *req, size_t index, struct error *err);

/* pushes the double of the report's program; it stays in the report */
void dry_program_push(lua_State *L, size_t index);
/* pushes the double of a map; obj is NULL in a plan, def then too */
void dry_map_push(lua_State *L, const struct object *obj, const struct object_map *def,
	const char *name);
void dry_link_push(lua_State *L, const char *spec);
void open_dry_program(lua_State *L);
void open_dry_map(lua_State *L);

#endif
