/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would this object load on a kernel that is not at hand?
 *
 * What can be told from instructions and map types alone, against the facts
 * of a profile.  The verifier's other questions (are pointers checked, do
 * loops end) are not asked.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "kernel/profile.h"
#include "object/object.h"

enum finding_kind {
	FINDING_NO,		/* the kernel will refuse it */
	FINDING_UNKNOWN,	/* the profile does not say */
	FINDING_NOTE,		/* it is taken care of, or worth knowing */
	FINDING_KINDS
};

struct finding {
	enum finding_kind kind;
	const char *program;	/* its name, lent by the object; NULL: about a map */
	size_t insn;
	uint32_t line;		/* of the script; 0: not known */
	char *what;		/* one line, "(since 5.8)" included */
	const char *hint;	/* static, or NULL */
};

struct check {
	struct finding *findings;	/* maps first, then by program and instruction */
	size_t n_findings;
	size_t count[FINDING_KINDS];
};

/* the object outlives *ret; one line of the script says the same thing once */
void check_object(const struct object *obj, const struct profile *p, struct check *ret);
void check_release(struct check *c);
/* "softirqs.lua:31: el7: helper ringbuf_output#130 is not there (since 5.8), program 'f'
 * instruction 12", the hint in a line below; a newline at the end */
void check_format(const struct object *obj, const struct profile *p, const struct finding *f,
	struct buf *out);

#endif
