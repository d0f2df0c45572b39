/* SPDX-License-Identifier: Apache-2.0 */
/* io.popen and os.execute: their programs get the limits that we were started with. */
#include "base/limit.h"
#include "lua/internal.h"

/* upvalue: the library's function */
static int with_limits(lua_State *L)
{
	int status;

	if (!lua_isnoneornil(L, 1))
		luaL_checkstring(L, 1);		/* here it knows its name */
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	limit_lower_files();
	status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	limit_raise_again();
	return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static void wrap(lua_State *L, const char *library, const char *name)
{
	lua_getglobal(L, library);
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, with_limits, 1);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void open_shell(lua_State *L)
{
	wrap(L, "io", "popen");
	wrap(L, "os", "execute");
}
