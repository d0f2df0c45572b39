/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles of programs and links: attach verbs look the probe up and write it down. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/target.h"
#include "lua/dry_internal.h"

struct program_ud {
	size_t index;			/* into the report's programs */
};

static struct dry_program *check_program(lua_State *L)
{
	struct program_ud *ud = luaL_checkudata(L, 1, TYPE_DRY_PROGRAM);

	return &host_of(L)->dry->report.programs[ud->index];
}

void dry_program_push(lua_State *L, size_t index)
{
	struct program_ud *ud = lua_newuserdatauv(L, sizeof(*ud), 1);

	ud->index = index;
	luaL_setmetatable(L, TYPE_DRY_PROGRAM);
	lua_newtable(L);
	lua_setiuservalue(L, -2, 1);		/* its maps */
}

/* the function named at idx, or NULL in a plan; raises E-PROGRAM */
static struct object_program *check_named(lua_State *L, struct dry_program *p, int idx)
{
	const char *name = luaL_checkstring(L, idx);
	struct error err = ERROR_INIT;
	struct nearest near;
	size_t i;

	for (i = 0; p->object && i < p->object->n_programs; i++) {
		if (strcmp(p->object->programs[i].name, name) == 0)
			return &p->object->programs[i];
	}
	if (!p->object)
		return NULL;
	error_set(&err, "E-PROGRAM", "no function '%s' in the program", name);
	nearest_init(&near, name);
	for (i = 0; i < p->object->n_programs; i++)
		nearest_offer(&near, p->object->programs[i].name);
	error_take_hint(&err, nearest_hint(&near));
	raise_error(L, &err);
	return NULL;
}

/* ---- links ---- */

void dry_link_push(lua_State *L, const char *spec)
{
	lua_newuserdatauv(L, 0, 1);
	luaL_setmetatable(L, TYPE_DRY_LINK);
	lua_pushstring(L, spec);
	lua_setiuservalue(L, -2, 1);
}

static int link_nothing(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_LINK);
	return 0;
}

static int link_zero(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_LINK);
	lua_pushinteger(L, 0);
	return 1;
}

static int link_none(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_LINK);
	lua_newtable(L);
	return 1;
}

static int link_probes(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_LINK);
	lua_createtable(L, 1, 0);
	lua_getiuservalue(L, 1, 1);
	lua_rawseti(L, -2, 1);
	return 1;
}

static int link_len(lua_State *L)
{
	lua_pushinteger(L, 1);
	return 1;
}

static void open_link_double(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "detach", link_nothing },
		{ "failed", link_none },
		{ "missed", link_zero },
		{ "probes", link_probes },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", link_nothing },
		{ "__len", link_len },
		{ NULL, NULL },
	};

	new_type(L, TYPE_DRY_LINK, methods, meta);
}

/* ---- attaching ---- */

/* from here on the function is checked as the program that it becomes */
static void put_down(struct dry_program *p, struct object_program *fn, const struct probe *probe)
{
	struct buf spec = BUF_INIT;

	probe_format(probe, &spec);
	if (fn && !fn->probe)
		fn->probe = mem_string(spec.data);
	*MEM_GROW(p->probes, p->n_probes) = buf_take(&spec, NULL);
}

static void push_place(lua_State *L)
{
	host_push_position(L);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushliteral(L, "");
	}
}

/* no raw tracepoints: what becomes of the program is seen in its instructions' check */
static bool is_raw_only(const struct probe *probe, const struct error *err)
{
	return strcmp(probe->provider, "raw_tracepoint") == 0 &&
		strcmp(err->tag, "E-FEATURE") == 0;
}

static int attach(lua_State *L, struct dry_program *p, struct object_program *fn,
	const struct probe *probe)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	enum answer answer = dry_ask(h, probe, &err);

	if (answer == ANSWER_NO && fn && is_raw_only(probe, &err)) {
		error_clear(&err);
		answer = ANSWER_YES;
	}

	if (answer == ANSWER_NO && probe->optional && strcmp(err.tag, "E-PROBE") == 0)
		return push_failure(L, &err);
	if (answer == ANSWER_NO)
		return raise_error(L, &err);
	if (answer != ANSWER_YES) {
		push_place(L);
		dry_unknown(h->dry, lua_tostring(L, -1), &err);
	}
	error_clear(&err);
	put_down(p, fn, probe);
	dry_link_push(L, p->probes[p->n_probes - 1]);
	return 1;
}

