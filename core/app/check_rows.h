/* SPDX-License-Identifier: Apache-2.0 */
/* What a check of one script or object for one target found, as text or JSON. */
#ifndef CHECK_ROWS_H
#define CHECK_ROWS_H

#include "base/buf.h"
#include "load/check.h"
#include "lua/dry.h"

struct check_row {
	enum dry_kind kind;
	char *tag;			/* of an error, or NULL */
	char *file;
	unsigned line;			/* 0: not known */
	char *program;			/* or NULL */
	size_t insn;			/* of the program */
	char *text, *hint;
};

struct check_rows {
	struct check_row *rows;
	size_t n;
	size_t count[DRY_KINDS];
};

/* an error that is none of the script's own; what is lent is copied */
void check_rows_add(struct check_rows *r, enum dry_kind kind, const char *file, const char *text,
	const char *hint);
/* what the target would say to the object */
void check_rows_object(struct check_rows *r, const struct object *obj, const struct profile *p,
	const char *file);
/* what a dry run of the script `file` found, its objects included */
void check_rows_report(struct check_rows *r, const struct dry_report *report,
	const struct profile *p, const char *file);
void check_rows_release(struct check_rows *r);

/* a row as text: "FILE:LINE: TARGET: what", more lines below it */
void check_row_format(const struct check_row *row, const char *target, struct buf *out);
/* a row as an object of a JSON list */
void check_row_json(const struct check_row *row, struct buf *out);

#endif
