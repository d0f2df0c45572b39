/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "base/str.h"

void value_push_scalar(lua_State *L, const struct plan_op *op, const void *data, uint32_t i)
{
	uint64_t bits;
	double d;
	float f;

	switch (op->code) {
	case PLAN_BOOL:
		lua_pushboolean(L, plan_scalar(op, data, i) != 0);
		break;
	case PLAN_FLOAT:
		if (op->size == sizeof(f)) {
			memcpy(&f, (const char *)data + op->offset + i * sizeof(f), sizeof(f));
			d = f;
		} else {
			memcpy(&d, (const char *)data + op->offset + i * sizeof(d), sizeof(d));
		}
		lua_pushnumber(L, d);
		break;
	default:
		bits = plan_scalar(op, data, i);
		lua_pushinteger(L, (lua_Integer)bits);
	}
}

static void push_leaf(lua_State *L, const struct plan_op *op, const char *data)
{
	uint32_t i;

	if (op->code == PLAN_STRING) {
		lua_pushlstring(L, data + op->offset, strnlen(data + op->offset, op->count));
	} else if (op->code == PLAN_BYTES) {
		lua_pushlstring(L, data + op->offset, op->count);
	} else if (op->is_array) {
		lua_createtable(L, op->count, 0);
		for (i = 0; i < op->count; i++) {
			value_push_scalar(L, op, data, i);
			lua_rawseti(L, -2, i + 1);
		}
	} else {
		value_push_scalar(L, op, data, 0);
	}
}

/* pushes the value of ops[i]; returns the index behind it */
static size_t push_op(lua_State *L, const struct plan *plan, size_t i, const char *data)
{
	const struct plan_op *op = &plan->ops[i];
	uint32_t e;
	size_t j;

	luaL_checkstack(L, 4, "value nested too deeply");
	switch (op->code) {
	case PLAN_OPEN_STRUCT:
		lua_newtable(L);
		for (j = i + 1; plan->ops[j].code != PLAN_CLOSE;) {
			const char *name = plan->ops[j].name;

			j = push_op(L, plan, j, data);
			lua_setfield(L, -2, name);
		}
		return op->next;
	case PLAN_OPEN_ARRAY:
		lua_createtable(L, op->count, 0);
		for (e = 0; e < op->count; e++) {
			push_op(L, plan, i + 1, data + op->offset + (size_t)e * op->stride);
			lua_rawseti(L, -2, e + 1);
		}
		return op->next;
	default:
		push_leaf(L, op, data);
		return i + 1;
	}
}

void value_push(lua_State *L, const struct plan *plan, const void *data)
{
	push_op(L, plan, 0, data);
}

/* ---- Lua to C ---- */

struct store {
	lua_State *L;
	const struct plan *plan;
	const char *what;
	struct error *err;
};

static const char *op_label(const struct store *s, const struct plan_op *op)
{
	return op->name ? op->name : s->what;
}

static int type_error(struct store *s, const struct plan_op *op, int idx, const char *wanted)
{
	return error_set(s->err, "E-TYPE", "%s '%s': expected %s, got %s", s->what,
		op_label(s, op), wanted, luaL_typename(s->L, idx));
}

static int store_scalar(struct store *s, const struct plan_op *op, int idx, char *data, uint32_t i)
{
	lua_State *L = s->L;
	lua_Integer v;
	int exact;

	if (lua_isboolean(L, idx) && op->code != PLAN_FLOAT) {
		v = lua_toboolean(L, idx);
	} else {
		if (lua_type(L, idx) != LUA_TNUMBER)
			return type_error(s, op, idx, "a number");
		if (op->code == PLAN_FLOAT) {
			double d = lua_tonumber(L, idx);
			float f = d;

			if (op->size == sizeof(f))
				memcpy(data + op->offset + i * sizeof(f), &f, sizeof(f));
			else
				memcpy(data + op->offset + i * sizeof(d), &d, sizeof(d));
			return 0;
		}
		v = lua_tointegerx(L, idx, &exact);
		if (!exact)
			return type_error(s, op, idx, "an integer");
	}
	/* a 64-bit unsigned takes every Lua integer: its bits are the value */
	if (!plan_store(op, data, i, v, v < 0 && (op->is_signed || op->size != 8 || op->bits_len)))
		return error_set(s->err, "E-TYPE", "%s '%s': %lld does not fit the C type",
			s->what, op_label(s, op), (long long)v);
	return 0;
}

static int store_bytes(struct store *s, const struct plan_op *op, int idx, char *data)
{
	const char *str;
	size_t n;

	if (lua_type(s->L, idx) != LUA_TSTRING)
		return type_error(s, op, idx, "a string");
	str = lua_tolstring(s->L, idx, &n);
	if (n > op->count)
		return error_set(s->err, "E-TYPE", "%s '%s': a string of %zu bytes does not fit %u",
			s->what, op_label(s, op), n, op->count);
	memcpy(data + op->offset, str, n);
	return 0;
}

static int store_op(struct store *s, size_t i, int idx, char *data);

