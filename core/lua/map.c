/* SPDX-License-Identifier: Apache-2.0 */
/* Maps in Lua: m[key], pairs, snapshot, drain, top, per-CPU values, stacks, events. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rank.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "lua/internal.h"
#include "lua/value.h"

struct map_ud {
	struct map *map;		/* first: check_open; NULL once closed */
	struct host *h;
	struct program *p;
	const struct types *types;
	struct plan *key, *value;	/* owned */
	size_t stride;			/* bytes of one CPU's value; 0: not per CPU */
	void *key_buf, *value_buf;	/* owned: one key, one value as user space reads it */
	struct events *events;		/* owned by the session */
	struct columns *columns;	/* owned by the sink's userdata */
	int sink;			/* registry ref of the sink or function */
	struct buf text;		/* scratch of folded() */
};

static struct map_ud *check_map(lua_State *L)
{
	check_open(L, 1, TYPE_MAP);
	return lua_touserdata(L, 1);
}

void map_push(lua_State *L, struct program *p, struct map *map)
{
	const struct object_map *def = map_def(map);
	struct error err = ERROR_INIT;
	struct map_ud *ud = lua_newuserdatauv(L, sizeof(*ud), 0);

	memset(ud, 0, sizeof(*ud));
	ud->sink = LUA_NOREF;
	luaL_setmetatable(L, TYPE_MAP);
	ud->h = host_of(L);
	ud->p = p;
	ud->types = unit_object(p->unit)->types;
	ud->key = plan_new(ud->types, def->key_size ? def->key_type : 0, def->key_size, &err);
	if (!ud->key)
		raise_error(L, &err);
	if (def->role != MAP_EVENTS)
		ud->value = plan_new(ud->types, def->value_type, def->value_size, &err);
	else if (def->value_type)
		ud->value = plan_new(ud->types, def->value_type,
			types_size(ud->types, def->value_type), &err);
	if (!ud->value && err.tag)
		raise_error(L, &err);
	if (map_is_percpu(map))
		ud->stride = (def->value_size + 7) & ~(size_t)7;
	buf_init(&ud->text);
	ud->key_buf = mem_alloc(def->key_size);
	ud->value_buf = mem_alloc(map_value_bytes(map));
	ud->map = map;
}

/* ---- values ---- */

/* the value of all CPUs as one: numbers are summed, the rest is the first CPU's */
static const void *whole_value(struct map_ud *ud, const char *value, char *scratch)
{
	unsigned cpus, i;

	if (!ud->stride)
		return value;
	cpus = map_value_bytes(ud->map) / ud->stride;
	memcpy(scratch, value, ud->value->size);
	for (i = 1; i < cpus; i++)
		value_add(ud->value, scratch, value + i * ud->stride);
	return scratch;
}

static void push_value(lua_State *L, struct map_ud *ud, const char *value)
{
	char scratch[4096];
	void *big = NULL;

	if (ud->stride && ud->value->size > sizeof(scratch))
		big = lua_newuserdatauv(L, ud->value->size, 0);
	value_push(L, ud->value, whole_value(ud, value, big ? big : scratch));
	if (big)
		lua_remove(L, -2);
}

static void check_kind(lua_State *L, struct map_ud *ud, bool ok, const char *what)
{
	struct error err = ERROR_INIT;

	if (ok)
		return;
	error_set(&err, "E-MAP", "map '%s' cannot be %s", map_name(ud->map), what);
	raise_error(L, &err);
}

static bool has_entries(const struct map_ud *ud)
{
	switch (map_def(ud->map)->type) {
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
		return false;
	default:
		return true;
	}
}

static void store_key(lua_State *L, struct map_ud *ud, int idx)
{
	struct error err = ERROR_INIT;

	if (value_store(L, idx, ud->key, ud->key_buf, "key", &err)) {
		error_wrap(&err, "map '%s'", map_name(ud->map));
		raise_error(L, &err);
	}
}

