/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module console: the terminal and the line editor of the prompt.  The rest
 * of the prompt is Lua: repl/NAME.lua.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/headers.h"
#include "kernel/kernel.h"
#include "lua/console_child.h"
#include "lua/internal.h"
#include "repl/editor.h"

enum { MAX_WORDS = 20000, MAX_FILES = 5000, MAX_TURNS = 1000 };

#define HOOK_GOES_ON "moontrace.console.goes_on"
#define HOOK_COMPLETE "moontrace.console.complete"

/* ---- the editor's questions ---- */

static bool stops(void *arg)
{
	(void)arg;
	return host_signal() != 0;
}

/* pushes the hook if there is one */
static bool push_hook(lua_State *L, const char *name)
{
	if (lua_getfield(L, LUA_REGISTRYINDEX, name) == LUA_TFUNCTION)
		return true;
	lua_pop(L, 1);
	return false;
}

static bool goes_on(void *arg, const char *text)
{
	struct host *h = arg;
	bool more;

	if (!push_hook(h->L, HOOK_GOES_ON))
		return false;
	lua_pushstring(h->L, text);
	if (!host_call(h, 1, 1))
		return false;
	more = lua_toboolean(h->L, -1);
	lua_pop(h->L, 1);
	return more;
}

/* of the row at the top: { word, shown } or "word" */
static void take_word(lua_State *L, struct completion *c, bool *any_shown)
{
	size_t n = c->n;

	if (lua_type(L, -1) == LUA_TTABLE) {
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);			/* row word shown */
	} else {
		lua_pushvalue(L, -1);
		lua_pushnil(L);
	}
	if (lua_type(L, -2) == LUA_TSTRING) {
		*MEM_GROW(c->words, c->n) = mem_string(lua_tostring(L, -2));
		*MEM_GROW(c->shown, n) = mem_string(lua_tostring(L, -1));
		*any_shown |= lua_type(L, -1) == LUA_TSTRING;
	}
	lua_pop(L, 2);
}

/* list, start (from 1), note are on the stack */
static void take_words(lua_State *L, struct completion *ret)
{
	int list = lua_gettop(L) - 2;
	lua_Integer start = lua_tointeger(L, list + 1), i, n;
	bool any_shown = false;

	ret->start = start > 0 ? start - 1 : 0;
	if (lua_type(L, list + 2) == LUA_TSTRING)
		ret->note = mem_string(lua_tostring(L, list + 2));
	n = lua_istable(L, list) ? (lua_Integer)lua_rawlen(L, list) : 0;
	for (i = 1; i <= n && i <= MAX_WORDS; i++) {
		lua_rawgeti(L, list, i);
		take_word(L, ret, &any_shown);
		lua_pop(L, 1);
	}
}

static bool complete(void *arg, const char *line, size_t cursor, struct completion *ret)
{
	struct host *h = arg;
	lua_State *L = h->L;

	if (!push_hook(L, HOOK_COMPLETE))
		return false;
	lua_pushstring(L, line);
	lua_pushinteger(L, cursor);
	if (!host_call(h, 2, 3))
		return false;
	take_words(L, ret);
	lua_pop(L, 3);
	return true;
}

static struct editor_hooks hooks = {
	.stops = stops, .goes_on = goes_on, .complete = complete,
};

bool console_open(struct host *h, struct error *err)
{
	hooks.arg = h;
	h->editor = editor_new(h->loop, &hooks, err);
	return h->editor != NULL;
}

void console_close(struct host *h)
{
	editor_free(h->editor);
	h->editor = NULL;
}

static struct editor *editor_of(lua_State *L)
{
	return host_of(L)->editor;
}

/* ---- lines and keys ---- */

/* the buffer outlives no error: it is a userdata */
static int line_gc(lua_State *L)
{
	buf_release(lua_touserdata(L, 1));
	return 0;
}

static struct buf *push_buf(lua_State *L)
{
	struct buf *b = lua_newuserdatauv(L, sizeof(*b), 0);

