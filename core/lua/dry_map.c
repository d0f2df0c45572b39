/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubles of maps: reads are empty (an array's are zero), keys and values
 * that are written must fit.  In a plan nothing is known of a map.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/dry_internal.h"
#include "lua/value.h"

struct map_ud {
	const struct object *obj;	/* of the report; NULL in a plan */
	const struct object_map *def;
	char *name;			/* owned, as all below */
	struct plan *key, *value;
	void *key_buf, *value_buf;
	struct columns *columns;	/* owned by the sink's userdata */
};

static struct map_ud *check_map(lua_State *L)
{
	return luaL_checkudata(L, 1, TYPE_DRY_MAP);
}

static struct plan *new_plan(lua_State *L, const struct types *types, uint32_t type, uint32_t size)
{
	struct error err = ERROR_INIT;
	struct plan *plan = plan_new(types, type, size, &err);

	if (!plan)
		raise_error(L, &err);
	return plan;
}

void dry_map_push(lua_State *L, const struct object *obj, const struct object_map *def,
	const char *name)
{
	struct map_ud *ud = lua_newuserdatauv(L, sizeof(*ud), 1);

	memset(ud, 0, sizeof(*ud));
	luaL_setmetatable(L, TYPE_DRY_MAP);
	ud->name = mem_string(name);
	if (!def)
		return;
	ud->key = new_plan(L, obj->types, def->key_size ? def->key_type : 0, def->key_size);
	if (def->role != MAP_EVENTS)
		ud->value = new_plan(L, obj->types, def->value_type, def->value_size);
	else if (def->value_type)
		ud->value = new_plan(L, obj->types, def->value_type,
			types_size(obj->types, def->value_type));
	ud->key_buf = mem_alloc(def->key_size);
	ud->value_buf = ud->value ? mem_alloc(ud->value->size) : NULL;
	ud->obj = obj;
	ud->def = def;
}

/* ---- what can be wrong ---- */

static void check_kind(lua_State *L, struct map_ud *ud, bool ok, const char *what)
{
	struct error err = ERROR_INIT;

	if (!ud->def || ok)
		return;
	error_set(&err, "E-MAP", "map '%s' cannot be %s", ud->name, what);
	raise_error(L, &err);
}

static bool has_entries(const struct map_ud *ud)
{
	static const uint32_t without[] = {
		BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_PROG_ARRAY,
		BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_CGROUP_ARRAY,
	};
	size_t i;

	for (i = 0; ud->def && i < ARRAY_SIZE(without); i++) {
		if (ud->def->type == without[i])
			return false;
	}
	return true;
}

static bool is_percpu(const struct map_ud *ud)
{
	return ud->def && (ud->def->type == BPF_MAP_TYPE_PERCPU_HASH ||
		ud->def->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		ud->def->type == BPF_MAP_TYPE_LRU_PERCPU_HASH);
}

static bool is_array(const struct map_ud *ud)
{
	return ud->def && (ud->def->type == BPF_MAP_TYPE_ARRAY ||
		ud->def->type == BPF_MAP_TYPE_PERCPU_ARRAY);
}

static void fit(lua_State *L, struct map_ud *ud, int idx, const struct plan *plan, void *data,
	const char *what)
{
	struct error err = ERROR_INIT;

	if (!plan || !value_store(L, idx, plan, data, what, &err))
		return;
	error_wrap(&err, "map '%s'", ud->name);
	raise_error(L, &err);
}

/* ---- reading ---- */

static int get_value(lua_State *L, struct map_ud *ud)
{
	check_kind(L, ud, has_entries(ud), "indexed");
	fit(L, ud, 2, ud->key, ud->key_buf, "key");
	if (is_array(ud) && ud->value) {
		memset(ud->value_buf, 0, ud->value->size);
		value_push(L, ud->value, ud->value_buf);
	} else {
		lua_pushnil(L);
	}
	return 1;
}

static int map_get(lua_State *L)
{
	return get_value(L, check_map(L));
}

static int map_percpu(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, is_percpu(ud), "read by CPU: it is no per-CPU map");
	get_value(L, ud);
	if (lua_isnil(L, -1))
		return 1;
	lua_createtable(L, 1, 0);
	lua_insert(L, -2);
	lua_rawseti(L, -2, 1);
	return 1;
}

static int push_nothing(lua_State *L, const char *what)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, has_entries(ud), what);
	lua_newtable(L);
	return 1;
}

static int map_snapshot(lua_State *L)
{
	return push_nothing(L, "read");
}

static int map_drain_verb(lua_State *L)
{
	return push_nothing(L, "drained");
}

static int map_delta_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, is_array(ud), "read by delta(): it is no array");
	return push_nothing(L, "read");
}

/* map:print(columns [, options]): nothing is there to be printed, but fields must be */
static int map_print(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	if (ud->key && ud->value)
		columns_prepare_entries(L, 2, ud, ud->key, ud->value);
	return 0;
}

