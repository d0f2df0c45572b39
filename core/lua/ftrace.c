/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module ftrace: the kernel's own tracers, over core/load's journal of their
 * settings.  trace_pipe is looked at by a timer: waiting at it would make the
 * kernel wake us at each record, or since 5.16 when the buffer is half full.
 */
#include "load/ftrace.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "lua/internal.h"

#define TYPE_TRACER "moontrace.tracer"

enum { LOOK_NS = 50 * 1000 * 1000, LOOK_BYTES = 1 << 20 };

/* the userdata; in the host's list until it is closed */
struct tracer {
	struct ftrace *f;		/* NULL: closed, or a dry run */
	struct tracer *next;
	struct host *h;
	struct source *source;		/* timer, while lines are read */
	struct buf text;		/* a line that is not yet whole */
	int fn, self;			/* registry refs, or LUA_NOREF */
	uint64_t marked;		/* events that [LOST n EVENTS] told */
	bool dry, busy;			/* busy: its function is running */
};

static struct tracer *check_tracer(lua_State *L)
{
	struct tracer *t = luaL_checkudata(L, 1, TYPE_TRACER);

	if (!t->f && !t->dry)
		luaL_error(L, "this tracer is closed");
	return t;
}

/* ---- lines ---- */

/* raises the error that is kept at the light userdata */
static int raise_kept(lua_State *L)
{
	return raise_error(L, lua_touserdata(L, 1));
}

/* "CPU:1 [LOST 312 EVENTS]" */
static void count_mark(struct tracer *t, const char *line)
{
	const char *mark = str_starts(line, "CPU:") ? strstr(line, "[LOST ") : NULL;

	if (mark)
		t->marked += strtoull(mark + strlen("[LOST "), NULL, 10);
}

static bool deliver_line(struct tracer *t, const char *line, size_t n)
{
	lua_State *L = t->h->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, t->fn);
	lua_pushlstring(L, line, n);
	return host_call(t->h, 1, 0);
}

/* the whole lines of the text; the function may close the tracer */
static void deliver(struct tracer *t)
{
	size_t at = 0;
	char *end;

	t->busy = true;
	while (t->f && (end = memchr(t->text.data + at, '\n', t->text.len - at)) != NULL) {
		char *line = t->text.data + at;

		*end = '\0';
		at = end + 1 - t->text.data;
		count_mark(t, line);
		if (!deliver_line(t, line, end - line))
			break;
	}
	t->busy = false;
	memmove(t->text.data, t->text.data + at, t->text.len - at);
	t->text.len -= at;
}

/* is there more? */
static bool look(struct tracer *t)
{
	struct error err = ERROR_INIT;
	int more = ftrace_read(t->f, LOOK_BYTES, &t->text, &err);

	if (more < 0) {
		lua_pushcfunction(t->h->L, raise_kept);
		lua_pushlightuserdata(t->h->L, &err);
		host_call(t->h, 1, 0);
		return false;
	}
	deliver(t);
	return more > 0 && t->f;
}

static void on_tick(void *arg, uint64_t missed)
{
	(void)missed;
	look(arg);
}

static void stop_lines(struct tracer *t)
{
	source_remove(t->source);
	t->source = NULL;
	luaL_unref(t->h->L, LUA_REGISTRYINDEX, t->fn);
	luaL_unref(t->h->L, LUA_REGISTRYINDEX, t->self);
	t->fn = t->self = LUA_NOREF;
}

static bool goes_on(const struct host *h)
{
	return h->failure == LUA_NOREF && !h->broken_pipe && !h->output_error;
}

/*
 * Not so the graph tracer: a call whose entry finds no buffer marks its task
 * as "inside" for good (since 5.0), and all that it calls later is traced.
 */
static void stop_tracing(struct tracer *t)
{
	struct error err = ERROR_INIT;
	struct buf tracer = BUF_INIT;

	if (ftrace_get(t->f, "current_tracer", &tracer, &err) ||
		strcmp(tracer.data, "function_graph") != 0)
		ftrace_set(t->f, "tracing_on", "0", &err);
	error_clear(&err);
	buf_release(&tracer);
}

/* where it goes on, what is there now is read; lines do not count records, several may be one */
void tracers_stop(struct host *h)
{
	struct tracer *t, *next;

	for (t = h->tracers; t; t = next) {
		next = t->next;
		if (!t->source)
			continue;
		stop_tracing(t);
		ftrace_mark(t->f);
		while (goes_on(h) && look(t) && !ftrace_is_read(t->f))
			;
		if (t->f)
			stop_lines(t);
	}
}

