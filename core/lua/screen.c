/* SPDX-License-Identifier: Apache-2.0 */
/* Module screen: the whole terminal for a live view, its keys and its changes of size. */
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "lua/internal.h"
#include "repl/terminal.h"

struct screen {
	struct source *keys, *resized, *suspended;
	int fn;			/* registry ref */
};

static void tell(struct host *h, const char *what, size_t n)
{
	if (h->stopped)
		return;
	lua_rawgeti(h->L, LUA_REGISTRYINDEX, h->screen->fn);
	lua_pushlstring(h->L, what, n);
	host_call(h, 1, 0);
}

static void on_key(void *arg, uint32_t events)
{
	struct host *h = arg;
	char bytes[64];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	(void)events;
	if (n > 0) {
		tell(h, bytes, n);
		return;
	}
	source_remove(h->screen->keys);
	h->screen->keys = NULL;
}

static void on_resized(void *arg, int signo)
{
	(void)signo;
	tell(arg, "resized", 7);
}

/* Ctrl-Z: the terminal is the shell's until we are continued */
static void on_suspended(void *arg, int signo)
{
	sigset_t set;

	host_flush(arg);
	terminal_restore();
	sigemptyset(&set);
	sigaddset(&set, signo);
	/* without effect where nobody is there to continue us */
	kill(0, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	terminal_take();
	tell(arg, "resized", 7);
}

static bool watch_terminal(struct host *h, struct error *err)
{
	struct screen *s = h->screen;

	s->resized = loop_add_signal(h->loop, SIGWINCH, on_resized, h, err);
	s->suspended = loop_add_signal(h->loop, SIGTSTP, on_suspended, h, err);
	if (!s->resized || !s->suspended)
		return false;
	if (!isatty(STDIN_FILENO))
		return true;
	s->keys = loop_add_fd(h->loop, STDIN_FILENO, EPOLLIN, on_key, h, err);
	return s->keys != NULL;
}

void screen_close(struct host *h)
{
	struct screen *s = h->screen;

	if (!s)
		return;
	host_flush(h);
	h->screen = NULL;
	source_remove(s->keys);
	source_remove(s->resized);
	source_remove(s->suspended);
	luaL_unref(h->L, LUA_REGISTRYINDEX, s->fn);
	free(s);
	terminal_restore();
}

/*
 * screen.open(fn) -> true; false where stdout is no terminal whose cursor can be moved.
 * fn(text) gets the keys that were pressed, and "resized"
 */
static int screen_open(lua_State *L)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	struct terminal t;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	terminal_ask(&t);
	if (h->dry || h->editor || h->screen || t.dumb || !isatty(STDOUT_FILENO)) {
		lua_pushboolean(L, 0);
		return 1;
	}
	host_flush(h);
	lua_settop(L, 1);
	h->screen = mem_alloc(sizeof(*h->screen));
	h->screen->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	if (!watch_terminal(h, &err)) {
		screen_close(h);
		return raise_error(L, &err);
	}
	terminal_take();
	lua_pushboolean(L, 1);
	return 1;
}

/* screen.close(): the terminal is as it was */
static int close_screen(lua_State *L)
{
	screen_close(host_of(L));
	return 0;
}

/* screen.draw(lines): in place of what was drawn before; lines are cut where the screen ends */
static int screen_draw(lua_State *L)
{
	unsigned columns, rows, i;

	luaL_checktype(L, 1, LUA_TTABLE);
	terminal_size(&columns, &rows);
	if (!host_of(L)->screen)
		return 0;
	fputs("\033[H", stdout);
	for (i = 1; i <= rows && lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
		/* emptied first: behind a line that fills the row that would take its end */
		fprintf(stdout, "%s\033[2K%s", i > 1 ? "\n" : "", luaL_checkstring(L, -1));
		lua_pop(L, 1);
	}
	if (i <= rows)
		fputs(i > 1 ? "\n\033[J" : "\033[J", stdout);
	return 0;
}

int open_screen(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "close", close_screen },
		{ "draw", screen_draw },
		{ "open", screen_open },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}
