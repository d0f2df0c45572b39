/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/target.h"
#include "lua/embedded.h"
#include "lua/internal.h"
#include "repl/terminal.h"

/* ---- signals: the first ends the run, the second ends the process ---- */

static struct {
	volatile sig_atomic_t signo;
	int wake_fd;
	lua_State *L;
	bool raised;			/* Lua got the error "interrupted" */
	bool prompt;			/* SIGINT ends what runs, not the process */
	volatile sig_atomic_t unanswered; /* of those */
} interrupt = { 0, -1, NULL, false, false, 0 };

enum {
	INTERRUPT_AFTER = 20 * 1000 * 1000,	/* Lua instructions */
	PROMPT_LOOK = 10 * 1000,		/* the same, at the prompt */
	MAX_UNANSWERED = 5,
};

int raise_interrupted(lua_State *L)
{
	interrupt.raised = true;
	return luaL_error(L, "interrupted");
}

static void interrupt_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_sethook(L, NULL, 0, 0);
	raise_interrupted(L);
}

/*
 * The prompt's hook looks now and then: coroutines inherit it, which one set
 * by a signal they would not.  From then on it raises at once, so that a
 * pcall around the loop does not help it.
 */
static void prompt_hook(lua_State *L, lua_Debug *ar)
{
	bool asked = interrupt.signo != 0;

	(void)ar;
	lua_sethook(L, prompt_hook, LUA_MASKCOUNT, asked ? 1 : PROMPT_LOOK);
	if (asked)
		raise_interrupted(L);
}

void host_end_interrupt(struct host *h)
{
	if (interrupt.prompt)
		lua_sethook(h->L, prompt_hook, LUA_MASKCOUNT, PROMPT_LOOK);
	else
		lua_sethook(h->L, NULL, 0, 0);
}

bool host_take_interrupt(struct host *h)
{
	bool was = interrupt.signo == SIGINT || interrupt.raised;

	interrupt.unanswered = 0;
	interrupt.raised = false;
	if (interrupt.signo == SIGINT)
		interrupt.signo = 0;
	host_end_interrupt(h);
	return was;
}

/* is it one more than a prompt that still works would leave unanswered? */
static bool ends_process(int signo)
{
	if (!interrupt.signo)
		return false;
	if (!interrupt.prompt || signo != SIGINT)
		return true;
	return ++interrupt.unanswered >= MAX_UNANSWERED;
}

