/* SPDX-License-Identifier: Apache-2.0 */
/*
 * require: modules of the binary first, then -I and MOONTRACE_PATH
 * directories.  Relative directories are never searched, and a file that
 * others may write is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cache/bundle.h"
#include "lua/embedded.h"
#include "lua/internal.h"

const struct embedded *embedded_find(const struct embedded *table, const char *name)
{
	for (; table->name; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

static void keep_module_source(lua_State *L, const char *chunk, const char *text)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.sources");
	lua_pushstring(L, text);
	lua_setfield(L, -2, chunk);
	lua_pop(L, 1);
}

static int search_embedded(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const struct embedded *e = embedded_find(embedded_modules, name);
	const char *chunk;

	if (!e) {
		lua_pushfstring(L, "no module '%s' in the binary", name);
		return 1;
	}
	chunk = lua_pushfstring(L, "@stdlib/%s.lua", name);
	keep_module_source(L, chunk, e->text);
	if (luaL_loadbufferx(L, e->text, e->size, chunk, "t") != LUA_OK)
		return lua_error(L);
	lua_pushstring(L, chunk + 1);
	return 2;
}

/* loads DIR/NAME.lua if it is there; pushes loader and file name, or a message */
static int load_from(lua_State *L, const char *dir, const char *name)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char *path = mem_format("%s/%s.lua", dir, name), *dot;
	int bad;

	for (dot = path + strlen(dir) + 1; (dot = strchr(dot, '.')) != NULL; dot++) {
		if (strcmp(dot, ".lua") != 0)
			*dot = '/';
	}
	lua_pushstring(L, path);			/* path */
	free(path);
	if (file_read_safe(lua_tostring(L, -1), 16 << 20, &text, &err)) {
		lua_pushstring(L, err.text);
		error_clear(&err);
		buf_release(&text);
		return 0;
	}
	lua_pushfstring(L, "@%s", lua_tostring(L, -1));	/* path @path */
	keep_module_source(L, lua_tostring(L, -1), text.data);
	if (host_of(L)->opts->collect)
		bundle_add_module(host_of(L)->opts->collect, name, text.len ? text.data : "");
	bad = luaL_loadbufferx(L, text.data, text.len, lua_tostring(L, -1), "t");
	buf_release(&text);
	if (bad)
		return lua_error(L);
	lua_pushvalue(L, -3);				/* ... loader path */
	return 2;
}

/* in a bundle there is nothing else to search */
static int search_bundle(lua_State *L, const char *name)
{
	const char *text = bundle_module(host_of(L)->opts->bundle, name), *chunk;

	if (!text) {
		lua_pushfstring(L, "no module '%s' in this bundle", name);
		return 1;
	}
	chunk = lua_pushfstring(L, "@%s.lua", name);
	keep_module_source(L, chunk, text);
	if (luaL_loadbufferx(L, text, strlen(text), chunk, "t") != LUA_OK)
		return lua_error(L);
	lua_pushstring(L, chunk + 1);
	return 2;
}

static int search_dirs(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *env = getenv("MOONTRACE_PATH");
	struct host *h = host_of(L);
	luaL_Buffer msg;
	size_t i;

	if (strstr(name, "..") || strchr(name, '/'))
		return luaL_error(L, "module name '%s' is no name", name);
	lua_settop(L, 1);
	if (h->opts->bundle)
		return search_bundle(L, name);
	lua_newtable(L);				/* name tried */
	for (i = 0; i < h->opts->n_include; i++) {
		if (load_from(L, h->opts->include[i], name))
			return 2;
		lua_rawseti(L, 2, luaL_len(L, 2) + 1);
		lua_settop(L, 2);
	}
	while (env && *env) {
		size_t n = strcspn(env, ":");

		if (env[0] == '/') {
			lua_pushlstring(L, env, n);
			if (load_from(L, lua_tostring(L, -1), name))
				return 2;
			lua_rawseti(L, 2, luaL_len(L, 2) + 1);
			lua_settop(L, 2);
		}
		env += n + (env[n] == ':');
	}
	luaL_buffinit(L, &msg);
	luaL_addstring(&msg, "searched -I and MOONTRACE_PATH");
	for (i = 1; i <= (size_t)lua_rawlen(L, 2); i++) {
		luaL_addstring(&msg, "\n\t");
		lua_rawgeti(L, 2, i);
		luaL_addvalue(&msg);
	}
	luaL_pushresult(&msg);
	return 1;
}

void open_modules(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "path");
	lua_createtable(L, 3, 0);
	lua_getfield(L, -2, "searchers");		/* package new old */
	lua_rawgeti(L, -1, 1);				/* preload */
	lua_rawseti(L, -3, 1);
	lua_pop(L, 1);
	lua_pushcfunction(L, search_embedded);
	lua_rawseti(L, -2, 2);
	lua_pushcfunction(L, search_dirs);
	lua_rawseti(L, -2, 3);
	lua_setfield(L, -2, "searchers");
	lua_pop(L, 1);
}
