/* SPDX-License-Identifier: Apache-2.0 */
/* Module debuginfo: lines of source behind addresses, from a file's debug information. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/open.h"
#include "kernel/unpack.h"
#include "lua/internal.h"
#include "symbol/debuglines.h"

#define TYPE_DEBUGINFO "moontrace.debuginfo"

/* bytes of an unpacked file: kernel images with debug information have some hundred millions */
#define UNPACKED_MAX (2048ull << 20)

/* ---- open and close ---- */

/* a file that has no name; -1 with errno */
static int unnamed_file(void)
{
	FILE *f;
	int fd = memfd_create("debuginfo", MFD_CLOEXEC);

	if (fd >= 0 || errno != ENOSYS)
		return fd;
	f = tmpfile();
	if (!f)
		return -1;
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
	fclose(f);
	return fd;
}

/* what a compressed file holds, as a file. -1: E-FILE */
static int open_compressed(const char *path, struct error *err)
{
	struct buf b = BUF_INIT;
	int fd = -1;

	if (unpack_compressed(path, UNPACKED_MAX, &b, err) == 0) {
		fd = unnamed_file();
		if (fd < 0 || file_write_all(fd, b.data, b.len)) {
			error_sys(err, "E-FILE", errno, "unpack '%s'", path);
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
	}
	buf_release(&b);
	return fd;
}

static struct debug_lines *open_file(const char *path, struct error *err)
{
	int fd;

	if (unpack_is_compressed(path)) {
		fd = open_compressed(path, err);
	} else {
		fd = open_regular(path, 0);
		if (fd < 0 && errno == EINVAL)
			error_set(err, "E-FILE", "'%s' is no regular file", path);
		else if (fd < 0)
			error_sys(err, "E-FILE", errno, "open '%s'", path);
	}
	return fd < 0 ? NULL : debug_lines_open(fd, path, err);
}

/* debuginfo.open(path) -> file, or nil, message, tag */
static int debuginfo_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct debug_lines **ud = lua_newuserdatauv(L, sizeof(*ud), 0);
	struct error err = ERROR_INIT;

	*ud = NULL;
	luaL_setmetatable(L, TYPE_DEBUGINFO);
	*ud = open_file(path, &err);
	return *ud ? 1 : push_failure(L, &err);
}

static int file_close(lua_State *L)
{
	struct debug_lines **ud = luaL_checkudata(L, 1, TYPE_DEBUGINFO);

	debug_lines_close(*ud);
	*ud = NULL;
	return 0;
}

/* ---- what a file says ---- */

static struct debug_lines *check_file(lua_State *L)
{
	return check_open(L, 1, TYPE_DEBUGINFO);
}

/*
 * Lua may raise while it makes a table, and that must not leave libdw half
 * way: places are collected first.
 */
struct places {
	struct debug_place *list;	/* owned, with their strings */
	size_t n;
};

static void keep_place(void *arg, const struct debug_place *from)
{
	struct places *p = arg;
	struct debug_place *to = MEM_GROW(p->list, p->n);

	*to = *from;
	to->function = mem_string(from->function);
	to->file = mem_string(from->file);
	to->dir = mem_string(from->dir);
}

static int places_gc(lua_State *L)
{
	struct places *p = lua_touserdata(L, 1);

	while (p->n > 0) {
		struct debug_place *last = &p->list[--p->n];

		free((char *)last->function);
		free((char *)last->file);
		free((char *)last->dir);
	}
	free(p->list);
	p->list = NULL;
	return 0;
}

static void set_number(lua_State *L, const char *name, int value)
{
	if (value <= 0)
		return;
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *value)
{
	lua_pushstring(L, value);		/* nil: the field is not there */
	lua_setfield(L, -2, name);
}

static void push_place(lua_State *L, const struct debug_place *p)
{
	lua_createtable(L, 0, 6);
	set_string(L, "func", p->function);
	set_string(L, "file", p->file);
	set_string(L, "dir", p->dir);
	set_number(L, "line", p->line);
	set_number(L, "column", p->column);
	lua_pushboolean(L, p->inlined);
	lua_setfield(L, -2, "inlined");
}