static void on_signal(int signo)
{
	uint64_t one = 1;
	int saved = errno;

	if (ends_process(signo)) {
		terminal_restore();
		_exit(128 + signo);
	}
	interrupt.signo = signo;
	/* a callback that does not come to an end is interrupted */
	if (interrupt.L && !interrupt.prompt)
		lua_sethook(interrupt.L, interrupt_hook, LUA_MASKCOUNT, INTERRUPT_AFTER);
	if (interrupt.wake_fd >= 0 && write(interrupt.wake_fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

static void on_pipe(int signo)
{
}

/*
 * The write tells.  It is no SIG_IGN, which io.popen's and os.execute's
 * programs would inherit; exec makes a handler the default.
 */
static void watch_pipe(void)
{
	struct sigaction sa = { .sa_handler = on_pipe, .sa_flags = SA_RESTART }, old;

	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGPIPE, &sa, NULL);
}

static void watch_signals(struct host *h)
{
	static const int watched[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;
	size_t i;

	interrupt.wake_fd = h->wake_fd;
	interrupt.L = h->L;
	interrupt.prompt = h->editor != NULL;
	host_end_interrupt(h);
	for (i = 0; i < ARRAY_SIZE(watched); i++) {
		/* nohup and background jobs keep what they ignore */
		if (sigaction(watched[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(watched[i], &sa, NULL);
	}
	watch_pipe();
}

int host_signal(void)
{
	return interrupt.signo;
}

bool host_should_stop(struct host *h)
{
	return h->stopped || h->broken_pipe || h->output_error || host_signal();
}

static void on_wake(void *arg, uint32_t events)
{
	struct host *h = arg;
	uint64_t count;

	(void)events;
	if (read(h->wake_fd, &count, sizeof(count)) < 0)
		return;
	/* the prompt sees for itself that there was a signal */
	if (h->editor && !h->running)
		return;
	h->stopped = true;
	loop_stop(h->loop);
}

void host_flush(struct host *h)
{
	int sys = file_flush(stdout);

	if (!sys)
		return;
	if (sys == EPIPE)
		h->broken_pipe = true;
	else
		h->output_error = sys;
	clearerr(stdout);
	h->stopped = true;
	loop_stop(h->loop);
}

static void on_turn(void *arg)
{
	host_flush(arg);
}

/* ---- the Lua state ---- */

static int panic(lua_State *L)
{
	const char *msg = lua_tostring(L, -1);

	fprintf(stderr, "moontrace: unprotected Lua error: %s\n", msg ? msg : "?");
	return 0;
}

/* what became of the script's output decides first; said once, on the terminal as it was */
static int output_status(struct host *h, int status)
{
	screen_close(h);
	host_flush(h);
	if (h->broken_pipe)
		return 128 + SIGPIPE;
	if (!h->output_error)
		return status;
	fprintf(stderr, "error[E-FILE]: write to standard output: %s\n",
		strerror(h->output_error));
	return STATUS_CANNOT;
}

/* os.exit([status]): detaches everything and puts back all settings first; does not return */
static int host_exit(lua_State *L)
{
	struct host *h = host_of(L);
	int status = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? STATUS_OK : STATUS_SCRIPT) :
		(int)luaL_optinteger(L, 1, STATUS_OK);

	if (h->dry)
		return dry_exit(L, status);
	status = output_status(h, status);
	session_free(h->session);
	h->session = NULL;
	tracers_close(h);
	console_close(h);
	exit(status);
}

/* the libraries of a script: all but loading of C modules */
static void open_libraries(lua_State *L)
{
	luaL_openlibs(L);
	lua_getglobal(L, "package");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	lua_pushnil(L);
	lua_setfield(L, -2, "loadlib");
	lua_getglobal(L, "os");
	lua_pushcfunction(L, host_exit);
	lua_setfield(L, -2, "exit");
	lua_pop(L, 2);
	open_shell(L);
	open_error(L);
	open_modules(L);
	open_program(L);
	open_map(L);
	open_link(L);
	open_timers(L);
	open_dry(L);
	luaL_requiref(L, "bpf", open_bpf, 0);
	luaL_requiref(L, "debuginfo", open_debuginfo, 0);
	luaL_requiref(L, "ftrace", open_ftrace, 0);
	luaL_requiref(L, "oneliner", open_oneliner, 0);
	luaL_requiref(L, "out", open_out, 0);
	luaL_requiref(L, "probes", open_probes, 0);
	luaL_requiref(L, "screen", open_screen, 0);
	luaL_requiref(L, "sys", open_sys, 0);
	lua_pop(L, 8);
	if (host_of(L)->editor) {
		luaL_requiref(L, "console", open_console, 0);
		lua_pop(L, 1);
	}
}

static int open_protected(lua_State *L)
{
	open_libraries(L);
	return 0;
}

struct host *host_new(const struct host_options *opts, struct error *err)
{
	struct host *h = mem_alloc(sizeof(*h));

	h->opts = opts;
	h->format = opts->format;
	h->failure = LUA_NOREF;
	if (opts->dry_run)
		h->dry = dry_new(h);
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->wake_fd < 0) {
		error_sys(err, "E-LIMIT", errno, "eventfd");
		goto fail;
	}
	h->loop = loop_new(err);
	if (!h->loop || !loop_add_fd(h->loop, h->wake_fd, EPOLLIN, on_wake, h, err))
		goto fail;
	loop_add_turn(h->loop, on_turn, h);
	h->symbols = symbolizer_new();
	if (opts->interactive && !console_open(h, err))
		goto fail;
	h->L = luaL_newstate();
	if (!h->L) {
		error_set(err, "E-LIMIT", "out of memory for Lua");
		goto fail;
	}
	lua_atpanic(h->L, panic);
	*(struct host **)lua_getextraspace(h->L) = h;
	lua_pushcfunction(h->L, open_protected);
	if (lua_pcall(h->L, 0, 0, 0) != LUA_OK) {
		error_set(err, "E-LUA", "%s", lua_tostring(h->L, -1));
		goto fail;
	}
	watch_signals(h);
	return h;
fail:
	host_free(h);
	return NULL;
}

void host_free(struct host *h)
{
	struct program *p;

	if (!h)
		return;
	interrupt.L = NULL;
	interrupt.wake_fd = -1;
	interrupt.prompt = false;
	/* Lua's userdata only borrow what the session owns */
	timers_free(h);
	session_free(h->session);
	h->session = NULL;
	for (p = h->programs; p; p = p->next)
		p->unit = NULL;
	screen_close(h);
	if (h->L)
		lua_close(h->L);
	while ((p = h->programs) != NULL) {
		h->programs = p->next;
		free(p);
	}
	console_close(h);
	dry_free(h->dry);
	target_free(h->target);
	symbolizer_free(h->symbols);
	loop_free(h->loop);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	free(h);
}

static const char *function_here(void *arg, const char *name, char **ret_near)
{
	return kernel_function(((struct host *)arg)->symbols, name, ret_near);
}

struct target *host_target(struct host *h, struct error *err)
{
	struct target_options opts = {
		.headers = { .path = h->opts->headers, .cache_dir = h->opts->cache_dir },
		.profile = h->opts->profile,
		.by_headers = h->opts->by_headers,
		.function = function_here,
		.arg = h,
	};

	if (!h->target)
		h->target = target_new(&opts, err);
	return h->target;
}

/* ---- running a script ---- */

static void set_arg(lua_State *L, int argc, char **argv)
{
	int i;

	lua_createtable(L, argc, 1);
	for (i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i);
	}
	lua_setglobal(L, "arg");
}

/* keeps the source of a chunk, so that positions in it can be told */
static void keep_source(lua_State *L, const char *chunk, const char *text, size_t n)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.sources");
	lua_pushlstring(L, text, n);
	lua_setfield(L, -2, chunk);
	lua_pop(L, 1);
}

/* does any function of it attach by itself, that has not been attached by hand? */
static bool has_own_probes(const struct program *p)
{
	const struct object *obj = unit_object(p->unit);
	size_t i;

	for (i = 0; i < obj->n_programs; i++) {
		if (obj->programs[i].probe && !unit_is_attached(p->unit, i))
			return true;
	}
	return false;
}

/* what is left to say when a script has come to its end, and its exit status */
static int finish(struct host *h, int status)
{
	int signo = host_signal();
	struct program *p;
	int output = h->dry ? STATUS_OK : output_status(h, STATUS_OK);

	if (output || status)
		return output ? output : status;
	for (p = h->programs; p && !h->ran && !signo && !p->attached; p = p->next) {
		if (!has_own_probes(p))
			continue;
		fprintf(stderr,
			"moontrace: the script ended without bpf.run(): nothing was traced\n");
		break;
	}
	if (h->lost && h->opts->strict)
		return STATUS_LOSS;
	return signo ? 128 + signo : STATUS_OK;
}

/* error -> its text, exit status: only errors of ours have one. A script's __tostring may raise */
static int describe(lua_State *L)
{
	int status = STATUS_SCRIPT;

	if (lua_istable(L, 1) && lua_getmetatable(L, 1)) {
		luaL_getmetatable(L, TYPE_ERROR);
		if (lua_rawequal(L, -1, -2)) {
			lua_getfield(L, 1, "status");
			status = luaL_optinteger(L, -1, STATUS_SCRIPT);
		}
	}
	luaL_tolstring(L, 1, NULL);
	lua_pushinteger(L, status);
	return 2;
}

/* prints the error value on the stack, pops it, returns its exit status */
static int report(struct host *h)
{
	lua_State *L = h->L;
	int status = STATUS_SCRIPT;
	const char *text;

	if (h->dry)
		return dry_failed(h);
	screen_close(h);
	host_flush(h);
	lua_pushcfunction(L, describe);
	lua_insert(L, -2);
	if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
		status = lua_tointeger(L, -1);
		lua_pop(L, 1);
	}
	text = lua_tostring(L, -1);
	if (!text)
		text = "(an error that has no text)";
	if (!h->broken_pipe)
		fprintf(stderr, "%s%s\n", str_starts(text, "error[") ? "" : "error[E-LUA]: ", text);
	lua_pop(L, 1);
	return status;
}

static int traceback(lua_State *L);

/* what a line of -e has left running; an error stays on the stack. traceback is at 1 */
static int wait_for_line(struct host *h)
{
	if (!h->line)
		return LUA_OK;
	oneliner_push_wait(h->L);
	return lua_pcall(h->L, 0, 0, 1);
}

/* runs the chunk on the stack */
static int run_chunk(struct host *h, int argc, char **argv)
{
	lua_State *L = h->L;
	int i, status = STATUS_OK;

	if (!lua_checkstack(L, argc + LUA_MINSTACK)) {
		fprintf(stderr, "error[E-LUA]: %d arguments are too many\n", argc - 1);
		return STATUS_SCRIPT;
	}
	set_arg(L, argc, argv);
	lua_pushcfunction(L, traceback);
	lua_insert(L, -2);			/* traceback chunk */
	for (i = 1; i < argc; i++)
		lua_pushstring(L, argv[i]);
	if (lua_pcall(L, argc > 1 ? argc - 1 : 0, 0, 1) != LUA_OK || wait_for_line(h) != LUA_OK)
		status = interrupt.raised ? 128 + host_signal() : report(h);
	lua_settop(L, 0);
	return finish(h, status);
}

static int run_text(struct host *h, const char *text, const char *chunk, int argc, char **argv)
{
	lua_State *L = h->L;
	size_t n = strlen(text), skip = 0;
	char *name = mem_format("@%s", chunk);
	int bad;

	/* a #! line is no Lua; its newline stays for the line numbers */
	if (text[0] == '#')
		skip = strcspn(text, "\n");
	keep_source(L, name, text, n);
	bad = luaL_loadbufferx(L, text + skip, n - skip, name, "t");
	free(name);
	if (bad)
		return report(h);
	return run_chunk(h, argc, argv);
}

int host_run_text(struct host *h, const char *text, const char *chunk, int argc, char **argv)
{
	int status;

	if (!h->dry)
		return run_text(h, text, chunk, argc, argv);
	dry_begin(h->dry);
	status = run_text(h, text, chunk, argc, argv);
	dry_end(h->dry);
	return status;
}

int host_run_line(struct host *h, const char *line, int argc, char **argv)
{
	h->line = line;
	oneliner_globals(h->L);
	return host_run_text(h, line, "(command line)", argc, argv);
}

/* E-SCRIPT, or why the file is not safe */
static int read_script(const char *path, struct buf *text, struct error *err)
{
	if (file_read_safe(path, 16 << 20, text, err)) {
		if (err->sys == ENOENT || !strcmp(err->tag, "E-FILE")) {
			char *was = mem_string(err->text);

			error_set(err, "E-SCRIPT", "%s", was);
			free(was);
		}
		return -1;
	}
	if (!memchr(text->data, '\0', text->len))
		return 0;
	error_set(err, "E-SCRIPT", "'%s' is no text", path);
	if (str_starts(text->data, "\177ELF"))
		error_hint(err, "a bundle is run by its own name; "
			"'moontrace build --inspect FILE' tells what it holds");
	return -1;
}

int host_run_file(struct host *h, const char *path, int argc, char **argv)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char *msg;
	int status;

	if (read_script(path, &text, &err)) {
		msg = error_format(&err);
		fprintf(stderr, "%s\n", msg);
		status = error_status(&err);
		free(msg);
		error_clear(&err);
	} else {
		status = host_run_text(h, text.data, path, argc, argv);
	}
	buf_release(&text);
	return status;
}