	buf_init(b);
	if (luaL_newmetatable(L, "moontrace.console.buf")) {
		lua_pushcfunction(L, line_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return b;
}

/* console.readline(prompt) -> line; nil, "stopped" (Ctrl-C); nil, "end" (Ctrl-D, a signal) */
static int console_readline(lua_State *L)
{
	const char *prompt = luaL_checkstring(L, 1);
	struct host *h = host_of(L);
	struct buf *line = push_buf(L);
	enum editor_result result = editor_read(h->editor, prompt, line);

	if (result == EDITOR_LINE) {
		lua_pushlstring(L, line->data, line->len);
		return 1;
	}
	lua_pushnil(L);
	if (result == EDITOR_STOPPED && host_take_interrupt(h))
		lua_pushliteral(L, "stopped");
	else
		lua_pushliteral(L, "end");
	return 2;
}

/* console.key([seconds]) -> the byte of a key; nil, "time"; nil, "stopped" */
static int console_key(lua_State *L)
{
	lua_Number seconds = luaL_optnumber(L, 1, -1);
	struct host *h = host_of(L);
	int key = editor_key(h->editor, seconds < 0 ? -1 : (int)(seconds * 1000));

	if (key > 0) {
		lua_pushinteger(L, key);
		return 1;
	}
	lua_pushnil(L);
	if (key < 0)
		host_take_interrupt(h);
	lua_pushstring(L, key < 0 ? "stopped" : "time");
	return 2;
}

/* console.hooks{ goes_on = function(text), complete = function(line, cursor) } */
static int console_hooks(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "goes_on");
	lua_setfield(L, LUA_REGISTRYINDEX, HOOK_GOES_ON);
	lua_getfield(L, 1, "complete");
	lua_setfield(L, LUA_REGISTRYINDEX, HOOK_COMPLETE);
	return 0;
}

/* console.panel([text]): below all output, in the place of the last one; none: it stays */
static int console_panel(lua_State *L)
{
	editor_panel(editor_of(L), luaL_optstring(L, 1, NULL));
	return 0;
}

static int console_clear(lua_State *L)
{
	editor_clear_screen(editor_of(L));
	return 0;
}

/* console.fresh_line(): what is printed next begins a line */
static int console_fresh_line(lua_State *L)
{
	editor_fresh_line(editor_of(L));
	return 0;
}

/* console.catch_up(): what has come already is delivered now, but no end of it is waited for */
static int console_catch_up(lua_State *L)
{
	struct error err = ERROR_INIT;
	int turns = 0;

	while (turns++ < MAX_TURNS && loop_step(host_of(L)->loop, 0, &err) > 0)
		;
	error_clear(&err);
	return 0;
}

/* the handler given to console.call; code that is interrupted runs no more Lua */
static int call_handler(lua_State *L)
{
	lua_settop(L, 1);
	if (host_signal())
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 1, 1);
	return 1;
}

/*
 * console.call(fn, handler) -> true, results...; false, error; or false when
 * Ctrl-C ended it, which is answered then
 */
static int console_call(lua_State *L)
{
	struct host *h = host_of(L);
	int status;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	lua_pushboolean(L, 1);
	lua_insert(L, 1);				/* true fn handler */
	lua_pushcclosure(L, call_handler, 1);
	lua_insert(L, 2);				/* true handler fn */
	status = lua_pcall(L, 0, LUA_MULTRET, 2);
	lua_remove(L, 2);
	if (host_take_interrupt(h) && status != LUA_OK)
		lua_settop(L, 1);
	if (status != LUA_OK) {
		lua_pushboolean(L, 0);
		lua_replace(L, 1);
	}
	return lua_gettop(L);
}

/* console.signal() -> the signal that ends the prompt, or nil */
static int console_signal(lua_State *L)
{
	if (!host_signal())
		return 0;
	lua_pushinteger(L, host_signal());
	return 1;
}

/* ---- the terminal ---- */

static int console_size(lua_State *L)
{
	unsigned columns, rows;

	terminal_size(&columns, &rows);
	lua_pushinteger(L, columns);
	lua_pushinteger(L, rows);
	return 2;
}

static int console_colours(lua_State *L)
{
	lua_pushboolean(L, editor_terminal(editor_of(L))->colours);
	return 1;
}

static int console_utf8(lua_State *L)
{
	lua_pushboolean(L, editor_terminal(editor_of(L))->utf8);
	return 1;
}

/* console.is_terminal() -> one whose cursor can be moved */
static int console_is_terminal(lua_State *L)
{
	lua_pushboolean(L, !editor_terminal(editor_of(L))->dumb);
	return 1;
}

/* ---- what there is ---- */

