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
};

extern const struct substitute substitutes[];	/* ends with a helper of 0 */

#endif
