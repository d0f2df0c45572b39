/* SPDX-License-Identifier: Apache-2.0 */
/* Module sys: clocks, the kernel, symbols, processes. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/kernel.h"
#include "kernel/target.h"
#include "lua/internal.h"

static int push_clock(lua_State *L, clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	lua_pushinteger(L, ts.tv_sec * 1000000000ll + ts.tv_nsec);
	return 1;
}

/* sys.monotonic_ns(): what bpf_ktime_get_ns() returns */
static int sys_monotonic_ns(lua_State *L)
{
	return push_clock(L, CLOCK_MONOTONIC);
}

/* sys.realtime_ns(): since 1970 */
static int sys_realtime_ns(lua_State *L)
{
	return push_clock(L, CLOCK_REALTIME);
}

/* in a dry run: the kernel that is meant, else NULL. Raises E-HEADERS */
static struct target *target_of(lua_State *L)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;

	if (!h->dry)
		return NULL;
	if (!host_target(h, &err))
		raise_error(L, &err);
	return h->target;
}

static int sys_release(lua_State *L)
{
	struct target *t = target_of(L);

	lua_pushstring(L, t ? target_release(t) : kernel_release());
	return 1;
}

static int sys_machine(lua_State *L)
{
	struct target *t = target_of(L);

	lua_pushstring(L, t ? target_machine(t) : kernel_machine());
	return 1;
}

/* sys.cpus() -> ids of the online CPUs, possible count */
static int sys_cpus(lua_State *L)
{
	unsigned *ids, n = kernel_online_cpus(&ids), i;

	lua_createtable(L, n, 0);
	for (i = 0; i < n; i++) {
		lua_pushinteger(L, ids[i]);
		lua_rawseti(L, -2, i + 1);
	}
	free(ids);
	lua_pushinteger(L, kernel_possible_cpus());
	return 2;
}

/* sys.ksym(addr) -> name, offset, module; nil if it is not known */
static int sys_ksym(lua_State *L)
{
	struct symbol sym = { 0 };

	if (!symbol_kernel(host_of(L)->symbols, luaL_checkinteger(L, 1), &sym)) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushstring(L, sym.name);
	lua_pushinteger(L, sym.offset);
	lua_pushstring(L, sym.module);
	return 3;
}

bool host_symbol_user(struct host *h, uint32_t pid, uint64_t addr, struct symbol *ret)
{
	memset(ret, 0, sizeof(*ret));
	/* by that number /proc has another process, or none */
	return kernel_sees_our_pids() && symbol_user(h->symbols, pid, addr, ret);
}

/* sys.usym(pid, addr) -> name, offset, module; nil and the module if only that is known */
static int sys_usym(lua_State *L)
{
	struct symbol sym = { 0 };

	host_symbol_user(host_of(L), luaL_checkinteger(L, 1), luaL_checkinteger(L, 2), &sym);
	lua_pushstring(L, sym.name);
	lua_pushinteger(L, sym.offset);
	lua_pushstring(L, sym.module);
	return 3;
}

/* sys.kfunction(name) -> the function to probe for it (a compiler clone too), or nil, message */
static int sys_kfunction(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *found;
	struct target *t = target_of(L);
	char *hint = NULL;

	if (t)
		target_function(t, name, &found, &hint);
	else
		found = kernel_function(host_of(L)->symbols, name, &hint);
	lua_pushstring(L, found);
	if (found) {
		free(hint);
		return 1;
	}
	lua_pushfstring(L, "no function '%s' in this kernel%s%s", name, hint ? ": " : "",
		hint ? hint : "");
	free(hint);
	return 2;
}

static int sys_pid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

/* sys.pid_namespace_is_initial() -> are our process ids those that the kernel's programs see */
static int sys_pid_namespace_is_initial(lua_State *L)
{
	lua_pushboolean(L, kernel_sees_our_pids());
	return 1;
}