static int get_entry(lua_State *L, struct map_ud *ud, int idx)
{
	struct error err = ERROR_INIT;
	int found;

	check_kind(L, ud, has_entries(ud), "indexed");
	store_key(L, ud, idx);
	found = map_lookup(ud->map, ud->key_buf, ud->value_buf, &err);
	if (found < 0)
		return raise_error(L, &err);
	return found;
}

/* map:get(key) -> value, or nil */
static int map_get(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	if (get_entry(L, ud, 2))
		push_value(L, ud, ud->value_buf);
	else
		lua_pushnil(L);
	return 1;
}

/* map:percpu(key) -> list of the values by CPU, or nil */
static int map_percpu(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	size_t i, cpus;

	check_kind(L, ud, ud->stride != 0, "read by CPU: it is no per-CPU map");
	if (!get_entry(L, ud, 2)) {
		lua_pushnil(L);
		return 1;
	}
	cpus = map_value_bytes(ud->map) / ud->stride;
	lua_createtable(L, cpus, 0);
	for (i = 0; i < cpus; i++) {
		value_push(L, ud->value, (char *)ud->value_buf + i * ud->stride);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* a per-CPU value is written to the first CPU, the others become zero, so
 * that the sum is what was written; a list gives each CPU's own */
static void store_value(lua_State *L, struct map_ud *ud, int idx)
{
	struct error err = ERROR_INIT;
	size_t i, cpus;
	int bad = 0;

	memset(ud->value_buf, 0, map_value_bytes(ud->map));
	if (ud->stride && lua_istable(L, idx) && lua_rawlen(L, idx) > 0 &&
		ud->value->ops[0].code != PLAN_OPEN_ARRAY && !ud->value->ops[0].is_array) {
		cpus = map_value_bytes(ud->map) / ud->stride;
		for (i = 0; i < cpus && !bad; i++) {
			lua_rawgeti(L, idx, i + 1);
			if (!lua_isnil(L, -1))
				bad = value_store(L, -1, ud->value,
					(char *)ud->value_buf + i * ud->stride, "value", &err);
			lua_pop(L, 1);
		}
	} else {
		bad = value_store(L, idx, ud->value, ud->value_buf, "value", &err);
	}
	if (bad) {
		error_wrap(&err, "map '%s'", map_name(ud->map));
		raise_error(L, &err);
	}
}

static int set_program_slot(lua_State *L, struct map_ud *ud)
{
	struct error err = ERROR_INIT;
	const struct object *obj = unit_object(ud->p->unit);
	size_t fn = check_function(L, ud->p, 3), i;
	uint32_t type = 0, slot = luaL_checkinteger(L, 2);

	/* a tail call stays in the program type of who calls: that of the
	 * program's self-attaching functions */
	for (i = 0; i < obj->n_programs && !type; i++) {
		struct probe probe;

		if (!obj->programs[i].probe || probe_parse(obj->programs[i].probe, &probe, &err))
			continue;
		type = provider_find(probe.provider)->prog_type;
		probe_release(&probe);
	}
	if (lua_isstring(L, 4)) {
		const struct provider *prov = provider_find(lua_tostring(L, 4));

		luaL_argcheck(L, prov, 4, "no such provider");
		type = prov->prog_type;
	}
	luaL_argcheck(L, type, 4, "name the provider of the calling function, e.g. \"kprobe\"");
	error_clear(&err);
	if (map_set_program(ud->map, slot, ud->p->unit, fn, type, &err))
		return raise_error(L, &err);
	return 0;
}

/* map:set(key, value); value nil deletes. For a prog array:
 * map:set(slot, "function" [, "kprobe"]) */
static int map_set(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	struct error err = ERROR_INIT;

	if (map_def(ud->map)->type == BPF_MAP_TYPE_PROG_ARRAY)
		return set_program_slot(L, ud);
	check_kind(L, ud, has_entries(ud), "written");
	store_key(L, ud, 2);
	if (lua_isnoneornil(L, 3)) {
		if (map_delete(ud->map, ud->key_buf, &err) < 0)
			return raise_error(L, &err);
		return 0;
	}
	store_value(L, ud, 3);
	if (map_update(ud->map, ud->key_buf, ud->value_buf, &err))
		return raise_error(L, &err);
	return 0;
}

/* map:delete(key) -> was it there; of a stack trace map, too: its id is free again */
static int map_delete_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	bool stacks = map_def(ud->map)->type == BPF_MAP_TYPE_STACK_TRACE;
	struct error err = ERROR_INIT;
	int found;

	check_kind(L, ud, stacks || has_entries(ud), "written");
	store_key(L, ud, 2);
	found = map_delete(ud->map, ud->key_buf, &err);
	if (found < 0)
		return raise_error(L, &err);
	lua_pushboolean(L, found);
	return 1;
}

/* ---- many entries ---- */

struct copy_ud {
	struct map_copy copy;
	size_t next;
	struct rank *order;			/* or NULL: as read */
};

static int copy_gc(lua_State *L)
{
	struct copy_ud *c = lua_touserdata(L, 1);

	map_copy_release(&c->copy);
	free(c->order);
	c->order = NULL;
	return 0;
}

typedef int copy_function(struct map *m, struct map_copy *ret, struct error *err);

/* pushes a scratch userdata that owns a copy of the map, as `copy` makes it */
static struct copy_ud *push_copy(lua_State *L, struct map_ud *ud, copy_function *copy)
{
	struct error err = ERROR_INIT;
	struct copy_ud *c;

	check_kind(L, ud, has_entries(ud), copy == map_drain ? "drained" : "read");
	c = lua_newuserdatauv(L, sizeof(*c), 0);
	memset(c, 0, sizeof(*c));
	if (luaL_newmetatable(L, "moontrace.copy")) {
		lua_pushcfunction(L, copy_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	if (copy(ud->map, &c->copy, &err))
		raise_error(L, &err);
	return c;
}

static void push_entry(lua_State *L, struct map_ud *ud, const struct map_copy *c, size_t i)
{
	value_push(L, ud->key, c->keys + i * ud->key->size);
	push_value(L, ud, c->values + i * map_value_bytes(ud->map));
}

/* copy -> { {key=, value=}, ... }; `max` first ones in the copy's order */
static int push_list(lua_State *L, struct map_ud *ud, struct copy_ud *c, size_t max)
{
	size_t i, n = c->copy.n < max ? c->copy.n : max;

	lua_createtable(L, n, 0);
	for (i = 0; i < n; i++) {
		lua_createtable(L, 0, 2);
		push_entry(L, ud, &c->copy, c->order ? c->order[i].i : i);
		lua_setfield(L, -3, "value");
		lua_setfield(L, -2, "key");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* map:snapshot() -> { {key=, value=}, ... } */
static int map_snapshot(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	return push_list(L, ud, push_copy(L, ud, map_copy_all), SIZE_MAX);
}

/* map:drain(): the same, and the map is empty behind it */
static int map_drain_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	return push_list(L, ud, push_copy(L, ud, map_drain), SIZE_MAX);
}

/* map:delta(): what programs added to each element since the last time */
static int map_delta_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	return push_list(L, ud, push_copy(L, ud, map_delta), SIZE_MAX);
}

/* sorts a copy by a number of its values, largest first */
static void order_copy(lua_State *L, struct map_ud *ud, struct copy_ud *c, const char *by)
{
	struct error err = ERROR_INIT;
	char *scratch = lua_newuserdatauv(L, ud->value->size, 0);
	struct plan_op op = ud->value->ops[0];
	size_t i;

	if (by && plan_find(ud->value, by, &op, &err))
		raise_error(L, &err);
	if (op.code > PLAN_BITS || op.is_array || op.code == PLAN_FLOAT) {
		error_set(&err, "E-FIELD", "map '%s': name the number to sort by",
			map_name(ud->map));
		raise_error(L, &err);
	}
	c->order = mem_array(c->copy.n, sizeof(*c->order));
	for (i = 0; i < c->copy.n; i++) {
		const char *value = c->copy.values + i * map_value_bytes(ud->map);

		c->order[i].i = i;
		c->order[i].value = plan_scalar(&op, whole_value(ud, value, scratch), 0);
		if (op.code == PLAN_INT || op.code == PLAN_BITS || op.is_signed)
			c->order[i].value ^= 1ull << 63;
	}
	rank_sort(c->order, c->copy.n);
}

/* map:top(n [, by]) -> the n entries with the largest value (or member `by`) */
static int map_top(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	lua_Integer n = luaL_optinteger(L, 2, LUA_MAXINTEGER);
	const char *by = luaL_optstring(L, 3, NULL);
	struct copy_ud *c;

	luaL_argcheck(L, n >= 0, 2, "a count");
	c = push_copy(L, ud, map_copy_all);
	order_copy(L, ud, c, by);
	return push_list(L, ud, c, n);
}

/* the options of map:print; leaves them on the stack */
struct print_options {
	lua_Integer top;
	const char *by;
	bool drain;
};

static void read_print_options(lua_State *L, int idx, struct print_options *ret)
{
	static const char *const known[] = { "top", "by", "drain", NULL };

	*ret = (struct print_options){ .top = LUA_MAXINTEGER };
	if (lua_isnoneornil(L, idx))
		return;
	luaL_checktype(L, idx, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		luaL_checkoption(L, -1, NULL, known);
		lua_pop(L, 1);
	}
	lua_getfield(L, idx, "top");
	ret->top = luaL_optinteger(L, -1, LUA_MAXINTEGER);
	luaL_argcheck(L, ret->top >= 0, idx, "top: a count");
	lua_getfield(L, idx, "by");
	ret->by = luaL_optstring(L, -1, NULL);
	lua_getfield(L, idx, "drain");
	ret->drain = lua_toboolean(L, -1);
}

static void raise_failure(lua_State *L, struct host *h)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->failure);
	luaL_unref(L, LUA_REGISTRYINDEX, h->failure);
	h->failure = LUA_NOREF;
	lua_error(L);
}

/*
 * map:print(columns [, {top=, by=, drain=}]): a row for each entry, the
 * largest value (or member `by`) first; Lua is entered for columns that are
 * functions only, which get {key=, value=}
 */
static int map_print(lua_State *L)
{
	enum { AHEAD = 16 };
	struct map_ud *ud = check_map(L);
	struct host *h = host_of(L);
	struct print_options opts;
	struct columns *cs;
	struct copy_ud *c;
	size_t i, n, bytes = map_value_bytes(ud->map);
	char *scratch;
	bool table;

	lua_settop(L, 3);
	read_print_options(L, 3, &opts);
	check_kind(L, ud, has_entries(ud), "printed");
	cs = columns_prepare_entries(L, 2, ud->map, ud->key, ud->value);
	c = push_copy(L, ud, opts.drain ? map_drain : map_copy_all);
	order_copy(L, ud, c, opts.by);
	scratch = lua_newuserdatauv(L, ud->value->size, 0);
	table = columns_need_table(cs);
	n = c->copy.n < (lua_Unsigned)opts.top ? c->copy.n : (size_t)opts.top;
	for (i = 0; i < n && !h->broken_pipe; i++) {
		size_t at = c->order[i].i, ahead = c->order[i + AHEAD < n ? i + AHEAD : i].i;
		const char *value = c->copy.values + at * bytes;
		bool ok;

		/* the order of values is no order in memory */
		__builtin_prefetch(c->copy.keys + ahead * ud->key->size);
		__builtin_prefetch(c->copy.values + ahead * bytes);

		if (table) {
			lua_createtable(L, 0, 2);
			push_entry(L, ud, &c->copy, at);
			lua_setfield(L, -3, "value");
			lua_setfield(L, -2, "key");
		}
		ok = columns_entry(h, cs, c->copy.keys + at * ud->key->size,
			whole_value(ud, value, scratch), table ? lua_gettop(L) : 0);
		if (table)
			lua_pop(L, 1);
		/* in a run the failure is raised by bpf.run */
		if (!ok && !h->running)
			raise_failure(L, h);
		if (!ok)
			break;
	}
	return 0;
}

static int map_clear_verb(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	struct error err = ERROR_INIT;

	if (map_clear(ud->map, &err))
		return raise_error(L, &err);
	return 0;
}

static int pairs_next(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	struct copy_ud *c = lua_touserdata(L, lua_upvalueindex(1));

	if (c->next == c->copy.n)
		return 0;
	push_entry(L, ud, &c->copy, c->next++);
	return 2;
}

/* pairs(map): over a copy of the moment, so the map may change meanwhile */
static int map_pairs(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	push_copy(L, ud, map_copy_all);
	lua_pushcclosure(L, pairs_next, 1);
	lua_pushvalue(L, 1);
	return 2;
}

/* #map: entries in it now; of an array its size */
static int map_len(lua_State *L)
{
	struct map_ud *ud = check_map(L);

	if (map_is_array(ud->map) || !has_entries(ud)) {
		lua_pushinteger(L, map_max_entries(ud->map));
		return 1;
	}
	lua_pushinteger(L, push_copy(L, ud, map_copy_all)->copy.n);
	return 1;
}

/* ---- stacks ---- */

/* addresses of the stack behind an id, innermost first; -1 with an error, raises on misuse */
static int stack_addresses(struct map_ud *ud, lua_State *L, uint64_t *ips, size_t max,
	struct error *err)
{
	lua_Integer id = luaL_checkinteger(L, 2);

	check_kind(L, ud, map_def(ud->map)->type == BPF_MAP_TYPE_STACK_TRACE,
		"asked for frames: it is no stack trace map");
	return map_stack(ud->map, id, ips, max, err);
}

/* pid 0: of the kernel. A return address may be the start of the next function */
static void find_symbol(struct map_ud *ud, uint32_t pid, uint64_t ip, bool innermost,
	struct symbol *ret)
{
	memset(ret, 0, sizeof(*ret));
	ip -= !innermost;
	if (pid)
		host_symbol_user(ud->h, pid, ip, ret);
	else
		symbol_kernel(ud->h->symbols, ip, ret);
	ret->offset += !innermost;
}

/* a frame's text as stack.frame has it; ';' separates frames */
static void add_frame(struct buf *b, const struct symbol *sym, bool offset)
{
	size_t from = b->len;
	char *at;

	if (sym->name && *sym->name) {
		buf_add_safe(b, sym->name, strlen(sym->name), SIZE_MAX);
		if (offset)
			buf_addf(b, "+0x%llx", (unsigned long long)sym->offset);
	} else if (sym->module && *sym->module) {
		buf_addc(b, '[');
		buf_add_safe(b, sym->module, strlen(sym->module), SIZE_MAX);
		buf_addf(b, "+0x%llx]", (unsigned long long)sym->offset);
	} else {
		buf_adds(b, "[unknown]");
	}
	for (at = b->data + from; (at = strchr(at, ';')) != NULL; )
		*at = ':';
}

/* map:folded(id [, pid [, suffix [, offset]]]) -> "outer;...;inner", or nil, message, tag */
static int map_folded(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	lua_Integer pid = luaL_optinteger(L, 3, 0);
	const char *suffix = luaL_optstring(L, 4, "");
	bool offset = lua_toboolean(L, 5);
	struct error err = ERROR_INIT;
	uint64_t ips[256];
	struct symbol sym;
	int n = stack_addresses(ud, L, ips, ARRAY_SIZE(ips), &err), i;

	if (n < 0)
		return push_failure(L, &err);
	buf_clear(&ud->text);
	for (i = n; i-- > 0; ) {
		find_symbol(ud, pid, ips[i], i == 0, &sym);
		add_frame(&ud->text, &sym, offset);
		buf_adds(&ud->text, suffix);
		if (i > 0)
			buf_addc(&ud->text, ';');
	}
	if (n == 0)
		buf_addf(&ud->text, "[unknown]%s", suffix);
	lua_pushlstring(L, ud->text.data, ud->text.len);
	return 1;
}

/* map:frames(id [, pid]) -> { {name=, module=, offset=, ip=}, ... } innermost
 * first, or nil, message, tag */
static int map_frames(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	lua_Integer pid = luaL_optinteger(L, 3, 0);
	struct error err = ERROR_INIT;
	uint64_t ips[256];
	int n = stack_addresses(ud, L, ips, ARRAY_SIZE(ips), &err), i;

	if (n < 0)
		return push_failure(L, &err);
	lua_createtable(L, n, 0);
	for (i = 0; i < n; i++) {
		struct symbol sym;

		find_symbol(ud, pid, ips[i], i == 0, &sym);
		lua_createtable(L, 0, 4);
		lua_pushstring(L, sym.name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, sym.module);
		lua_setfield(L, -2, "module");
		lua_pushinteger(L, sym.offset);
		lua_setfield(L, -2, "offset");
		lua_pushinteger(L, ips[i]);
		lua_setfield(L, -2, "ip");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* ---- events ---- */

static void on_event_columns(void *arg, const void *data, size_t size, int cpu)
{
	struct map_ud *ud = arg;

	if (!ud->map || size < ud->value->size)
		return;
	ud->p->delivering++;
	columns_event(ud->h, ud->columns, data, cpu);
	ud->p->delivering--;
}

static void on_event_lua(void *arg, const void *data, size_t size, int cpu)
{
	struct map_ud *ud = arg;
	lua_State *L = ud->h->L;

	/* after an error in a callback nothing more is delivered */
	if (!ud->map || ud->h->failure != LUA_NOREF)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, ud->sink);
	if (ud->value && size >= ud->value->size)
		value_push(L, ud->value, data);
	else
		lua_pushlstring(L, data, size);
	lua_pushinteger(L, cpu);
	ud->p->delivering++;
	host_call(ud->h, 2, 0);
	ud->p->delivering--;
}

/*
 * map:each(fn [, {pages=}]): fn(event, cpu) for each event; or
 * map:each(columns): formats them without entering Lua. Returns the map.
 */
static int map_each(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	struct error err = ERROR_INIT;
	lua_Integer pages = 0;
	event_fn fn = on_event_lua;

	check_kind(L, ud, map_def(ud->map)->role == MAP_EVENTS, "read as events");
	if (ud->events)
		return luaL_error(L, "map '%s' has a reader already", map_name(ud->map));
	if (lua_istable(L, 3)) {
		lua_getfield(L, 3, "pages");
		pages = luaL_optinteger(L, -1, 0);
		luaL_argcheck(L, pages >= 0 && pages <= 1 << 16 && !(pages & (pages - 1)), 3,
			"pages is a power of two up to 65536");
	}
	lua_settop(L, 2);
	if (!lua_isfunction(L, 2)) {
		luaL_checkudata(L, 2, TYPE_COLUMNS);
		check_kind(L, ud, ud->value != NULL, "put in columns: its event type is not known");
		ud->columns = columns_prepare(L, 2, ud->types, ud->value);
		fn = on_event_columns;
	}
	ud->sink = luaL_ref(L, LUA_REGISTRYINDEX);
	ud->events = events_open(ud->h->session, ud->map, pages, fn, ud, &err);
	if (!ud->events) {
		if (ud->columns)
			columns_release(ud->columns);
		ud->columns = NULL;
		luaL_unref(L, LUA_REGISTRYINDEX, ud->sink);
		ud->sink = LUA_NOREF;
		return raise_error(L, &err);
	}
	lua_settop(L, 1);
	return 1;
}

/* map:counters{event="cycles"}: opens a perf event array for perf_read() */
static int map_counters(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	struct probe probe = { .provider = "perf_event", .cpu = -1 };
	struct error err = ERROR_INIT;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_getfield(L, 2, "event");
	probe.event = luaL_checkstring(L, -1);
	if (map_open_counters(ud->map, &probe, &err))
		return raise_error(L, &err);
	return 0;
}

/* map:info() -> {name=, type=, key_size=, value_size=, max_entries=} */
static int map_info(lua_State *L)
{
	struct map_ud *ud = check_map(L);
	const struct object_map *def = map_def(ud->map);

	lua_createtable(L, 0, 5);
	lua_pushstring(L, def->name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, def->type);
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, def->key_size);
	lua_setfield(L, -2, "key_size");
	lua_pushinteger(L, def->value_size);
	lua_setfield(L, -2, "value_size");
	lua_pushinteger(L, map_max_entries(ud->map));
	lua_setfield(L, -2, "max_entries");
	return 1;
}

/* ---- the type ---- */

static int map_index(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TSTRING) {
		luaL_getmetatable(L, TYPE_MAP);
		lua_getfield(L, -1, "methods");
		lua_pushvalue(L, 2);
		if (lua_rawget(L, -2) != LUA_TNIL)
			return 1;
		lua_settop(L, 2);
	}
	return map_get(L);
}

