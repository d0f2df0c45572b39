/* SPDX-License-Identifier: Apache-2.0 */
/* Module bpf: from C text to programs, and the run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/build.h"
#include "cache/bundle.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "kernel/target.h"
#include "lua/facts.h"
#include "lua/internal.h"
#include "object/request.h"

/* ---- bpf.load ---- */

/* a request as scratch memory: an error on the way frees it */
static int request_gc(lua_State *L)
{
	request_release(lua_touserdata(L, 1));
	return 0;
}

static struct request *push_request(lua_State *L)
{
	struct request *req = lua_newuserdatauv(L, sizeof(*req), 0);

	request_init(req);
	if (luaL_newmetatable(L, "moontrace.request")) {
		lua_pushcfunction(L, request_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return req;
}

static void replace(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

/* a copy of the value on the stack: 0.5 * 1e9 is an integer in C */
static void push_define(lua_State *L)
{
	int exact = 0;
	lua_Integer i = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &exact) : 0;

	if (exact)
		lua_pushinteger(L, i);
	else
		lua_pushvalue(L, -1);
}

/* define = { NAME = value }: numbers, booleans (1, absent) and strings */
static void add_defines(lua_State *L, struct request *req, int idx)
{
	size_t i, j;

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "define: names are strings");
		if (lua_type(L, -1) == LUA_TBOOLEAN) {
			if (lua_toboolean(L, -1))
				request_add_define(req, lua_tostring(L, -2), "1");
		} else {
			push_define(L);
			request_add_define(req, lua_tostring(L, -3), luaL_checkstring(L, -1));
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
	}
	/* a table has no order, but the same defines must give the same key */
	for (i = 0; i < req->n_defines; i++) {
		for (j = i + 1; j < req->n_defines; j++) {
			if (strcmp(req->defines[i], req->defines[j]) > 0) {
				char *t = req->defines[i];

				req->defines[i] = req->defines[j];
				req->defines[j] = t;
			}
		}
	}
}

static void add_strings(lua_State *L, int idx, char ***list, size_t *n)
{
	lua_Integer i, count;

	luaL_checktype(L, idx, LUA_TTABLE);
	count = luaL_len(L, idx);
	for (i = 1; i <= count; i++) {
		lua_rawgeti(L, idx, i);
		*MEM_GROW(*list, *n) = mem_string(luaL_checkstring(L, -1));
		lua_pop(L, 1);
	}
}

/* text and its place */
static void set_text(lua_State *L, struct request *req, const char *text)
{
	unsigned line = host_locate_text(L, text);

	replace(&req->text, text);
	replace(&req->file, lua_tostring(L, -1));
	req->line = line ? line : 1;
	lua_pop(L, 1);
}

static int read_file(struct host *h, const char *path, struct buf *text, struct error *err)
{
	const char *bundled = h->opts->bundle ? bundle_file(h->opts->bundle, path) : NULL;

	if (bundled)
		buf_adds(text, bundled);
	else if (h->opts->bundle)
		return error_set(err, "E-BUNDLE", "no file '%s' in this bundle", path);
	else if (file_read_safe(path, 16 << 20, text, err))
		return -1;
	if (h->opts->collect)
		bundle_add_file(h->opts->collect, path, text->len ? text->data : "");
	return 0;
}

static void read_text(lua_State *L, struct request *req, const char *path)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;

	if (read_file(host_of(L), path, &text, &err)) {
		buf_release(&text);
		raise_error(L, &err);
	}
	replace(&req->file, path);
	free(req->text);
	req->text = buf_take(&text, NULL);
	req->line = 1;
}

/* functions that attach by themselves, and need not: kept while the text is being loaded */
static void keep_optional(lua_State *L)
{
	lua_Integer i, n;

	luaL_checktype(L, -1, LUA_TTABLE);
	n = luaL_len(L, -1);
	lua_createtable(L, n, 0);		/* list, copy */
	for (i = 1; i <= n; i++) {
		lua_rawgeti(L, -2, i);
		luaL_checktype(L, -1, LUA_TSTRING);
		lua_rawseti(L, -2, i);
	}
	lua_setfield(L, LUA_REGISTRYINDEX, OPTIONAL_KEY);
}

static void read_options(lua_State *L, struct request *req)
{
	static const char *const known[] = { "text", "file", "define", "cflags", "include",
		"optional", "usdt", NULL };

	lua_pushnil(L);
	while (lua_next(L, 1)) {
		luaL_checktype(L, -2, LUA_TSTRING);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		luaL_checkoption(L, -1, NULL, known);
		lua_pop(L, 1);
	}
	if (lua_getfield(L, 1, "text") != LUA_TNIL)
		set_text(L, req, luaL_checkstring(L, -1));
	else if (lua_getfield(L, 1, "file") != LUA_TNIL)
		read_text(L, req, luaL_checkstring(L, -1));
	else
		luaL_argerror(L, 1, "text or file is needed");
	if (lua_getfield(L, 1, "define") != LUA_TNIL) {
		luaL_checktype(L, -1, LUA_TTABLE);
		add_defines(L, req, lua_gettop(L));
	}
	if (lua_getfield(L, 1, "cflags") != LUA_TNIL)
		add_strings(L, lua_gettop(L), &req->cflags, &req->n_cflags);
	if (lua_getfield(L, 1, "include") != LUA_TNIL)
		add_strings(L, lua_gettop(L), &req->includes, &req->n_includes);
	if (lua_getfield(L, 1, "optional") != LUA_TNIL)
		keep_optional(L);
	if (lua_getfield(L, 1, "usdt") != LUA_TNIL)
		usdt_read(L, req);
}

