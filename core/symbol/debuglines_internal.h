/* SPDX-License-Identifier: Apache-2.0 */
/* Between debuglines.c and debug_units.c. */
#ifndef DEBUGLINES_INTERNAL_H
#define DEBUGLINES_INTERNAL_H

#include "dw.h"

#ifdef HAVE_LIBDW
#include "debuglines.h"

/* the compilation units of a file, by address */
struct debug_units;

struct debug_units *debug_units_new(const struct dw *dw, Dwfl_Module *module);
void debug_units_free(struct debug_units *u);		/* NULL is fine */
/* see debug_lines_at(); addr is one of libdwfl's */
unsigned debug_units_at(struct debug_units *u, uint64_t addr, debug_place_fn fn, void *arg);
#endif

#endif