static int map_tostring(lua_State *L)
{
	struct map_ud *ud = luaL_checkudata(L, 1, TYPE_MAP);

	if (ud->map)
		lua_pushfstring(L, "map (%s, %d entries at most)", map_name(ud->map),
			(int)map_max_entries(ud->map));
	else
		lua_pushliteral(L, "map (closed)");
	return 1;
}

static int map_close(lua_State *L)
{
	struct map_ud *ud = luaL_checkudata(L, 1, TYPE_MAP);

	if (!ud->map)
		return 0;
	if (ud->events && ud->h->session) {
		if (ud->p->delivering)
			return luaL_error(L, "a map cannot be closed in a callback of events");
		events_close(ud->events);
	}
	ud->events = NULL;
	if (ud->columns)
		columns_release(ud->columns);
	ud->columns = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, ud->sink);
	ud->sink = LUA_NOREF;
	ud->map = NULL;
	return 0;
}

static int map_gc(lua_State *L)
{
	struct map_ud *ud = luaL_checkudata(L, 1, TYPE_MAP);

	map_close(L);
	plan_free(ud->key);
	plan_free(ud->value);
	buf_release(&ud->text);
	free(ud->key_buf);
	free(ud->value_buf);
	ud->key = ud->value = NULL;
	ud->key_buf = ud->value_buf = NULL;
	return 0;
}

void open_map(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "clear", map_clear_verb },
		{ "counters", map_counters },
		{ "delete", map_delete_verb },
		{ "delta", map_delta_verb },
		{ "drain", map_drain_verb },
		{ "each", map_each },
		{ "folded", map_folded },
		{ "frames", map_frames },
		{ "get", map_get },
		{ "info", map_info },
		{ "percpu", map_percpu },
		{ "set", map_set },
		{ "print", map_print },
		{ "snapshot", map_snapshot },
		{ "top", map_top },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__close", map_close },
		{ "__gc", map_gc },
		{ "__index", map_index },
		{ "__len", map_len },
		{ "__newindex", map_set },
		{ "__pairs", map_pairs },
		{ "__tostring", map_tostring },
		{ NULL, NULL },
	};

	new_type(L, TYPE_MAP, methods, meta);
}