static bool opt_boolean(lua_State *L, int idx, const char *name)
{
	bool v;

	if (!lua_istable(L, idx))
		return false;
	lua_getfield(L, idx, name);
	v = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

/* program:VERB(function, target [, {optional=, offset=}]) */
static int attach_named(lua_State *L, const char *provider)
{
	struct dry_program *p = check_program(L);
	struct object_program *fn = check_named(L, p, 2);
	struct probe probe = { .provider = provider, .cpu = -1, .name = luaL_checkstring(L, 3) };

	if (!lua_isnoneornil(L, 4))
		luaL_checktype(L, 4, LUA_TTABLE);
	probe.optional = opt_boolean(L, 4, "optional");
	return attach(L, p, fn, &probe);
}

/* program:VERB(function, {path=, sym=|addr=|glob=, pid=}): the binary is the target's */
static int attach_user(lua_State *L, const char *provider)
{
	struct dry_program *p = check_program(L);
	struct object_program *fn = check_named(L, p, 2);
	struct probe probe = { .provider = provider, .cpu = -1 };

	luaL_checktype(L, 3, LUA_TTABLE);
	lua_settop(L, 3);
	lua_getfield(L, 3, "path");
	probe.path = luaL_checkstring(L, -1);
	lua_getfield(L, 3, "addr");
	probe.address = luaL_optinteger(L, -1, 0);
	if (lua_getfield(L, 3, "sym") == LUA_TNIL)
		lua_getfield(L, 3, "glob");
	probe.name = luaL_optstring(L, -1, NULL);
	if (!probe.name && !probe.address)
		return luaL_argerror(L, 3, "one of sym, glob and addr is needed");
	return attach(L, p, fn, &probe);
}

static int attach_perf_event(lua_State *L, const char *provider)
{
	struct dry_program *p = check_program(L);
	struct object_program *fn = check_named(L, p, 2);
	struct probe probe = { .provider = provider };

	luaL_checktype(L, 3, LUA_TTABLE);
	lua_settop(L, 3);
	lua_getfield(L, 3, "event");
	probe.event = luaL_optstring(L, -1, "cpu-clock");
	lua_getfield(L, 3, "frequency");
	probe.frequency = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "period");
	probe.period = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "cpu");
	probe.cpu = luaL_optinteger(L, -1, -1);
	if (!probe.frequency == !probe.period)
		return luaL_argerror(L, 3, "one of frequency and period is needed");
	return attach(L, p, fn, &probe);
}

static int attach_interval(lua_State *L, const char *provider)
{
	struct dry_program *p = check_program(L);
	struct object_program *fn = check_named(L, p, 2);
	lua_Number seconds = luaL_checknumber(L, 3);
	struct probe probe = { .provider = provider, .cpu = -1 };

	luaL_argcheck(L, seconds >= 0.0001 && seconds <= 86400, 3, "0.0001 to 86400 seconds");
	probe.period = seconds * 1e9;
	return attach(L, p, fn, &probe);
}

/* program:usdt(function [, {path=, pid=}]): looked up when it was loaded */
static int attach_usdt(lua_State *L, const char *provider)
{
	struct dry_program *p = check_program(L);
	size_t n = p->n_probes, i;
	const char *path;
	int pid;

	usdt_options(L, &path, &pid);
	for (i = 0; p->object && i < p->object->n_programs; i++) {
		const struct object_program *fn = &p->object->programs[i];
		size_t len = strlen(lua_tostring(L, 2));

		if (fn->probe && str_starts(fn->probe, "usdt:") &&
			strncmp(fn->name, lua_tostring(L, 2), len) == 0 &&
			str_starts(fn->name + len, "__"))
			*MEM_GROW(p->probes, p->n_probes) = mem_string(fn->probe);
	}
	if (p->object && n == p->n_probes)
		check_named(L, p, 2);
	dry_link_push(L, n < p->n_probes ? p->probes[n] : provider);
	return 1;
}

static const struct {
	const char *name, *provider;
	int (*attach)(lua_State *L, const char *provider);
} verbs[] = {
	{ "fentry", "fentry", attach_named },
	{ "fexit", "fexit", attach_named },
	{ "interval", "interval", attach_interval },
	{ "kprobe", "kprobe", attach_named },
	{ "kretprobe", "kretprobe", attach_named },
	{ "perf_event", "perf_event", attach_perf_event },
	{ "raw_tracepoint", "raw_tracepoint", attach_named },
	{ "syscall", "syscall", attach_named },
	{ "sysret", "sysret", attach_named },
	{ "tracepoint", "tracepoint", attach_named },
	{ "uprobe", "uprobe", attach_user },
	{ "uretprobe", "uretprobe", attach_user },
	{ "usdt", "usdt", attach_usdt },
};

