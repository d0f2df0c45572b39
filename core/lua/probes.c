/* SPDX-License-Identifier: Apache-2.0 */
/* Module probes: what can be probed, and what is known of it. */
#include <string.h>

#include "load/catalog.h"
#include "lua/internal.h"

enum { COMPLETIONS = 1000 };	/* more than anybody looks at */

struct catalog_ud {
	struct catalog *catalog;
};

static int catalog_gc(lua_State *L)
{
	struct catalog_ud *ud = lua_touserdata(L, 1);

	catalog_free(ud->catalog);
	ud->catalog = NULL;
	return 0;
}

/* made when it is first needed; kept as the upvalue of all functions. Raises E-HEADERS */
static struct catalog *catalog_of(lua_State *L)
{
	struct catalog_ud *ud = lua_touserdata(L, lua_upvalueindex(1));
	struct catalog_options opts = { .symbols = host_of(L)->symbols };
	struct error err = ERROR_INIT;

	if (ud->catalog)
		return ud->catalog;
	if (host_of(L)->dry) {
		opts.target = host_target(host_of(L), &err);
		if (!opts.target)
			raise_error(L, &err);
	}
	ud->catalog = catalog_new(&opts);
	return ud->catalog;
}

/* ---- lists of names ---- */

/* A call from here into Lua may raise only for want of memory; what the
 * catalog holds then is lost with it. */
struct pusher {
	lua_State *L;
	lua_Integer limit, n, total;
	bool whole;			/* count on behind the limit */
};

static bool push_spec(void *arg, const char *spec)
{
	struct pusher *p = arg;

	p->total++;
	if (p->n < p->limit) {
		lua_pushstring(p->L, spec);
		lua_rawseti(p->L, -2, ++p->n);
	}
	return p->whole || p->n < p->limit;
}

static lua_Integer check_limit(lua_State *L, int idx, lua_Integer otherwise)
{
	lua_Integer limit = luaL_optinteger(L, idx, otherwise);

	luaL_argcheck(L, limit >= 0, idx, "a limit is not negative");
	return limit;
}

static struct pusher begin_list(lua_State *L, lua_Integer limit, bool whole)
{
	struct pusher p = { L, limit, 0, 0, whole };

	lua_newtable(L);
	return p;
}

/* probes.list(glob [, limit]) -> specs, how many there are; nil, message, tag */
static int probes_list(lua_State *L)
{
	const char *glob = luaL_checkstring(L, 1);
	lua_Integer limit = check_limit(L, 2, LUA_MAXINTEGER);
	struct catalog *c = catalog_of(L);
	struct pusher p = begin_list(L, limit, true);
	struct error err = ERROR_INIT;

	if (catalog_list(c, glob, push_spec, &p, &err))
		return push_failure(L, &err);
	lua_pushinteger(L, p.total);
	return 2;
}

/* probes.complete(prefix [, limit]) -> texts that begin with it */
static int probes_complete(lua_State *L)
{
	const char *prefix = luaL_checkstring(L, 1);
	lua_Integer limit = check_limit(L, 2, COMPLETIONS);
	struct catalog *c = catalog_of(L);
	struct pusher p = begin_list(L, limit, false);

	catalog_complete(c, prefix, push_spec, &p);
	return 1;
}

/* probes.structs(prefix [, limit]) -> "struct X" and "union X"; nil, message, tag */
static int probes_structs(lua_State *L)
{
	const char *prefix = luaL_optstring(L, 1, "");
	lua_Integer limit = check_limit(L, 2, COMPLETIONS);
	struct catalog *c = catalog_of(L);
	struct pusher p = begin_list(L, limit, false);
	struct error err = ERROR_INIT;

	if (catalog_structs(c, prefix, push_spec, &p, &err))
		return push_failure(L, &err);
	return 1;
}

/* ---- arguments and fields ---- */

static void set_string(lua_State *L, const char *key, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

static void push_arg(lua_State *L, const struct catalog_arg *a)
{
	lua_createtable(L, 0, 4);
	set_string(L, "name", a->name);
	set_string(L, "type", a->type);
	if (a->size >= 0)
		set_integer(L, "size", a->size);
	if (a->offset >= 0)
		set_integer(L, "offset", a->offset);
}

/* probes.args(spec) -> { {name, type, size, offset}..., returns, source }; nil, message, tag */
static int probes_args(lua_State *L)
{
	const char *spec = luaL_checkstring(L, 1);
	struct catalog *c = catalog_of(L);
	struct error err = ERROR_INIT;
	struct catalog_args args;
	size_t i;

	if (catalog_args(c, spec, &args, &err))
		return push_failure(L, &err);
	lua_createtable(L, args.n, 2);
	for (i = 0; i < args.n; i++) {
		push_arg(L, &args.list[i]);
		lua_rawseti(L, -2, i + 1);
	}
	set_string(L, "returns", args.returns);
	set_string(L, "source", args.source);
	catalog_args_release(&args);
	return 1;
}

static void push_member(lua_State *L, const struct member *m)
{
	lua_createtable(L, 0, 6);
	set_string(L, "name", m->name);
	set_string(L, "type", m->type);
	set_integer(L, "offset", m->bit / 8);
	set_integer(L, "size", m->size);
	if (m->bits) {
		set_integer(L, "bits", m->bits);
		set_integer(L, "bit", m->bit % 8);
	}
}

/* probes.fields(name) -> { {name, type, offset, size, bits, bit}..., size, name, source } */
static int probes_fields(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct catalog *c = catalog_of(L);
	struct error err = ERROR_INIT;
	struct members m;
	size_t i;

	if (catalog_fields(c, name, &m, &err))
		return push_failure(L, &err);
	lua_createtable(L, m.n, 3);
	for (i = 0; i < m.n; i++) {
		push_member(L, &m.list[i]);
		lua_rawseti(L, -2, i + 1);
	}
	set_integer(L, "size", m.size);
	set_string(L, "name", m.name);
	set_string(L, "source", m.source);
	members_release(&m);
	return 1;
}

int open_probes(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "args", probes_args },
		{ "complete", probes_complete },
		{ "fields", probes_fields },
		{ "list", probes_list },
		{ "structs", probes_structs },
		{ NULL, NULL },
	};
	struct catalog_ud *ud;

	luaL_newlibtable(L, functions);
	ud = lua_newuserdatauv(L, sizeof(*ud), 0);		/* module, catalog */
	ud->catalog = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, catalog_gc);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	luaL_setfuncs(L, functions, 1);
	return 1;
}