void host_build_options(struct host *h, struct build_options *ret)
{
	*ret = (struct build_options){
		.compiler = h->opts->compiler,
		.cache_dir = h->opts->cache_dir,
		.no_cache = h->opts->no_cache,
		.complete = facts_complete,
		.arg = h,
	};
}

/*
 * bpf.load(text) or bpf.load{text=|file=, define={}, cflags={}, include={}, usdt={}}
 * -> program.  Raises: E-COMPILE, E-HEADERS, E-PROBE, E-VERIFIER, E-PERM...
 */
static int bpf_load(lua_State *L)
{
	struct host *h = host_of(L);
	struct build_options opts;
	struct error err = ERROR_INIT;
	struct buf warnings = BUF_INIT;
	struct request *req;
	struct object *obj;

	lua_settop(L, 1);
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, OPTIONAL_KEY);
	usdt_forget(L);
	req = push_request(L);
	if (lua_type(L, 1) == LUA_TSTRING) {
		set_text(L, req, lua_tostring(L, 1));
	} else {
		luaL_checktype(L, 1, LUA_TTABLE);
		read_options(L, req);
	}
	if (h->dry)
		return dry_load(L, 2);
	if (kernel_may_trace(&err) || facts_add(h, req, &warnings, &err))
		return raise_error(L, &err);
	host_build_options(h, &opts);
	obj = h->opts->bundle ? bundle_object(h->opts->bundle, req, &err) :
		build_object(req, &opts, &warnings, &err);
	if (warnings.len)
		fputs(warnings.data, stderr);
	buf_release(&warnings);
	if (!obj && host_signal()) {	/* Ctrl-C ends the compiler, too */
		error_clear(&err);
		return raise_interrupted(L);
	}
	if (!obj)
		return raise_error(L, &err);
	return program_push(L, obj);
}

/* ---- bpf.run ---- */

/* calls the on_exit functions, in the order they were registered */
static void call_on_exit(struct host *h)
{
	lua_State *L = h->L;
	lua_Integer i;

	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.on_exit");
	for (i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
		lua_rawgeti(L, -1, i);
		if (!host_call(h, 0, 0))
			break;
	}
	lua_pop(L, 1);
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, "moontrace.on_exit");
}

/* of programs and of the kernel's own tracers */
static int all_losses(struct host *h, struct losses *ret, struct error *err)
{
	memset(ret, 0, sizeof(*ret));
	if (h->session && session_losses(h->session, ret, err))
		return -1;
	ret->perf_lost += tracers_lost(h);
	return 0;
}

static void report_losses(struct host *h)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct losses losses;

	if (all_losses(h, &losses, &err)) {
		error_clear(&err);
		return;
	}
	h->lost = losses_any(&losses);
	if (h->lost) {
		losses_format(&losses, &text);
		host_flush(h);
		fprintf(stderr, "moontrace: %s\n", text.data);
		buf_release(&text);
	}
}

static void on_run_end(void *arg, uint64_t missed)
{
	struct host *h = arg;

	(void)missed;
	h->end = NULL;		/* the loop removes it behind us */
	h->stopped = true;
	loop_stop(h->loop);
}

/* everything attaches, then everything starts; raises */
static void begin_run(lua_State *L, struct host *h)
{
	struct error err = ERROR_INIT;
	struct program *p;

	for (p = h->programs; p; p = p->next) {
		p->of_run = !p->attached;
		program_attach(L, p);
	}
	h->running = true;
	h->ran = true;
	h->stopped = host_signal() != 0;
	lua_getfield(L, LUA_REGISTRYINDEX, "moontrace.sinks");
	if (lua_istable(L, -1)) {
		lua_Integer i;

		for (i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
			lua_rawgeti(L, -1, i);
			columns_header(h, lua_touserdata(L, -1));
			lua_pop(L, 1);
		}
		lua_pushnil(L);
		lua_setfield(L, LUA_REGISTRYINDEX, "moontrace.sinks");
	}
	lua_pop(L, 1);
	if (!timers_start(h, &err)) {
		h->running = false;
		raise_error(L, &err);
	}
}

/* Ctrl-C ended the run, not what the prompt has in hand */
static void prompt_again(struct host *h)
{
	host_take_interrupt(h);
	h->stopped = false;
}

/* does a function of it attach by itself? */
static bool attaches_itself(const struct program *p)
{
	const struct object *obj = unit_object(p->unit);
	size_t i;

	for (i = 0; i < obj->n_programs && !obj->programs[i].probe; i++)
		;
	return i < obj->n_programs;
}

