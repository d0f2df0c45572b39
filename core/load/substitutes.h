/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers that have an older equivalent: the loader puts it in where the
 * kernel lacks the newer one, the checker tells so.
 */
#ifndef SUBSTITUTES_H
#define SUBSTITUTES_H

#include <stdint.h>

#include "kernel/feature.h"

struct substitute {
	int32_t helper, older;		/* BPF_FUNC_* */
	enum feature feature;		/* what tells whether `helper` is there */
	const char *differs;		/* ", which ..." where it is not quite the same, or "" */
};

extern const struct substitute substitutes[];	/* ends with a helper of 0 */

/* what to use in place of a helper that is missing and has no equivalent; NULL: no advice */
const char *helper_advice(uint32_t helper);

/* for a raw tracepoint whose program reads its arguments */
#define RAW_ADVICE "use TRACEPOINT_PROBE(category, event), whose args has the fields by name"

#endif