int host_run_prompt(struct host *h)
{
	char name[] = "moontrace", *argv[] = { name, NULL };
	int status;

	h->ran = true;		/* probes run without bpf.run */
	status = host_run_text(h, "require('repl.repl').run()", "(prompt)", 1, argv);

	/* a Ctrl-C that was pressed meanwhile is not why it ended */
	return status == 128 + SIGINT ? STATUS_OK : status;
}

bool host_has_bundled(const char *name)
{
	return embedded_find(embedded_scripts, name) != NULL;
}

int host_run_bundled(struct host *h, const char *name, int argc, char **argv)
{
	const struct embedded *e = embedded_find(embedded_scripts, name);
	char *chunk = mem_format("%s.lua", name);
	int status = host_run_text(h, e->text, chunk, argc, argv);

	free(chunk);
	return status;
}

bool host_bundled(size_t i, const char **ret_name, char **ret_summary)
{
	const struct embedded *e = &embedded_scripts[i];
	const char *at, *end;

	if (!e->name)
		return false;
	*ret_name = e->name;
	/* the header's first comment line behind the SPDX line: "-- name: summary" */
	at = strstr(e->text, "\n-- ");
	at = at ? strchr(at + 4, ':') : NULL;
	end = at ? strchr(at, '\n') : NULL;
	*ret_summary = end ? mem_string_n(at + 2, end - at - 2) : mem_string("");
	return true;
}

