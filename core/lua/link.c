/* SPDX-License-Identifier: Apache-2.0 */
/* A link in Lua: one probe, or the many of a pattern. */
#include <stdlib.h>

#include "base/mem.h"
#include "lua/internal.h"

struct link_ud {
	struct link **links;	/* owned array; NULL once detached */
	size_t n;
};

/* links are gone when their program is closed */
static struct link_ud *check_link(lua_State *L)
{
	struct link_ud *ud = luaL_checkudata(L, 1, TYPE_LINK);
	struct program **owner;

	lua_getiuservalue(L, 1, 2);
	owner = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (!host_of(L)->session || !owner || !*owner)
		ud->n = 0;
	return ud;
}

void link_push(lua_State *L, struct link **links, size_t n, char **failed, size_t n_failed)
{
	struct link_ud *ud = lua_newuserdatauv(L, sizeof(*ud), 2);
	size_t i;

	ud->links = links;
	ud->n = n;
	luaL_setmetatable(L, TYPE_LINK);
	lua_createtable(L, n_failed, 0);
	for (i = 0; i < n_failed; i++) {
		lua_pushstring(L, failed[i]);
		lua_rawseti(L, -2, i + 1);
		free(failed[i]);
	}
	free(failed);
	lua_setiuservalue(L, -2, 1);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 2);
}

static int link_detach_verb(lua_State *L)
{
	struct link_ud *ud = check_link(L);

	while (ud->links && ud->n > 0)
		link_detach(ud->links[--ud->n]);
	free(ud->links);
	ud->links = NULL;
	ud->n = 0;
	return 0;
}

/* the probes live on without their Lua value: only the array goes */
static int link_gc(lua_State *L)
{
	struct link_ud *ud = luaL_checkudata(L, 1, TYPE_LINK);

	free(ud->links);
	ud->links = NULL;
	ud->n = 0;
	return 0;
}

/* link:missed() -> times the kernel missed the probes */
static int link_missed_verb(lua_State *L)
{
	struct link_ud *ud = check_link(L);
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < ud->n; i++)
		sum += link_missed(ud->links[i]);
	lua_pushinteger(L, sum);
	return 1;
}

/* link:probes() -> { "kprobe:tcp_v4_rcv", ... } */
static int link_probes(lua_State *L)
{
	struct link_ud *ud = check_link(L);
	size_t i;

	lua_createtable(L, ud->n, 0);
	for (i = 0; i < ud->n; i++) {
		lua_pushstring(L, link_spec(ud->links[i]));
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* link:failed() -> { "name: why", ... }: what a pattern matched in vain */
static int link_failed(lua_State *L)
{
	check_link(L);
	lua_getiuservalue(L, 1, 1);
	return 1;
}

static int link_tostring(lua_State *L)
{
	struct link_ud *ud = check_link(L);

	if (!ud->links || ud->n == 0)
		lua_pushliteral(L, "link (detached)");
	else if (ud->n == 1)
		lua_pushfstring(L, "link (%s)", link_spec(ud->links[0]));
	else
		lua_pushfstring(L, "link (%d probes)", (int)ud->n);
	return 1;
}

static int link_len(lua_State *L)
{
	lua_pushinteger(L, check_link(L)->n);
	return 1;
}

void open_link(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "detach", link_detach_verb },
		{ "failed", link_failed },
		{ "missed", link_missed_verb },
		{ "probes", link_probes },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", link_detach_verb },
		{ "__gc", link_gc },
		{ "__len", link_len },
		{ "__tostring", link_tostring },
		{ NULL, NULL },
	};

	new_type(L, TYPE_LINK, methods, meta);
}
