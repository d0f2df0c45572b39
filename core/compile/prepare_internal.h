/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that prepare a text share. */
#ifndef PREPARE_INTERNAL_H
#define PREPARE_INTERNAL_H

#include "base/ctoken.h"
#include "compile/prepare.h"

struct preparation {
	const struct request *req;
	struct prepared *out;
	struct buf *diag;
	struct ctoken *tokens;
	size_t n_tokens;
	char **absent;
	size_t n_absent;
};

/* one call: name . method ( args ) */
struct call {
	const struct ctoken *name, *method, *open, *close;
	/* argument i is [args[i], ends[i]) */
	const struct ctoken *args[4], *ends[4];
	size_t n_args;
	size_t slot;			/* of an event */
};

/* puts text in front of the token, or behind it; owns it */
void prepare_before(struct preparation *p, const struct ctoken *t, char *text);
void prepare_behind(struct preparation *p, const struct ctoken *t, char *text);
/* puts text into the place of the token, on the same line */
void prepare_replace(struct preparation *p, const struct ctoken *t, const char *text);
/* the token of this name occurs */
bool prepare_names(const struct preparation *p, const char *name);

/*
 * Parameters: their macros for the prelude, then their places in the text.
 * The second goes behind all other edits.  -1 with diagnostics where one is
 * used as what cannot vary.
 */
int params_declare(struct preparation *p);
int params_rewrite(struct preparation *p);
/* what stands behind the text */
void params_guard(struct preparation *p);

/* does the text store in maps by methods that may fail */
bool maps_may_lose(const struct preparation *p);
/* what they need in the prelude, behind the loss counters */
void maps_declare(struct preparation *p);
/* a call of such a method: what fails is counted as LOSS(map_full) */
void maps_rewrite(struct preparation *p, const struct call *call);

/* does a program for a USDT probe read memory, which may fail: LOSS(other) then */
bool usdt_reads_memory(const struct preparation *p);
/* the programs for USDT probes, behind the text. -1 with diagnostics */
int usdt_append(struct preparation *p);

#endif