/* ---- errors ---- */

void host_push_position(lua_State *L)
{
	lua_Debug ar;
	int level;

	for (level = 0; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		/* the prompt's own Lua stands between a call and bpf.load */
		if (ar.currentline > 0 && !str_starts(ar.source, "@stdlib/repl.")) {
			lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
			return;
		}
	}
	lua_pushnil(L);
}

static int traceback(lua_State *L)
{
	const char *msg = lua_tostring(L, 1);

	if (dry_is_end(L, 1))
		return 1;
	/* bpf.run passes on what a callback raised, with its traceback */
	if (msg && !strstr(msg, "\nstack traceback:\n")) {
		if (!host_of(L)->line || !oneliner_error(L, host_of(L)->line))
			luaL_traceback(L, L, lua_tostring(L, 1), 1);
		return 1;
	}
	if (!msg && !lua_istable(L, 1) && !luaL_getmetafield(L, 1, "__tostring"))
		lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	else
		lua_settop(L, 1);
	return 1;
}

/* of a callback: there is nothing of the user's in it */
static void cut_traceback(lua_State *L)
{
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
	const char *end = strstr(text, "\nstack traceback:\n");

	if (end) {
		lua_pushlstring(L, text, end - text);
		lua_replace(L, -2);
	}
}

bool host_call(struct host *h, int nargs, int nresults)
{
	lua_State *L = h->L;
	int base = lua_gettop(L) - nargs;

	lua_pushcfunction(L, traceback);
	lua_insert(L, base);
	if (lua_pcall(L, nargs, nresults, base) == LUA_OK) {
		lua_remove(L, base);
		return true;
	}
	/* at the prompt it is told, and nothing ends */
	if (h->editor && !h->running) {
		lua_remove(L, base);
		cut_traceback(L);
		if (host_take_interrupt(h))
			lua_pop(L, 1);
		else
			report(h);
		return false;
	}
	if (h->failure == LUA_NOREF)
		h->failure = luaL_ref(L, LUA_REGISTRYINDEX);
	else
		lua_pop(L, 1);
	lua_remove(L, base);
	h->stopped = true;
	loop_stop(h->loop);
	return false;
}

