/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in Lua: maps by name, verbs that attach its functions.  It
 * lives as long as the host (or until close()), not as long as its Lua
 * value: a script that drops the value keeps tracing.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "kernel/signature.h"
#include "lua/embedded.h"
#include "lua/internal.h"

enum { MAX_GLOB_PROBES = 1000 };	/* unless an option says otherwise */

struct program_ud {
	struct program *p;	/* owned by the host's list */
};

static struct program *check_program(lua_State *L)
{
	return check_open(L, 1, TYPE_PROGRAM);
}

/* does "kprobe__vfs_read" attach to "vfs_read"? */
static bool attaches_to(const char *function, const char *target)
{
	const char *behind = strstr(function, "__");

	return behind && strcmp(behind + 2, target) == 0;
}

bool program_is_optional(lua_State *L, const char *function, bool of_kernel)
{
	bool found = false;
	lua_Integer i, n;

	if (lua_getfield(L, LUA_REGISTRYINDEX, OPTIONAL_KEY) != LUA_TTABLE) {
		lua_pop(L, 1);
		return false;
	}
	n = lua_rawlen(L, -1);
	for (i = 1; i <= n && !found; i++) {
		lua_rawgeti(L, -1, i);			/* list, name */
		found = of_kernel ? attaches_to(lua_tostring(L, -1), function) :
			strcmp(lua_tostring(L, -1), function) == 0;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return found;
}

/* a name in `optional` that no function has would go unnoticed. E-PROGRAM */
static int check_optional(lua_State *L, const struct object *obj, struct error *err)
{
	lua_Integer i, n;
	int bad = 0;

	if (lua_getfield(L, LUA_REGISTRYINDEX, OPTIONAL_KEY) != LUA_TTABLE) {
		lua_pop(L, 1);
		return 0;
	}
	n = lua_rawlen(L, -1);
	for (i = 1; i <= n && !bad; i++) {
		lua_rawgeti(L, -1, i);
		if (object_find_program(obj, lua_tostring(L, -1)) < 0)
			bad = error_set(err, "E-PROGRAM", "optional: no function '%s' in the "
				"program", lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return bad;
}

static int set_optional(lua_State *L, struct unit *u, struct error *err)
{
	const struct object *obj = unit_object(u);
	size_t i;

	for (i = 0; i < obj->n_programs; i++) {
		if (program_is_optional(L, obj->programs[i].name, false))
			unit_set_optional(u, i);
	}
	return check_optional(L, obj, err);
}

static void say_note(void *arg, const char *text)
{
	host_flush(arg);
	fprintf(stderr, "moontrace: %s\n", text);
}

struct session *host_session(struct host *h, struct error *err)
{
	struct session_options opts = {
		.note = say_note,
		.note_arg = h,
		.verbose = h->opts->verbose,
		.destructive = h->opts->destructive,
	};

	if (h->session)
		return h->session;
	if (!kernel_sees_our_pids())
		say_note(h, "in this pid namespace (a container's) process ids shown are the "
			"host's, and functions of processes are not found");
	h->session = session_new(h->loop, h->symbols, &opts, err);
	return h->session;
}

int program_push(lua_State *L, struct object *obj)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	struct program_ud *ud = lua_newuserdatauv(L, sizeof(*ud), 1);
	struct program *p, **end;
	struct unit *u;

	ud->p = NULL;
	luaL_setmetatable(L, TYPE_PROGRAM);
	lua_newtable(L);
	lua_setiuservalue(L, -2, 1);		/* its maps */
	if (!host_session(h, &err)) {
		object_free(obj);
		return raise_error(L, &err);
	}
	u = unit_open(h->session, obj, &err);
	if (!u)
		return raise_error(L, &err);
	usdt_set(L, u);
	if (set_optional(L, u, &err) || unit_check_auto(u, &err)) {
		unit_close(u);
		return raise_error(L, &err);
	}
	p = mem_alloc(sizeof(*p));
	p->unit = u;
	for (end = &h->programs; *end; end = &(*end)->next)
		;
	*end = p;
	ud->p = p;
	/* anchored until close() */
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.programs");
	lua_pushvalue(L, -2);
	lua_rawsetp(L, -2, p);
	lua_pop(L, 1);
	return 1;
}

void program_attach(lua_State *L, struct program *p)
{
	struct error err = ERROR_INIT;

	if (p->attached || !p->unit)
		return;
	if (unit_attach_auto(p->unit, &err))
		raise_error(L, &err);
	p->attached = true;
}

size_t check_function(lua_State *L, struct program *p, int idx)
{
	const struct object *obj = unit_object(p->unit);
	const char *name = luaL_checkstring(L, idx);
	struct error err = ERROR_INIT;
	int i = object_find_program(obj, name);

	if (i < 0) {
		struct nearest near;
		size_t k;

		error_set(&err, "E-PROGRAM", "no function '%s' in the program", name);
		nearest_init(&near, name);
		for (k = 0; k < obj->n_programs; k++)
			nearest_offer(&near, obj->programs[k].name);
		error_take_hint(&err, nearest_hint(&near));
		raise_error(L, &err);
	}
	return i;
}

/* ---- attaching ---- */

unsigned host_max_probes(const struct host *h)
{
	return h->opts->max_probes ? h->opts->max_probes : MAX_GLOB_PROBES;
}

struct glob {
	char **names;
	size_t n, max;
	bool more;
};

static bool add_name(void *arg, const char *name)
{
	struct glob *g = arg;

	if (g->n == g->max) {
		g->more = true;
		return false;
	}
	*MEM_GROW(g->names, g->n) = mem_string(name);
	return true;
}

static void glob_release(struct glob *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		free(g->names[i]);
	free(g->names);
}

/* a program that the verifier refuses; no more files: not the probe's fault */
static bool fails_for_all(struct error *err)
{
	if (err->sys == EMFILE && !err->hint)
		error_hint(err, "raise the limit of open files (ulimit -n), or use a narrower "
			"pattern");
	return strcmp(err->tag, "E-VERIFIER") == 0 || err->sys == EMFILE || err->sys == ENFILE;
}

/* attaches what the pattern in probe->name matches; what failed is listed in
 * the link, all failing is an error */
static int attach_glob(lua_State *L, struct program *p, size_t fn, const struct probe *probe)
{
	struct host *h = host_of(L);
	struct probe one = *probe;	/* its name changes, its strings are the caller's */
	struct error err = ERROR_INIT;
	struct glob g = { .max = host_max_probes(h) };
	struct link **links = NULL;
	char **failed = NULL;
	size_t n = 0, n_failed = 0, i;

	if (provider_find(probe->provider)->list(h->session, probe, add_name, &g, &err))
		goto fail;
	if (g.more) {
		error_set(&err, "E-PROBE", "'%s' matches more than %zu probes", probe->name,
			g.max);
		error_hint(&err, "use a narrower pattern, or --max-probes");
		goto fail;
	}
	for (i = 0; i < g.n; i++) {
		struct link *l;

		one.name = g.names[i];
		error_clear(&err);
		/* hundreds take a while */
		if (host_signal())
			goto fail;
		host_progress(i + 1, g.n);
		l = link_attach(p->unit, fn, &one, &err);
		if (l)
			*MEM_GROW(links, n) = l;
		else if (err.tag)
			*MEM_GROW(failed, n_failed) = mem_format("%s: %s", g.names[i], err.text);
		if (err.tag && fails_for_all(&err))
			goto fail;
	}
	if (n == 0) {
		if (!err.tag)
			error_set(&err, "E-PROBE", "'%s:%s' matches nothing on this kernel",
				probe->provider, probe->name);
		goto fail;
	}
	error_clear(&err);
	glob_release(&g);
	link_push(L, links, n, failed, n_failed);
	return 1;
fail:
	while (n > 0)
		link_detach(links[--n]);
	for (i = 0; i < n_failed; i++)
		free(failed[i]);
	free(failed);
	free(links);
	glob_release(&g);
	return err.tag ? raise_error(L, &err) : raise_interrupted(L);
}

static int attach_probe(lua_State *L, struct program *p, size_t fn, struct probe *probe)
{
	struct error err = ERROR_INIT;
	const struct provider *prov = provider_find(probe->provider);
	struct link *l, **links = NULL;
	bool optional;
	size_t n = 0;

	if (probe->name && strpbrk(probe->name, "*?[") && prov->list)
		return attach_glob(L, p, fn, probe);
	optional = probe->optional;
	probe->optional = false;	/* the reason is wanted */
	l = link_attach(p->unit, fn, probe, &err);
	if (!l && optional && strcmp(err.tag, "E-PROBE") == 0)
		return push_failure(L, &err);
	if (!l)
		return raise_error(L, &err);
	*MEM_GROW(links, n) = l;
	link_push(L, links, n, NULL, 0);
	return 1;
}

/* strings of a parsed probe outlive an error: scratch memory of Lua */
static int probe_gc(lua_State *L)
{
	probe_release(lua_touserdata(L, 1));
	return 0;
}

/* pushes and returns it; raises */
static struct probe *push_probe(lua_State *L, const char *spec)
{
	struct error err = ERROR_INIT;
	struct probe *probe = lua_newuserdatauv(L, sizeof(*probe), 0);

	if (probe_parse(spec, probe, &err))
		raise_error(L, &err);
	if (luaL_newmetatable(L, "moontrace.probe")) {
		lua_pushcfunction(L, probe_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return probe;
}

static bool opt_boolean(lua_State *L, int idx, const char *name)
{
	bool v;

	if (!lua_istable(L, idx))
		return false;
	lua_getfield(L, idx, name);
	v = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

/* program:VERB(function, target [, {optional=, offset=}]) */
static int attach_named(lua_State *L, const char *provider)
{
	struct program *p = check_program(L);
	size_t fn = check_function(L, p, 2);
	struct probe probe = { .provider = provider, .cpu = -1, .name = luaL_checkstring(L, 3) };

	if (!lua_isnoneornil(L, 4))
		luaL_checktype(L, 4, LUA_TTABLE);
	probe.optional = opt_boolean(L, 4, "optional");
	if (lua_istable(L, 4)) {
		lua_getfield(L, 4, "offset");
		probe.address = luaL_optinteger(L, -1, 0);
	}
	return attach_probe(L, p, fn, &probe);
}

static int program_kprobe(lua_State *L)
{
	return attach_named(L, "kprobe");
}

static int program_kretprobe(lua_State *L)
{
	return attach_named(L, "kretprobe");
}

static int program_syscall(lua_State *L)
{
	return attach_named(L, "syscall");
}

static int program_sysret(lua_State *L)
{
	return attach_named(L, "sysret");
}

static int program_tracepoint(lua_State *L)
{
	return attach_named(L, "tracepoint");
}

static int program_raw_tracepoint(lua_State *L)
{
	return attach_named(L, "raw_tracepoint");
}

static int program_fentry(lua_State *L)
{
	return attach_named(L, "fentry");
}

static int program_fexit(lua_State *L)
{
	return attach_named(L, "fexit");
}

/* the named options of a table, and no others */
static void check_options(lua_State *L, int idx, const char *const names[])
{
	luaL_checktype(L, idx, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		size_t i;

		for (i = 0; names[i] && strcmp(names[i], name) != 0; i++)
			;
		if (!names[i])
			luaL_argerror(L, idx, lua_pushfstring(L, "unknown option '%s'", name));
		lua_pop(L, 1);
	}
}

/* program:uprobe(function, {path=, sym=|addr=|glob=, pid=}) */
static int attach_user(lua_State *L, const char *provider)
{
	static const char *const names[] = { "path", "sym", "addr", "glob", "pid", "optional",
		NULL };
	struct program *p = check_program(L);
	size_t fn = check_function(L, p, 2);
	struct probe probe = { .provider = provider, .cpu = -1 };

	check_options(L, 3, names);
	lua_settop(L, 3);
	lua_getfield(L, 3, "pid");
	probe.pid = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "path");
	probe.path = luaL_checkstring(L, -1);
	lua_getfield(L, 3, "addr");
	probe.address = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "sym");
	if (lua_isnil(L, -1))
		lua_getfield(L, 3, "glob");
	probe.name = luaL_optstring(L, -1, NULL);
	probe.optional = opt_boolean(L, 3, "optional");
	if (!probe.name && !probe.address)
		return luaL_argerror(L, 3, "one of sym, glob and addr is needed");
	return attach_probe(L, p, fn, &probe);
}

static int program_uprobe(lua_State *L)
{
	return attach_user(L, "uprobe");
}

static int program_uretprobe(lua_State *L)
{
	return attach_user(L, "uretprobe");
}

/* program:usdt(function [, {path=, pid=}]): of bpf.load's rows, perhaps elsewhere */
static int program_usdt(lua_State *L)
{
	struct program *p = check_program(L);
	struct error err = ERROR_INIT;
	struct link **links;
	const char *path;
	size_t n;
	int pid;

	usdt_options(L, &path, &pid);
	if (unit_attach_usdt(p->unit, lua_tostring(L, 2), path, pid, &links, &n, &err))
		return raise_error(L, &err);
	link_push(L, links, n, NULL, 0);
	return 1;
}

/* program:perf_event(function, {event=, frequency=|period=, cpu=, pid=}) */
static int program_perf_event(lua_State *L)
{
	static const char *const names[] = { "event", "frequency", "period", "cpu", "pid", NULL };
	struct program *p = check_program(L);
	size_t fn = check_function(L, p, 2);
	struct probe probe = { .provider = "perf_event" };

	check_options(L, 3, names);
	lua_settop(L, 3);
	lua_getfield(L, 3, "event");
	probe.event = luaL_optstring(L, -1, "cpu-clock");
	lua_getfield(L, 3, "frequency");
	probe.frequency = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "period");
	probe.period = luaL_optinteger(L, -1, 0);
	lua_getfield(L, 3, "cpu");
	probe.cpu = luaL_optinteger(L, -1, -1);
	lua_getfield(L, 3, "pid");
	probe.pid = luaL_optinteger(L, -1, 0);
	if (!probe.frequency == !probe.period)
		return luaL_argerror(L, 3, "one of frequency and period is needed");
	return attach_probe(L, p, fn, &probe);
}

/* program:interval(function, seconds): on one CPU */
static int program_interval(lua_State *L)
{
	struct program *p = check_program(L);
	size_t fn = check_function(L, p, 2);
	lua_Number seconds = luaL_checknumber(L, 3);
	struct probe probe = { .provider = "interval", .cpu = -1 };

	luaL_argcheck(L, seconds >= 0.0001 && seconds <= 86400, 3, "0.0001 to 86400 seconds");
	probe.period = seconds * 1e9;
	return attach_probe(L, p, fn, &probe);
}

/* program:attach(): what attaches by itself, now.
 * program:attach(function, "kprobe:icmp_echo" [, {optional=}]) */
static int program_attach_verb(lua_State *L)
{
	struct program *p = check_program(L);
	struct probe *probe;
	size_t fn;

	if (lua_gettop(L) == 1) {
		program_attach(L, p);
		return 0;
	}
	fn = check_function(L, p, 2);
	lua_settop(L, 4);
	probe = push_probe(L, luaL_checkstring(L, 3));
	probe->optional = opt_boolean(L, 4, "optional");
	return attach_probe(L, p, fn, probe);
}

/* program:functions() -> { {name=, probe=, instructions=, attached=}, ... } */
static int program_functions(lua_State *L)
{
	const struct unit *u = check_program(L)->unit;
	const struct object *obj = unit_object(u);
	size_t i;

	lua_createtable(L, obj->n_programs, 0);
	for (i = 0; i < obj->n_programs; i++) {
		lua_createtable(L, 0, 4);
		lua_pushboolean(L, unit_is_attached(u, i));
		lua_setfield(L, -2, "attached");
		lua_pushstring(L, obj->programs[i].name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, obj->programs[i].probe);
		lua_setfield(L, -2, "probe");
		lua_pushinteger(L, obj->programs[i].n_insns);
		lua_setfield(L, -2, "instructions");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* program:dump() -> text: the object behind it */
static int program_dump(lua_State *L)
{
	struct buf b = BUF_INIT;

	object_dump(unit_object(check_program(L)->unit), &b);
	lua_pushlstring(L, b.data, b.len);
	buf_release(&b);
	return 1;
}

/* ---- maps by name ---- */

static int no_map(lua_State *L, const struct object *obj, const char *name)
{
	struct error err = ERROR_INIT;
	struct nearest near;
	size_t i;

	error_set(&err, "E-MAP", "no map '%s' in the program", name);
	nearest_init(&near, name);
	for (i = 0; i < obj->n_maps; i++)
		nearest_offer(&near, obj->maps[i].name);
	error_take_hint(&err, nearest_hint(&near));
	return raise_error(L, &err);
}

/* pushes the map `name`: its one userdata, kept in the program's user value */
static int push_map(lua_State *L, const char *name)
{
	struct program *p = check_program(L);
	struct map *map;

	lua_getiuservalue(L, 1, 1);
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	map = unit_map(p->unit, name);
	if (!map)
		return no_map(L, unit_object(p->unit), name);
	map_push(L, p, map);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
	return 1;
}

static int program_index(lua_State *L)
{
	const char *name = luaL_checkstring(L, 2);

	/* a closed program has its methods still: close() may come twice */
	luaL_getmetatable(L, TYPE_PROGRAM);
	lua_getfield(L, -1, "methods");
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	return push_map(L, name);
}

/* program:map(name): also for names that are methods */
static int program_map(lua_State *L)
{
	return push_map(L, luaL_checkstring(L, 2));
}

static int program_close(lua_State *L)
{
	struct program_ud *ud = luaL_checkudata(L, 1, TYPE_PROGRAM);
	struct host *h = host_of(L);
	struct program *p = ud->p, **at;

	if (!p)
		return 0;
	if (p->delivering)
		return luaL_error(L, "a program cannot be closed in a callback of its events");
	/* its maps are closed first: they stop delivering events */
	lua_getiuservalue(L, 1, 1);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		luaL_getmetafield(L, -1, "__close");
		lua_insert(L, -2);
		lua_call(L, 1, 0);
	}
	ud->p = NULL;
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.programs");
	lua_pushnil(L);
	lua_rawsetp(L, -2, p);
	for (at = &h->programs; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	unit_close(p->unit);
	free(p);
	return 0;
}

static int program_tostring(lua_State *L)
{
	struct program_ud *ud = luaL_checkudata(L, 1, TYPE_PROGRAM);
	const struct object *obj;

	if (!ud->p) {
		lua_pushliteral(L, "program (closed)");
		return 1;
	}
	obj = unit_object(ud->p->unit);
	lua_pushfstring(L, "program (%d functions, %d maps)", (int)obj->n_programs,
		(int)obj->n_maps);
	return 1;
}

void open_program(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "attach", program_attach_verb },
		{ "close", program_close },
		{ "dump", program_dump },
		{ "fentry", program_fentry },
		{ "fexit", program_fexit },
		{ "functions", program_functions },
		{ "interval", program_interval },
		{ "kprobe", program_kprobe },
		{ "kretprobe", program_kretprobe },
		{ "map", program_map },
		{ "perf_event", program_perf_event },
		{ "raw_tracepoint", program_raw_tracepoint },
		{ "syscall", program_syscall },
		{ "sysret", program_sysret },
		{ "tracepoint", program_tracepoint },
		{ "uprobe", program_uprobe },
		{ "uretprobe", program_uretprobe },
		{ "usdt", program_usdt },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", program_close },
		{ "__index", program_index },
		{ "__tostring", program_tostring },
		{ NULL, NULL },
	};

	/* what is known of kernel functions is needed wherever one is named */
	signature_table_set(embedded_find(embedded_data, "signatures")->text);
	new_type(L, TYPE_PROGRAM, methods, meta);
}