/* file:at(address) -> { {func=, file=, dir=, line=, column=, inlined=}, ... }, innermost first */
static int file_at(lua_State *L)
{
	struct debug_lines *d = check_file(L);
	lua_Integer addr = luaL_checkinteger(L, 2);
	struct places *p = lua_newuserdatauv(L, sizeof(*p), 0);	/* places */
	size_t i;

	memset(p, 0, sizeof(*p));
	if (luaL_newmetatable(L, "moontrace.places")) {
		lua_pushcfunction(L, places_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	debug_lines_at(d, addr, keep_place, p);
	lua_createtable(L, p->n, 0);				/* places list */
	for (i = 0; i < p->n; i++) {
		push_place(L, &p->list[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

struct symbols {
	struct debug_symbol *list;	/* owned; the names are the file's */
	size_t n;
};

static void keep_symbol(void *arg, const struct debug_symbol *s)
{
	struct symbols *found = arg;

	*MEM_GROW(found->list, found->n) = *s;
}

static int symbols_gc(lua_State *L)
{
	struct symbols *found = lua_touserdata(L, 1);

	free(found->list);
	found->list = NULL;
	return 0;
}

/* on the Lua stack, so that an error of Lua frees it */
static struct symbols *push_symbols(lua_State *L)
{
	struct symbols *found = lua_newuserdatauv(L, sizeof(*found), 0);

	memset(found, 0, sizeof(*found));
	if (luaL_newmetatable(L, "moontrace.symbols")) {
		lua_pushcfunction(L, symbols_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return found;
}

static void push_symbol(lua_State *L, const struct debug_symbol *s)
{
	lua_createtable(L, 0, 4);
	set_string(L, "name", s->name);
	lua_pushinteger(L, s->vaddr);
	lua_setfield(L, -2, "address");
	lua_pushinteger(L, s->size);
	lua_setfield(L, -2, "size");
	lua_pushinteger(L, s->span);
	lua_setfield(L, -2, "span");
}

/* file:find(name) -> { {name=, address=, size=, span=}, ... } */
static int file_find(lua_State *L)
{
	struct debug_lines *d = check_file(L);
	const char *name = luaL_checkstring(L, 2);
	struct symbols *found = push_symbols(L);
	size_t i;

	debug_lines_find(d, name, keep_symbol, found);
	lua_createtable(L, found->n, 0);
	for (i = 0; i < found->n; i++) {
		push_symbol(L, &found->list[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* file:symbol(address) -> one of these, or nil */
static int file_symbol(lua_State *L)
{
	struct debug_symbol sym;

	if (debug_lines_symbol(check_file(L), luaL_checkinteger(L, 2), &sym))
		push_symbol(L, &sym);
	else
		lua_pushnil(L);
	return 1;
}

/* file:address(name) -> address of a label in code, or nil */
static int file_address(lua_State *L)
{
	uint64_t addr = debug_lines_address(check_file(L), luaL_checkstring(L, 2));

	if (addr)
		lua_pushinteger(L, addr);
	else
		lua_pushnil(L);
	return 1;
}

/* file:build_id() -> hexadecimal digits, or nil */
static int file_build_id(lua_State *L)
{
	char digits[2 * BUILD_ID_MAX + 1];
	struct build_id id;
	size_t i;

	if (!debug_lines_build_id(check_file(L), &id)) {
		lua_pushnil(L);
		return 1;
	}
	for (i = 0; i < id.len; i++)
		snprintf(digits + 2 * i, 3, "%02x", id.bytes[i]);
	lua_pushlstring(L, digits, 2 * id.len);
	return 1;
}

/* file:banner() -> what a kernel image says of itself, or nil */
static int file_banner(lua_State *L)
{
	lua_pushstring(L, debug_lines_banner(check_file(L)));
	return 1;
}

/* file:separate() -> path of the debug file, or nil */
static int file_separate(lua_State *L)
{
	lua_pushstring(L, debug_lines_separate(check_file(L)));
	return 1;
}

/* debuginfo.kernel_address(name) -> where the running kernel has it; nil: hidden, or not there */
static int debuginfo_kernel_address(lua_State *L)
{
	uint64_t addr = kernel_address(host_of(L)->symbols, luaL_checkstring(L, 1));

	if (addr)
		lua_pushinteger(L, addr);
	else
		lua_pushnil(L);
	return 1;
}

int open_debuginfo(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "kernel_address", debuginfo_kernel_address },
		{ "open", debuginfo_open },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "address", file_address },
		{ "at", file_at },
		{ "banner", file_banner },
		{ "build_id", file_build_id },
		{ "close", file_close },
		{ "find", file_find },
		{ "separate", file_separate },
		{ "symbol", file_symbol },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__gc", file_close },
		{ "__close", file_close },
		{ NULL, NULL },
	};

	new_type(L, TYPE_DEBUGINFO, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