int raise_error(lua_State *L, struct error *err)
{
	lua_createtable(L, 0, 5);
	lua_pushstring(L, err->tag);
	lua_setfield(L, -2, "tag");
	lua_pushstring(L, err->text);
	lua_setfield(L, -2, "message");
	lua_pushstring(L, err->hint);
	lua_setfield(L, -2, "hint");
	lua_pushinteger(L, error_status(err));
	lua_setfield(L, -2, "status");
	host_push_position(L);
	lua_setfield(L, -2, "position");
	luaL_setmetatable(L, TYPE_ERROR);
	error_clear(err);
	return lua_error(L);
}

int push_failure(lua_State *L, struct error *err)
{
	lua_pushnil(L);
	if (err->hint)
		lua_pushfstring(L, "%s (%s)", err->text, err->hint);
	else
		lua_pushstring(L, err->text);
	lua_pushstring(L, err->tag);
	error_clear(err);
	return 3;
}

static int error_tostring(lua_State *L)
{
	const char *tag, *message, *hint, *position;

	lua_settop(L, 1);
	lua_getfield(L, 1, "tag");
	lua_getfield(L, 1, "message");
	lua_getfield(L, 1, "hint");
	lua_getfield(L, 1, "position");
	tag = lua_tostring(L, 2);
	message = lua_tostring(L, 3);
	hint = lua_tostring(L, 4);
	position = lua_tostring(L, 5);
	lua_pushfstring(L, "error[%s]: %s%s%s%s%s", tag ? tag : "?", message ? message : "?",
		hint ? "\n  " : "", hint ? hint : "", position ? "\n  at " : "",
		position ? position : "");
	return 1;
}