static int store_list(struct store *s, size_t i, int idx, char *data)
{
	const struct plan_op *op = &s->plan->ops[i];
	size_t n, e;
	int err = 0;

	if (!lua_istable(s->L, idx))
		return type_error(s, op, idx, "a list");
	n = lua_rawlen(s->L, idx);
	if (n > op->count)
		return error_set(s->err, "E-TYPE", "%s '%s': %zu elements do not fit %u", s->what,
			op_label(s, op), n, op->count);
	for (e = 0; e < n && !err; e++) {
		lua_rawgeti(s->L, idx, e + 1);
		if (op->code == PLAN_OPEN_ARRAY)
			err = store_op(s, i + 1, lua_gettop(s->L),
				data + op->offset + e * op->stride);
		else
			err = store_scalar(s, op, lua_gettop(s->L), data, e);
		lua_pop(s->L, 1);
	}
	return err;
}

/* index behind the member at ops[j] */
static size_t next_member(const struct plan *plan, size_t j)
{
	const struct plan_op *m = &plan->ops[j];

	return m->code == PLAN_OPEN_STRUCT || m->code == PLAN_OPEN_ARRAY ? m->next : j + 1;
}

/* each name in the table must be a member */
static int check_names(struct store *s, size_t open, int idx)
{
	const struct plan_op *op = &s->plan->ops[open];
	lua_State *L = s->L;
	size_t j;

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
		struct nearest near;

		nearest_init(&near, name ? name : "");
		for (j = open + 1; j + 1 < op->next;) {
			const struct plan_op *m = &s->plan->ops[j];

			if (name && strcmp(m->name, name) == 0)
				break;
			nearest_offer(&near, m->name);
			j = next_member(s->plan, j);
		}
		if (j + 1 >= op->next) {
			error_set(s->err, "E-FIELD", "%s has no field '%s'", op_label(s, op),
				name ? name : luaL_typename(L, -2));
			lua_pop(L, 2);
			return error_take_hint(s->err, nearest_hint(&near));
		}
		free(nearest_hint(&near));
		lua_pop(L, 1);
	}
	return 0;
}

static int store_struct(struct store *s, size_t i, int idx, char *data)
{
	const struct plan_op *op = &s->plan->ops[i];
	size_t j;
	int err = 0;

	if (!lua_istable(s->L, idx))
		return type_error(s, op, idx, "a table");
	if (check_names(s, i, idx))
		return -1;
	for (j = i + 1; j + 1 < op->next && !err;) {
		const struct plan_op *m = &s->plan->ops[j];

		lua_getfield(s->L, idx, m->name);
		if (!lua_isnil(s->L, -1))
			err = store_op(s, j, lua_gettop(s->L), data);
		lua_pop(s->L, 1);
		j = next_member(s->plan, j);
	}
	return err;
}

static int store_op(struct store *s, size_t i, int idx, char *data)
{
	const struct plan_op *op = &s->plan->ops[i];

	luaL_checkstack(s->L, 6, "value nested too deeply");
	if (op->code == PLAN_OPEN_STRUCT)
		return store_struct(s, i, idx, data);
	if (op->code == PLAN_STRING || op->code == PLAN_BYTES)
		return store_bytes(s, op, idx, data);
	if (op->code == PLAN_OPEN_ARRAY || op->is_array)
		return store_list(s, i, idx, data);
	return store_scalar(s, op, idx, data, 0);
}

int value_store(lua_State *L, int idx, const struct plan *plan, void *data, const char *what,
	struct error *err)
{
	struct store s = { L, plan, what, err };

	memset(data, 0, plan->size);
	return store_op(&s, 0, lua_absindex(L, idx), data);
}

/* ---- sums over CPUs ---- */

static bool op_adds(const struct plan_op *op)
{
	return op->code == PLAN_UINT || op->code == PLAN_INT;
}

static size_t add_op(const struct plan *plan, size_t i, char *dst, const char *src)
{
	const struct plan_op *op = &plan->ops[i];
	uint32_t e;
	size_t j;

	if (op->code == PLAN_OPEN_STRUCT) {
		for (j = i + 1; plan->ops[j].code != PLAN_CLOSE;)
			j = add_op(plan, j, dst, src);
		return op->next;
	}
	if (op->code == PLAN_OPEN_ARRAY) {
		for (e = 0; e < op->count; e++) {
			size_t at = op->offset + (size_t)e * op->stride;

			add_op(plan, i + 1, dst + at, src + at);
		}
		return op->next;
	}
	if (op_adds(op)) {
		for (e = 0; e < op->count; e++) {
			uint64_t sum = plan_scalar(op, dst, e) + plan_scalar(op, src, e);
			char *at = dst + op->offset + (size_t)e * op->size;

			memcpy(at, &sum, op->size > 8 ? 8 : op->size);	/* little endian */
		}
	}
	return i + 1;
}

void value_add(const struct plan *plan, void *dst, const void *src)
{
	add_op(plan, 0, dst, src);
}