/* sys.alive(pid) -> is there such a process */
static int sys_alive(lua_State *L)
{
	/* one that is not ours is alive, too */
	lua_pushboolean(L, kill(luaL_checkinteger(L, 1), 0) == 0 || errno == EPERM);
	return 1;
}

/* sys.columns() -> width of the terminal on stdout, or nil */
static int sys_columns(lua_State *L)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || ws.ws_col == 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, ws.ws_col);
	return 1;
}

/* sys.rows() -> height of the terminal on stdout, or nil */
static int sys_rows(lua_State *L)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || ws.ws_row == 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, ws.ws_row);
	return 1;
}

/* sys.isatty(): stdout is a terminal */
static int sys_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty(STDOUT_FILENO));
	return 1;
}

/* sys.read(path) -> its content (up to 16 MiB), or nil, message, tag; for /proc and /sys */
static int sys_read(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	if (file_read(path, 16 << 20, &b, &err)) {
		buf_release(&b);
		if (err.sys != EINTR || !host_signal())
			return push_failure(L, &err);
		error_clear(&err);
		return raise_interrupted(L);
	}
	lua_pushlstring(L, b.data, b.len);
	buf_release(&b);
	return 1;
}

/* sys.inode(path) -> the inode number of what path is, or nil, message, tag */
static int sys_inode(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct error err = ERROR_INIT;
	struct stat st;

	if (stat(path, &st)) {
		error_sys(&err, "E-FILE", errno, "stat '%s'", path);
		return push_failure(L, &err);
	}
	lua_pushinteger(L, st.st_ino);
	return 1;
}

static int names_gc(lua_State *L)
{
	DIR **dir = lua_touserdata(L, 1);

	if (*dir)
		closedir(*dir);
	*dir = NULL;
	return 0;
}

/* an open directory that Lua closes, whatever is raised; pushed */
static DIR **push_names(lua_State *L)
{
	DIR **dir = lua_newuserdatauv(L, sizeof(*dir), 0);

	*dir = NULL;
	if (luaL_newmetatable(L, "moontrace names")) {
		lua_pushcfunction(L, names_gc);
		lua_setfield(L, -2, "__gc");
		lua_pushcfunction(L, names_gc);
		lua_setfield(L, -2, "__close");
	}
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return dir;
}

/* sys.list(path) -> the names in a directory, unsorted; or nil, message, tag */
static int sys_list(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct error err = ERROR_INIT;
	const struct dirent *entry;
	DIR **dir = push_names(L);
	lua_Integer n = 0;

	*dir = opendir(path);
	if (!*dir) {
		error_sys(&err, "E-FILE", errno, "open directory '%s'", path);
		return push_failure(L, &err);
	}
	lua_newtable(L);
	while ((entry = readdir(*dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		lua_pushstring(L, entry->d_name);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* sys.tracefs() -> path of tracefs, or nil, message, tag */
static int sys_tracefs(lua_State *L)
{
	struct error err = ERROR_INIT;
	const char *path = tracefs_path(&err);

	if (!path)
		return push_failure(L, &err);
	lua_pushstring(L, path);
	return 1;
}

int open_sys(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "alive", sys_alive },
		{ "columns", sys_columns },
		{ "cpus", sys_cpus },
		{ "inode", sys_inode },
		{ "isatty", sys_isatty },
		{ "kfunction", sys_kfunction },
		{ "ksym", sys_ksym },
		{ "lines", sys_lines },
		{ "list", sys_list },
		{ "machine", sys_machine },
		{ "monotonic_ns", sys_monotonic_ns },
		{ "pid", sys_pid },
		{ "pid_namespace_is_initial", sys_pid_namespace_is_initial },
		{ "read", sys_read },
		{ "realtime_ns", sys_realtime_ns },
		{ "release", sys_release },
		{ "rows", sys_rows },
		{ "tracefs", sys_tracefs },
		{ "usym", sys_usym },
		{ NULL, NULL },
	};

	open_lines(L);
	luaL_newlib(L, functions);
	return 1;
}
