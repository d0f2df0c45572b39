/* SPDX-License-Identifier: Apache-2.0 */
/* C values by plan to Lua values and back, and plans' way into text. */
#ifndef VALUE_H
#define VALUE_H

#include <lua.h>

#include "base/error.h"
#include "object/plan.h"

/*
 * Pushes the value at data: numbers as integers (unsigned 64-bit ones keep
 * their bits), bool as boolean, char arrays as strings up to the first NUL,
 * other bytes as strings of full length, structs as tables by member name,
 * arrays as lists.
 */
void value_push(lua_State *L, const struct plan *plan, const void *data);

/*
 * Writes the Lua value at stack index idx to data (plan->size bytes, zeroed
 * first). -1 and E-TYPE or E-FIELD if it does not fit; `what` names it.
 */
int value_store(lua_State *L, int idx, const struct plan *plan, void *data, const char *what,
	struct error *err);

/* adds the numbers of src to those of dst, member by member */
void value_add(const struct plan *plan, void *dst, const void *src);

/* pushes one scalar (element i of an array op) */
void value_push_scalar(lua_State *L, const struct plan_op *op, const void *data, uint32_t i);

#endif