static int map_top(lua_State *L)
{
	lua_Integer n = luaL_optinteger(L, 2, LUA_MAXINTEGER);
	const char *by = luaL_optstring(L, 3, NULL);
	struct map_ud *ud = check_map(L);
	struct error err = ERROR_INIT;
	struct plan_op op;

	luaL_argcheck(L, n >= 0, 2, "a count");
	if (by && ud->value && plan_find(ud->value, by, &op, &err))
		return raise_error(L, &err);
	return push_nothing(L, "read");
}

static int pairs_next(lua_State *L)
{
	(void)L;
	return 0;
}

static int map_pairs(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, has_entries(ud), "read");
	lua_pushcfunction(L, pairs_next);
	lua_pushvalue(L, 1);
	return 2;
}

static int map_len(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	lua_pushinteger(L, is_array(ud) || !has_entries(ud) ? ud->def->max_entries : 0);
	return 1;
}

static int map_frames(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	luaL_checkinteger(L, 2);
	check_kind(L, ud, !ud->def || ud->def->type == BPF_MAP_TYPE_STACK_TRACE,
		"asked for frames: it is no stack trace map");
	lua_newtable(L);
	return 1;
}

static int map_info(lua_State *L)
{
	static const struct object_map unknown;
	struct map_ud *ud = check_map(L);
	const struct object_map *def = ud->def ? ud->def : &unknown;

	lua_createtable(L, 0, 5);
	lua_pushstring(L, ud->name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, def->type);
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, def->key_size);
	lua_setfield(L, -2, "key_size");
	lua_pushinteger(L, def->value_size);
	lua_setfield(L, -2, "value_size");
	lua_pushinteger(L, def->max_entries);
	lua_setfield(L, -2, "max_entries");
	return 1;
}

/* ---- writing ---- */

static void check_slot(lua_State *L, struct map_ud *ud)
{
	const char *name = luaL_checkstring(L, 3);
	struct error err = ERROR_INIT;

	luaL_checkinteger(L, 2);
	if (object_find_program(ud->obj, name) >= 0)
		return;
	error_set(&err, "E-PROGRAM", "no function '%s' in the program", name);
	raise_error(L, &err);
}

static int map_set(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	if (ud->def && ud->def->type == BPF_MAP_TYPE_PROG_ARRAY) {
		check_slot(L, ud);
		return 0;
	}
	check_kind(L, ud, has_entries(ud), "written");
	fit(L, ud, 2, ud->key, ud->key_buf, "key");
	/* a list is the values by CPU */
	if (!lua_isnoneornil(L, 3) && !(is_percpu(ud) && lua_istable(L, 3)))
		fit(L, ud, 3, ud->value, ud->value_buf, "value");
	return 0;
}

static int map_delete_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, has_entries(ud), "written");
	fit(L, ud, 2, ud->key, ud->key_buf, "key");
	lua_pushboolean(L, 0);
	return 1;
}

static int map_nothing(lua_State *L)
{
	check_map(L);
	return 0;
}

/* the fields that columns show must be those of the event */
static int map_each(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	check_kind(L, ud, ud->def && ud->def->role == MAP_EVENTS, "read as events");
	if (!lua_isfunction(L, 2)) {
		luaL_checkudata(L, 2, TYPE_COLUMNS);
		check_kind(L, ud, ud->value != NULL, "put in columns: its event type is not known");
		if (ud->value && !ud->columns) {
			ud->columns = columns_prepare(L, 2, ud->obj->types, ud->value);
			lua_pushvalue(L, 2);
			lua_setiuservalue(L, 1, 1);
		}
	}
	lua_settop(L, 1);
	return 1;
}

/* ---- the type ---- */

static int map_index(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TSTRING) {
		luaL_getmetatable(L, TYPE_DRY_MAP);
		lua_getfield(L, -1, "methods");
		lua_pushvalue(L, 2);
		if (lua_rawget(L, -2) != LUA_TNIL)
			return 1;
		lua_settop(L, 2);
	}
	return map_get(L);
}

static int map_tostring(lua_State *L)
{
	lua_pushfstring(L, "map (%s, of a dry run)", check_map(L)->name);
	return 1;
}

static int map_gc(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	if (ud->columns)
		columns_release(ud->columns);
	plan_free(ud->key);
	plan_free(ud->value);
	free(ud->key_buf);
	free(ud->value_buf);
	free(ud->name);
	memset(ud, 0, sizeof(*ud));
	return 0;
}

void open_dry_map(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "clear", map_nothing },
		{ "counters", map_nothing },
		{ "delete", map_delete_verb },
		{ "delta", map_delta_verb },
		{ "drain", map_drain_verb },
		{ "each", map_each },
		{ "folded", map_frames },
		{ "frames", map_frames },
		{ "get", map_get },
		{ "info", map_info },
		{ "percpu", map_percpu },
		{ "set", map_set },
		{ "print", map_print },
		{ "snapshot", map_snapshot },
		{ "top", map_top },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", map_nothing },
		{ "__gc", map_gc },
		{ "__index", map_index },
		{ "__len", map_len },
		{ "__newindex", map_set },
		{ "__pairs", map_pairs },
		{ "__tostring", map_tostring },
		{ NULL, NULL },
	};

	new_type(L, TYPE_DRY_MAP, methods, meta);
}