/* at the prompt only what the run began ends with it; another run attaches again */
static void end_probes(struct host *h)
{
	struct program *p;

	tracers_stop(h);
	if (h->editor) {
		for (p = h->programs; p; p = p->next) {
			if (!p->of_run || !attaches_itself(p))
				continue;
			unit_stop(p->unit);
			p->attached = false;
		}
		return;
	}
	if (h->session)
		session_stop(h->session);
	timers_stop(h);
	for (p = h->programs; p; p = p->next)
		p->attached = false;
}

/*
 * bpf.run([seconds]): attaches, and runs until Ctrl-C, bpf.stop(), or the
 * seconds are over. Then probes are stopped, what is in the buffers is
 * delivered, on_exit functions run, and losses are reported. An error in a
 * callback ends the run and is raised here. Afterwards maps are readable.
 */
static int bpf_run(lua_State *L)
{
	lua_Number seconds = luaL_optnumber(L, 1, 0);
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	int bad = 0;

	if (h->dry)
		return dry_run(L);
	luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds");
	if (h->running)
		return luaL_error(L, "bpf.run is running already");
	begin_run(L, h);
	host_flush(h);
	if (seconds > 0) {
		h->end = loop_add_timer(h->loop, seconds * 1e9, 0, on_run_end, h, &err);
		bad = h->end ? 0 : -1;
	}
	if (!bad && !host_should_stop(h))
		bad = loop_run(h->loop, &err);
	source_remove(h->end);
	h->end = NULL;
	end_probes(h);
	screen_close(h);
	/* what is left may take its time; a second signal ends it */
	host_end_interrupt(h);
	if (h->failure == LUA_NOREF && !bad)
		call_on_exit(h);
	h->running = false;
	if (h->editor)
		prompt_again(h);
	report_losses(h);
	host_flush(h);
	if (h->failure != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->failure);
		luaL_unref(L, LUA_REGISTRYINDEX, h->failure);
		h->failure = LUA_NOREF;
		error_clear(&err);
		return lua_error(L);
	}
	if (bad)
		return raise_error(L, &err);
	return 0;
}

/* bpf.stop(): the run ends as if Ctrl-C had been pressed */
static int bpf_stop(lua_State *L)
{
	struct host *h = host_of(L);

	h->stopped = true;
	if (h->running)
		loop_stop(h->loop);
	return 0;
}

/* bpf.losses() -> {emitted=, received=, lost=, submit_failed=, missed=, ...} */
static int bpf_losses(lua_State *L)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	struct losses losses;
	int i;

	if (all_losses(h, &losses, &err))
		return push_failure(L, &err);
	lua_createtable(L, 0, 10);
	lua_pushinteger(L, losses.emitted);
	lua_setfield(L, -2, "emitted");
	lua_pushinteger(L, losses.received);
	lua_setfield(L, -2, "received");
	lua_pushinteger(L, losses.perf_lost);
	lua_setfield(L, -2, "lost");
	lua_pushinteger(L, losses.submit_failed);
	lua_setfield(L, -2, "submit_failed");
	lua_pushinteger(L, losses.missed);
	lua_setfield(L, -2, "missed");
	for (i = 0; i < LOSS_KINDS; i++) {
		lua_pushinteger(L, losses.kind[i]);
		lua_setfield(L, -2, loss_names[i]);
	}
	return 1;
}

/* bpf.probe(spec) -> true, or nil, message, tag: would it attach here */
static int bpf_probe(lua_State *L)
{
	struct error err = ERROR_INIT;
	const char *spec = luaL_checkstring(L, 1);
	struct host *h = host_of(L);
	struct probe probe;
	int bad;

	if (h->dry)
		return dry_probe(L, spec);
	if (!host_session(h, &err) || probe_parse(spec, &probe, &err))
		return push_failure(L, &err);
	bad = provider_find(probe.provider)->check(h->session, &probe, &err);
	probe_release(&probe);
	if (bad)
		return push_failure(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

/* bpf.feature(name) -> true, false, or nil and why it could not be told */
static int bpf_feature(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *reason = NULL;
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	int i;

	if (h->dry && !host_target(h, &err))
		return raise_error(L, &err);

	for (i = 0; i < FEATURE_COUNT; i++) {
		if (strcmp(feature_rows[i].name, name) != 0)
			continue;
		switch (h->dry ? target_feature(h->target, feature_rows[i].id, &reason) :
			feature_answer(feature_rows[i].id, &reason)) {
		case ANSWER_YES:
			lua_pushboolean(L, 1);
			return 1;
		case ANSWER_NO:
			lua_pushboolean(L, 0);
			lua_pushstring(L, reason);
			return 2;
		default:
			lua_pushnil(L);
			lua_pushstring(L, reason);
			return 2;
		}
	}
	return luaL_argerror(L, 1, "no such feature");
}

int open_bpf(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "feature", bpf_feature },
		{ "load", bpf_load },
		{ "losses", bpf_losses },
		{ "probe", bpf_probe },
		{ "run", bpf_run },
		{ "stop", bpf_stop },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}
