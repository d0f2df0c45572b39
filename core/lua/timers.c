/* SPDX-License-Identifier: Apache-2.0 */
/* every(seconds, fn) and after(seconds, fn): they tick while bpf.run or the prompt runs. */
#include <stdlib.h>

#include "base/mem.h"
#include "lua/internal.h"

struct timer {
	struct timer *next;
	struct host *h;
	struct source *source;		/* NULL while the run has not begun */
	uint64_t first, interval;	/* ns; interval 0: once */
	int fn;				/* registry ref */
	bool done;			/* cancelled, or fired its one time */
};

/* frees the timers that are done: a timer's callback may do it, on_tick looks back no more */
static void sweep(struct host *h)
{
	struct timer **at = &h->timers, *t;

	while ((t = *at) != NULL) {
		if (!t->done) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t);
	}
}

static void timer_done(struct timer *t)
{
	if (t->done)
		return;
	t->done = true;
	source_remove(t->source);
	t->source = NULL;
	luaL_unref(t->h->L, LUA_REGISTRYINDEX, t->fn);
}

static void on_tick(void *arg, uint64_t missed)
{
	struct timer *t = arg;
	lua_State *L = t->h->L;

	if (!t->interval)
		t->source = NULL;	/* the loop removes it behind us, called or not */
	if (t->done || t->h->stopped)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->fn);
	lua_pushinteger(L, missed);
	if (!t->interval)
		timer_done(t);
	if (!host_call(t->h, 1, 1))
		return;
	if (lua_touserdata(L, -1) == TIMER_DONE)
		timer_done(t);
	lua_pop(L, 1);
}

static bool timer_start(struct timer *t, struct error *err)
{
	t->source = loop_add_timer(t->h->loop, t->first, t->interval, on_tick, t, err);
	return t->source != NULL;
}

bool timers_start(struct host *h, struct error *err)
{
	struct timer *t;

	sweep(h);
	for (t = h->timers; t; t = t->next) {
		if (!t->source && !timer_start(t, err))
			return false;
	}
	return true;
}

void timers_stop(struct host *h)
{
	struct timer *t;

	for (t = h->timers; t; t = t->next)
		timer_done(t);
	sweep(h);
}

void timers_free(struct host *h)
{
	if (h->L)
		timers_stop(h);
}

/* ---- Lua ---- */

static int new_timer(lua_State *L, bool once)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	struct timer *t, **end;

	luaL_argcheck(L, seconds >= (once ? 0 : 0.001) && seconds <= 1e9, 1,
		once ? "0 to 1e9 seconds" : "0.001 to 1e9 seconds");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	sweep(h);
	t = mem_alloc(sizeof(*t));
	t->h = h;
	t->first = seconds > 0 ? seconds * 1e9 : 1;
	t->interval = once ? 0 : t->first;
	t->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	for (end = &h->timers; *end; end = &(*end)->next)
		;
	*end = t;
	if ((h->running || h->editor) && !timer_start(t, &err)) {
		timer_done(t);
		return raise_error(L, &err);
	}
	return 0;
}

/* every(seconds, fn): fn(missed_ticks) at start + k*seconds */
static int timers_every(lua_State *L)
{
	return new_timer(L, false);
}

/* after(seconds, fn): once */
static int timers_after(lua_State *L)
{
	return new_timer(L, true);
}

/* on_exit(fn): when the run has ended, however, and all events were read */
static int timers_on_exit(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.on_exit");
	lua_insert(L, 1);
	lua_rawseti(L, 1, lua_rawlen(L, 1) + 1);
	return 0;
}

void open_timers(lua_State *L)
{
	static const luaL_Reg globals[] = {
		{ "every", timers_every },
		{ "after", timers_after },
		{ "on_exit", timers_on_exit },
		{ NULL, NULL },
	};

	lua_pushglobaltable(L);
	luaL_setfuncs(L, globals, 0);
	lua_pop(L, 1);
}
