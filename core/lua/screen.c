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
	struct source *keys, *resized, *suspended, *continued;
	int fn;			/* registry ref */
	bool shown;		/* the terminal is ours, see follow() */
	bool no_keys;		/* standard input is none, or has come to its end */
};

static void tell(struct host *h, const char *what, size_t n)
{
	if (h->stopped)
		return;
	lua_rawgeti(h->L, LUA_REGISTRYINDEX, h->screen->fn);
	lua_pushlstring(h->L, what, n);
	host_call(h, 1, 0);
}

/* ---- in the foreground and in the background ---- */

static void leave(struct host *h)
{
	struct screen *s = h->screen;

	source_remove(s->keys);
	s->keys = NULL;
	if (!s->shown)
		return;
	host_flush(h);
	s->shown = false;
	terminal_restore();
}

static void on_key(void *arg, uint32_t events);

static void enter(struct host *h)
{
	struct screen *s = h->screen;
	struct error ignored = ERROR_INIT;

	host_flush(h);
	s->shown = true;
	terminal_take();
	if (!s->no_keys)
		s->keys = loop_add_fd(h->loop, STDIN_FILENO, EPOLLIN, on_key, h, &ignored);
	error_clear(&ignored);
}

/*
 * The shell gives the terminal to others, and need not tell when it is ours
 * again: fg of a job that runs sends nothing.  What is another's is neither
 * drawn on nor read, which would stop us.  True if it has just become ours.
 */
static bool follow(struct host *h)
{
	bool ours = terminal_is_ours();

	if (ours == h->screen->shown)
		return false;
	if (ours)
		enter(h);
	else
		leave(h);
	return ours;
}

/* ---- keys and signals ---- */

static void on_key(void *arg, uint32_t events)
{
	struct host *h = arg;
	char bytes[64];
	ssize_t n;

	(void)events;
	follow(h);
	if (!h->screen->shown)
		return;
	n = read(STDIN_FILENO, bytes, sizeof(bytes));
	if (n > 0) {
		tell(h, bytes, n);
		return;
	}
	h->screen->no_keys = true;
	source_remove(h->screen->keys);
	h->screen->keys = NULL;
}

static void on_resized(void *arg, int signo)
{
	(void)signo;
	tell(arg, "resized", 7);
}

static void on_continued(void *arg, int signo)
{
	(void)signo;
	if (follow(arg))
		tell(arg, "resized", 7);
}

/* Ctrl-Z: the terminal is the shell's until we are continued in the foreground */
static void on_suspended(void *arg, int signo)
{
	sigset_t set;

	leave(arg);
	sigemptyset(&set);
	sigaddset(&set, signo);
	/* without effect where nobody is there to continue us */
	kill(0, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	on_continued(arg, SIGCONT);
}

static bool watch_terminal(struct host *h, struct error *err)
{
	struct screen *s = h->screen;

	s->resized = loop_add_signal(h->loop, SIGWINCH, on_resized, h, err);
	s->suspended = loop_add_signal(h->loop, SIGTSTP, on_suspended, h, err);
	s->continued = loop_add_signal(h->loop, SIGCONT, on_continued, h, err);
	s->no_keys = !isatty(STDIN_FILENO);
	return s->resized && s->suspended && s->continued;
}

void screen_close(struct host *h)
{
	struct screen *s = h->screen;

	if (!s)
		return;
	leave(h);
	h->screen = NULL;
	source_remove(s->resized);
	source_remove(s->suspended);
	source_remove(s->continued);
	luaL_unref(h->L, LUA_REGISTRYINDEX, s->fn);
	free(s);
}

/*
 * screen.open(fn) -> true; false where stdout is no terminal whose cursor can be moved.  In
 * the background nothing is shown until it is in the foreground.
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
	lua_settop(L, 1);
	h->screen = mem_alloc(sizeof(*h->screen));
	h->screen->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	if (!watch_terminal(h, &err)) {
		screen_close(h);
		return raise_error(L, &err);
	}
	follow(h);
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
	struct host *h = host_of(L);
	unsigned columns, rows, i;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (!h->screen)
		return 0;
	follow(h);
	if (!h->screen->shown)
		return 0;
	terminal_size(&columns, &rows);
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
