/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics as the user sees them:
 *     softirqs.lua:31:9: error: use of undeclared identifier 'vecc'
 *             vecc = 0;
 *             ^
 */
#ifndef DIAGNOSE_H
#define DIAGNOSE_H

#include <stdint.h>

#include "base/buf.h"
#include "compile/prepare.h"
#include "compile/tree.h"
#include "object/request.h"

/* a diagnostic of our own at a place of the text (line from 1, of the text) */
void diagnose(struct buf *out, const struct request *req, uint32_t line, uint32_t column,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* one about the request as a whole */
void diagnose_file(struct buf *out, const struct request *req, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Turns what libbcc and clang printed into diagnostics of the user's file.
 * hidden: directory whose name nobody knows, taken off paths; those below
 * trees get the names that the request has for them.  Warnings in
 * headers and clang's summary lines are dropped.
 */
void diagnose_output(struct buf *out, const struct request *req, const struct prepared *p,
	const char *hidden, const struct tree_list *trees, char *output);

#endif