void open_error(lua_State *L)
{
	luaL_newmetatable(L, TYPE_ERROR);
	lua_pushcfunction(L, error_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);
}

/* ---- where a text stands ---- */

/* line of the only place (or the first at or behind `near`) of text in source; 0: none */
static unsigned find_text(const char *source, const char *text, int near)
{
	const char *at = source, *counted = source;
	unsigned line = 1, found = 0;

	while (*text && (at = strstr(at, text)) != NULL) {
		for (; counted < at; counted++)
			line += *counted == '\n';
		found = line;
		if ((int)line >= near)
			break;
		at++;
	}
	return found;
}

unsigned host_locate_text(lua_State *L, const char *text)
{
	lua_Debug ar;
	const char *source;
	unsigned line;
	int level;

	for (level = 1; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline <= 0)
			continue;
		luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.sources");
		lua_getfield(L, -1, ar.source);
		source = lua_tostring(L, -1);
		line = source ? find_text(source, text, ar.currentline) : 0;
		lua_pop(L, 2);
		if (line) {
			lua_pushstring(L, ar.source + 1);
			return line;
		}
	}
	for (level = 1; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0) {
			lua_pushfstring(L, "%s:%d(text)", ar.short_src, ar.currentline);
			return 0;
		}
	}
	lua_pushliteral(L, "(text)");
	return 0;
}

/* ---- userdata ---- */

void *check_open(lua_State *L, int idx, const char *type)
{
	void **ud = luaL_checkudata(L, idx, type);

	if (!*ud)
		luaL_error(L, "this %s is closed", strchr(type, '.') + 1);
	return *ud;
}

void new_type(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta)
{
	luaL_newmetatable(L, type);
	if (meta)
		luaL_setfuncs(L, meta, 0);
	if (methods) {
		lua_newtable(L);
		luaL_setfuncs(L, methods, 0);
		if (lua_getfield(L, -2, "__index") == LUA_TNIL) {
			lua_pop(L, 1);
			lua_setfield(L, -2, "__index");
		} else {
			lua_pop(L, 1);
			lua_setfield(L, -2, "methods");
		}
	}
	lua_pop(L, 1);
}