/* t:lines(fn): fn(line) for each line of trace_pipe, from now to the end of the run */
static int tracer_lines(lua_State *L)
{
	struct tracer *t = check_tracer(L);
	struct error err = ERROR_INIT;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	if (t->dry)
		goto done;
	if (t->source)
		return luaL_error(L, "its lines are read already");
	if (ftrace_read(t->f, 0, &t->text, &err) < 0)
		return push_failure(L, &err);
	t->source = loop_add_timer(t->h->loop, LOOK_NS, LOOK_NS, on_tick, t, &err);
	if (!t->source)
		return push_failure(L, &err);
	t->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	t->self = luaL_ref(L, LUA_REGISTRYINDEX);
done:
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- losses ---- */

static uint64_t lost_of(struct tracer *t)
{
	struct ftrace_losses lost = { 0, 0 };

	if (t->f)
		ftrace_lost(t->f, &lost);
	return lost.overrun + lost.dropped;
}

uint64_t tracers_lost(struct host *h)
{
	uint64_t sum = h->trace_lost;
	struct tracer *t;

	for (t = h->tracers; t; t = t->next)
		sum += lost_of(t);
	return sum;
}

/* t:lost() -> {overrun=, dropped=, marked=} */
static int tracer_lost(lua_State *L)
{
	struct tracer *t = check_tracer(L);
	struct ftrace_losses lost = { 0, 0 };

	if (t->f)
		ftrace_lost(t->f, &lost);
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, lost.overrun);
	lua_setfield(L, -2, "overrun");
	lua_pushinteger(L, lost.dropped);
	lua_setfield(L, -2, "dropped");
	lua_pushinteger(L, t->marked);
	lua_setfield(L, -2, "marked");
	return 1;
}

/* ---- settings ---- */

/* t:set(file, value) -> true, or nil, message, tag */
static int tracer_set(lua_State *L)
{
	struct tracer *t = check_tracer(L);
	const char *file = luaL_checkstring(L, 2), *value = luaL_checkstring(L, 3);
	struct error err = ERROR_INIT;

	if (t->f && ftrace_set(t->f, file, value, &err))
		return push_failure(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

/* t:get(file) -> its value as set() takes it, or nil, message, tag */
static int tracer_get(lua_State *L)
{
	struct tracer *t = check_tracer(L);
	const char *file = luaL_checkstring(L, 2);
	struct error err = ERROR_INIT;
	struct buf value = BUF_INIT;
	int bad = t->f ? ftrace_get(t->f, file, &value, &err) : 0;

	if (!bad)
		lua_pushlstring(L, value.data, value.len);
	buf_release(&value);
	return bad ? push_failure(L, &err) : 1;
}

/* t:path() -> its directory; in a dry run an empty text */
static int tracer_path(lua_State *L)
{
	struct tracer *t = check_tracer(L);

	lua_pushstring(L, t->f ? ftrace_path(t->f) : "");
	return 1;
}

/* ---- the end ---- */

static void forget(struct tracer *t)
{
	struct tracer **at;

	for (at = &t->h->tracers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			return;
		}
	}
}

static int end_tracer(struct tracer *t, struct error *err)
{
	struct ftrace *f = t->f;

	if (!f)
		return 0;
	t->h->trace_lost += lost_of(t);
	forget(t);
	t->f = NULL;
	stop_lines(t);
	return ftrace_close(f, err);
}

/* t:close() -> true when all is as it was, or nil, message, tag */
static int tracer_close(lua_State *L)
{
	struct tracer *t = luaL_checkudata(L, 1, TYPE_TRACER);
	struct error err = ERROR_INIT;

	if (end_tracer(t, &err))
		return push_failure(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

/* where nobody takes an error */
static void end_and_say(struct tracer *t)
{
	struct error err = ERROR_INIT;

	if (end_tracer(t, &err)) {
		fprintf(stderr, "moontrace: %s\n", err.text);
		error_clear(&err);
	}
}

void tracers_close(struct host *h)
{
	while (h->tracers)
		end_and_say(h->tracers);
}

static int tracer_gc(lua_State *L)
{
	struct tracer *t = luaL_checkudata(L, 1, TYPE_TRACER);

	end_and_say(t);
	if (!t->busy)
		buf_release(&t->text);
	return 0;
}

/* ---- opening ---- */

static bool option(lua_State *L, const char *name)
{
	bool set;

	lua_getfield(L, 1, name);
	set = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return set;
}

/* ftrace.open{instance=, graph=, force=} -> a tracer, or nil, message, tag */
static int ftrace_open_verb(lua_State *L)
{
	struct ftrace_options opts = { 0 };
	struct error err = ERROR_INIT;
	struct tracer *t;

	if (!lua_isnoneornil(L, 1)) {
		luaL_checktype(L, 1, LUA_TTABLE);
		opts.instance = option(L, "instance");
		opts.graph = option(L, "graph");
		opts.force = option(L, "force");
	}
	t = lua_newuserdatauv(L, sizeof(*t), 0);
	memset(t, 0, sizeof(*t));
	buf_init(&t->text);
	t->h = host_of(L);
	t->fn = t->self = LUA_NOREF;
	t->dry = t->h->dry != NULL;
	luaL_setmetatable(L, TYPE_TRACER);
	if (t->dry) {
		dry_traces(t->h->dry);
		return 1;
	}
	t->f = ftrace_open(&opts, &err);
	if (!t->f)
		return push_failure(L, &err);
	t->next = t->h->tracers;
	t->h->tracers = t;
	return 1;
}

static void open_tracer(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "close", tracer_close },
		{ "get", tracer_get },
		{ "lines", tracer_lines },
		{ "lost", tracer_lost },
		{ "path", tracer_path },
		{ "set", tracer_set },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", tracer_gc },
		{ "__gc", tracer_gc },
		{ NULL, NULL },
	};

	new_type(L, TYPE_TRACER, methods, meta);
}

int open_ftrace(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", ftrace_open_verb },
		{ NULL, NULL },
	};

	open_tracer(L);
	luaL_newlib(L, functions);
	return 1;
}
