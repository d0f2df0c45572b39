/* SPDX-License-Identifier: Apache-2.0 */
/* Module oneliner: raw verbs of the module probe, and how -e comes to its functions. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lua/internal.h"

/* functions of module probe that a line of Lua finds as globals */
static const char globals[] =
	"local names = {}\n"
	"for name in ('count sum avg min max hist lhist latency trace stacks profile who')\n"
	"  :gmatch('%S+') do names[name] = true end\n"
	"setmetatable(_G, { __index = function(t, name)\n"
	"  return names[name] and require 'probe'[name] or nil\n"
	"end })\n";

/* where the user's Lua called: the innermost line that is not of stdlib */
static void push_caller(lua_State *L)
{
	lua_Debug ar;
	int level;

	for (level = 0; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline <= 0 || strncmp(ar.source, "@stdlib/", 8) == 0)
			continue;
		lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
		return;
	}
	lua_pushnil(L);
}

/* oneliner.raise(tag, message [, hint]): raises an error value */
static int oneliner_raise(lua_State *L)
{
	const char *tag = luaL_checkstring(L, 1), *message = luaL_checkstring(L, 2);
	struct error err = ERROR_INIT;

	error_set(&err, tag, "%s", message);
	lua_settop(L, 3);
	lua_createtable(L, 0, 5);
	lua_pushstring(L, err.tag);
	lua_setfield(L, -2, "tag");
	lua_pushvalue(L, 2);
	lua_setfield(L, -2, "message");
	lua_pushvalue(L, 3);
	lua_setfield(L, -2, "hint");
	lua_pushinteger(L, error_status(&err));
	lua_setfield(L, -2, "status");
	push_caller(L);
	lua_setfield(L, -2, "position");
	error_clear(&err);
	luaL_setmetatable(L, TYPE_ERROR);
	return lua_error(L);
}

/* oneliner.max_probes() -> most probes of one pattern */
static int oneliner_max_probes(lua_State *L)
{
	lua_pushinteger(L, host_max_probes(host_of(L)));
	return 1;
}

/* oneliner.dry() -> is this a dry run? */
static int oneliner_dry(lua_State *L)
{
	lua_pushboolean(L, host_of(L)->dry != NULL);
	return 1;
}

void host_progress(size_t done, size_t all)
{
	if (all < 50 || !isatty(STDERR_FILENO) || (done % 25 && done < all))
		return;
	fprintf(stderr, "\rattaching %zu of %zu%s", done, all, done == all ? "\n" : "");
}

/* oneliner.progress(done, all): of attaching, on a terminal */
static int oneliner_progress(lua_State *L)
{
	host_progress(luaL_checkinteger(L, 1), luaL_checkinteger(L, 2));
	return 0;
}

int open_oneliner(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "dry", oneliner_dry },
		{ "max_probes", oneliner_max_probes },
		{ "progress", oneliner_progress },
		{ "raise", oneliner_raise },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

void oneliner_globals(lua_State *L)
{
	if (luaL_dostring(L, globals) != LUA_OK)
		lua_error(L);
}

/* message at 1: "attempt to call a nil value (global 'cuont')" gets "did you mean 'count'?" */
static void add_meant(lua_State *L, const char *line)
{
	if (!strstr(lua_tostring(L, 1), "a nil value (") || strstr(lua_tostring(L, 1), "\n  "))
		return;
	lua_getglobal(L, "require");
	lua_pushliteral(L, "repl.near");
	if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_getfield(L, -1, "hint") == LUA_TFUNCTION) {
		lua_pushvalue(L, 1);
		lua_pushstring(L, line);
		if (lua_pcall(L, 2, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
			lua_pushfstring(L, "%s\n  %s", lua_tostring(L, 1), lua_tostring(L, -1));
			lua_replace(L, 1);
		}
	}
	lua_settop(L, 1);
}

bool oneliner_error(lua_State *L, const char *line)
{
	lua_Debug ar;
	int level, frames = 0;

	add_meant(L, line);
	/* lua_getstack counts from the top each time: no deeper than needed */
	for (level = 0; level < 100 && frames < 2 && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0 && strncmp(ar.source, "@stdlib/", 8) != 0)
			frames++;
	}
	return frames <= 1;
}

/* a chunk has left probes that run: waits for them. The chunk has ended well; raises */
static int wait_for_handles(lua_State *L)
{
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	if (lua_getfield(L, -1, "probe") != LUA_TTABLE)
		return 0;
	lua_getfield(L, -1, "wait_if_running");
	lua_call(L, 0, 0);
	return 0;
}

void oneliner_push_wait(lua_State *L)
{
	lua_pushcfunction(L, wait_for_handles);
}