/* console.scripts() -> { {name=, summary=}, ... } */
static int console_scripts(lua_State *L)
{
	const char *name;
	char *summary;
	size_t i;

	lua_newtable(L);
	for (i = 0; host_bundled(i, &name, &summary); i++) {
		lua_createtable(L, 0, 2);
		lua_pushstring(L, name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, summary);
		free(summary);
		lua_setfield(L, -2, "summary");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* sets the text of err, if there is one, as field `name` of the table at the top; clears err */
static void set_failure(lua_State *L, const char *name, struct error *err)
{
	if (!err->tag)
		return;
	lua_pushstring(L, err->text);
	lua_setfield(L, -2, name);
	error_clear(err);
}

static void set_feature(lua_State *L, const char *name, enum feature id)
{
	lua_pushboolean(L, feature_answer(id, NULL) != ANSWER_NO);
	lua_setfield(L, -2, name);
}

/* console.facts() -> { release=, machine=, version=, privilege= (what is missing),
 * kprobes=, btf=, headers= ("installed", "BTF"...) }: the banner's */
static int console_facts(lua_State *L)
{
	struct headers_options opts = { 0 };
	struct host *h = host_of(L);
	struct kernel_headers headers;
	struct error err = ERROR_INIT;

	lua_createtable(L, 0, 8);
	lua_pushliteral(L, VERSION);
	lua_setfield(L, -2, "version");
	lua_pushstring(L, kernel_release());
	lua_setfield(L, -2, "release");
	lua_pushstring(L, kernel_machine());
	lua_setfield(L, -2, "machine");
	if (kernel_may_trace(&err))
		set_failure(L, "privilege", &err);
	else
		set_feature(L, "kprobes", FEATURE_KPROBES);
	lua_pushboolean(L, kernel_btf() != NULL);
	lua_setfield(L, -2, "btf");
	opts.path = h->opts->headers;
	opts.cache_dir = h->opts->cache_dir;
	if (kernel_headers_find(&opts, &headers, &err)) {
		set_failure(L, "headers_error", &err);
		return 1;
	}
	lua_pushstring(L, headers_kind_name(headers.kind));
	lua_setfield(L, -2, "headers");
	kernel_headers_release(&headers);
	return 1;
}

/* ---- completing file names ---- */

static void add_file(lua_State *L, const char *dir, size_t dir_len, const char *name,
	lua_Integer at)
{
	struct stat st;

	lua_pushlstring(L, dir, dir_len);
	lua_pushstring(L, name);
	lua_concat(L, 2);
	if (stat(lua_tostring(L, -1), &st) == 0 && S_ISDIR(st.st_mode)) {
		lua_pushliteral(L, "/");
		lua_concat(L, 2);
	}
	lua_rawseti(L, -2, at);
}

/* console.files(prefix) -> the files whose path begins so, directories with a slash */
static int console_files(lua_State *L)
{
	const char *prefix = luaL_checkstring(L, 1), *slash = strrchr(prefix, '/');
	size_t dir_len = slash ? (size_t)(slash - prefix) + 1 : 0;
	const char *name = prefix + dir_len;
	struct dirent *d;
	lua_Integer n = 0;
	DIR *dir;

	lua_newtable(L);
	lua_pushlstring(L, prefix, dir_len);
	dir = opendir(dir_len ? lua_tostring(L, -1) : ".");
	lua_pop(L, 1);
	while (dir && n < MAX_FILES && (d = readdir(dir)) != NULL) {
		if (!str_starts(d->d_name, name) || (d->d_name[0] == '.' && *name != '.'))
			continue;
		add_file(L, prefix, dir_len, d->d_name, ++n);
	}
	if (dir)
		closedir(dir);
	return 1;
}

int open_console(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "call", console_call },
		{ "catch_up", console_catch_up },
		{ "clear", console_clear },
		{ "colours", console_colours },
		{ "facts", console_facts },
		{ "files", console_files },
		{ "fresh_line", console_fresh_line },
		{ "hooks", console_hooks },
		{ "is_terminal", console_is_terminal },
		{ "key", console_key },
		{ "panel", console_panel },
		{ "readline", console_readline },
		{ "scripts", console_scripts },
		{ "signal", console_signal },
		{ "size", console_size },
		{ "spawn", console_spawn },
		{ "utf8", console_utf8 },
		{ NULL, NULL },
	};

	open_console_child(L);
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, TIMER_DONE);
	lua_setfield(L, -2, "done");
	return 1;
}