static int program_verb(lua_State *L)
{
	size_t i = lua_tointeger(L, lua_upvalueindex(1));

	return verbs[i].attach(L, verbs[i].provider);
}

/* strings of a parsed probe outlive an error: scratch memory of Lua */
static int probe_gc(lua_State *L)
{
	probe_release(lua_touserdata(L, 1));
	return 0;
}

/* program:attach() does nothing here; program:attach(function, "kprobe:f" [, {optional=}]) */
static int program_attach_verb(lua_State *L)
{
	struct dry_program *p = check_program(L);
	struct error err = ERROR_INIT;
	struct object_program *fn;
	struct probe *probe;

	if (lua_gettop(L) == 1)
		return 0;
	fn = check_named(L, p, 2);
	lua_settop(L, 4);
	luaL_checkstring(L, 3);
	probe = lua_newuserdatauv(L, sizeof(*probe), 0);
	if (probe_parse(lua_tostring(L, 3), probe, &err))
		return raise_error(L, &err);
	if (luaL_newmetatable(L, "moontrace.dry_probe")) {
		lua_pushcfunction(L, probe_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	probe->optional = opt_boolean(L, 4, "optional");
	return attach(L, p, fn, probe);
}

/* ---- the rest ---- */

static int program_functions(lua_State *L)
{
	const struct object *obj = check_program(L)->object;
	size_t i;

	lua_newtable(L);
	for (i = 0; obj && i < obj->n_programs; i++) {
		lua_createtable(L, 0, 4);
		lua_pushboolean(L, obj->programs[i].probe != NULL);
		lua_setfield(L, -2, "attached");
		lua_pushstring(L, obj->programs[i].name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, obj->programs[i].probe);
		lua_setfield(L, -2, "probe");
		lua_pushinteger(L, obj->programs[i].n_insns);
		lua_setfield(L, -2, "instructions");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int program_dump(lua_State *L)
{
	const struct object *obj = check_program(L)->object;
	struct buf b = BUF_INIT;

	if (obj)
		object_dump(obj, &b);
	lua_pushlstring(L, b.data, b.len);
	buf_release(&b);
	return 1;
}

static int program_close(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_PROGRAM);
	return 0;
}

static int no_map(lua_State *L, const struct object *obj, const char *name)
{
	struct error err = ERROR_INIT;
	struct nearest near;
	size_t i;

	error_set(&err, "E-MAP", "no map '%s' in the program", name);
	nearest_init(&near, name);
	for (i = 0; i < obj->n_maps; i++)
		nearest_offer(&near, obj->maps[i].name);
	error_take_hint(&err, nearest_hint(&near));
	return raise_error(L, &err);
}

/* each map has one double, kept in the program's user value */
static int push_map(lua_State *L, const char *name)
{
	const struct object *obj = check_program(L)->object;
	int i = obj ? object_find_map(obj, name) : -1;

	lua_getiuservalue(L, 1, 1);
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	if (obj && i < 0)
		return no_map(L, obj, name);
	dry_map_push(L, obj, obj ? &obj->maps[i] : NULL, name);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
	return 1;
}

static int program_index(lua_State *L)
{
	const char *name = luaL_checkstring(L, 2);

	luaL_getmetatable(L, TYPE_DRY_PROGRAM);
	lua_getfield(L, -1, "methods");
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	return push_map(L, name);
}

static int program_map(lua_State *L)
{
	return push_map(L, luaL_checkstring(L, 2));
}

static int program_tostring(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE_DRY_PROGRAM);
	lua_pushliteral(L, "program (of a dry run)");
	return 1;
}

void open_dry_program(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "attach", program_attach_verb },
		{ "close", program_close },
		{ "dump", program_dump },
		{ "functions", program_functions },
		{ "map", program_map },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", program_close },
		{ "__index", program_index },
		{ "__tostring", program_tostring },
		{ NULL, NULL },
	};
	size_t i;

	new_type(L, TYPE_DRY_PROGRAM, methods, meta);
	luaL_getmetatable(L, TYPE_DRY_PROGRAM);
	lua_getfield(L, -1, "methods");
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		lua_pushinteger(L, i);
		lua_pushcclosure(L, program_verb, 1);
		lua_setfield(L, -2, verbs[i].name);
	}
	lua_pop(L, 2);
	open_link_double(L);
}
