/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's text made ready for libbcc: a prelude in front of it (defines,
 * tracepoint structs, EVENTS and LOSS), our methods rewritten to libbcc's,
 * and #line directives so that places stay those of the user's file
 * although libbcc's rewriter adds lines.
 *
 * The file is called SCRIPT_NAME inside, which names no file that clang
 * could open; diagnostics get the user's name back, see diagnose.h.
 */
#ifndef PREPARE_H
#define PREPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "object/object.h"
#include "object/request.h"

#define SCRIPT_NAME "/<script>"

/* what was done to one line of the user's text, ascending by place */
struct prepared_edit {
	size_t at;		/* offset into the user's text */
	size_t removed;		/* bytes taken out there */
	char *added;		/* put in instead */
	uint32_t line, column;	/* of `at`, in the text */
	uint32_t resync;	/* != 0: ends a line, and the next is this one */
};

/* a map that carries events to user space */
struct prepared_event {
	char *name;
	bool declared;		/* by EVENTS(), else by one of bcc's macros */
};

/* request.params, in the same order */
struct prepared_param {
	char *name;
	bool optional;
	bool macro;		/* the text knows its value */
	uint32_t entries;	/* stands for it in the size of maps; 0: in none */
	uint32_t line;		/* of such a map, in the user's file */
};

/* what a 64-bit load has in the place of a parameter; kind: enum object_patch_kind */
#define PREPARED_PARAM(index, kind) \
	(UINT64_C(0x6d74706200000000) | (uint64_t)(index) << 8 | (kind))
/* the first number that stands for the size of a map; the next are each half of it, since
 * some sizes are rounded to powers of two */
#define PREPARED_ENTRIES (UINT32_C(1) << 30)
#define PREPARED_SIZED_MAX 8

struct prepared {
	struct buf text;
	struct prepared_edit *edits;
	size_t n_edits;
	struct prepared_event *events;	/* in order of declaration: slots of the loss map */
	size_t n_events;
	struct prepared_param *params;
	size_t n_params;
	size_t n_sized;		/* of them, in sizes of maps */
	bool losses;		/* the text has the map of loss counters */
};

#define PREPARED_LOSSES "moontrace_losses"
/* in BTF, struct PREPARED_EVENT + map name has one member: an event */
#define PREPARED_EVENT "____mt_event_"

/*
 * Returns -1 with diagnostics added to diag when the text is wrong.
 * absent: names of events that an earlier compile showed to be preprocessed
 * away; they get no slot.  ret is to be released in both cases.
 */
int prepare(const struct request *req, char **absent, size_t n_absent, struct prepared *ret,
	struct buf *diag);
void prepared_release(struct prepared *p);

/* column of the user's text for a column of the prepared one; both from 1 */
uint32_t prepared_column(const struct prepared *p, uint32_t line, uint32_t column);

#endif
