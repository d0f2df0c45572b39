/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf.load's field `usdt`: functions of the text and the static probes that
 * call them.  The notes of each binary are read here, so that the request
 * says where arguments are and the compiler needs no binary.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/target.h"
#include "lua/dry_internal.h"
#include "lua/internal.h"
#include "object/request.h"
#include "object/usdt_spec.h"
#include "symbol/usdt.h"

/* by the names of programs: pid, or BY_HAND; in the registry while the text is loaded */
#define USDT_KEY "moontrace.usdt"
enum { BY_HAND = -1 };

/* one row; strings are lent by it */
struct row {
	const char *fn, *path, *provider, *name;
	lua_Integer pid;
	bool optional, by_hand;
};

/* ---- rows ---- */

static void check_fields(lua_State *L)
{
	static const char *const known[] = { "attach", "fn", "name", "optional", "path", "pid",
		"provider", NULL };

	luaL_checktype(L, -1, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		luaL_checktype(L, -2, LUA_TSTRING);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		luaL_checkoption(L, -1, NULL, known);
		lua_pop(L, 1);
	}
}

/* stays a value of the row on top, which keeps it alive */
static const char *string_field(lua_State *L, const char *name)
{
	const char *s;

	if (lua_getfield(L, -1, name) != LUA_TSTRING)
		luaL_error(L, "usdt: a row has a string '%s'", name);
	s = lua_tostring(L, -1);
	lua_pop(L, 1);
	return s;
}

static void read_row(lua_State *L, struct row *ret)
{
	int exact = 1;

	check_fields(L);
	ret->fn = string_field(L, "fn");
	ret->path = string_field(L, "path");
	ret->provider = string_field(L, "provider");
	ret->name = string_field(L, "name");
	if (!ctoken_is_name(ret->fn))
		luaL_error(L, "usdt: '%s' is no name of a function", ret->fn);
	ret->pid = 0;
	if (lua_getfield(L, -1, "pid") != LUA_TNIL)
		ret->pid = lua_tointegerx(L, -1, &exact);
	if (!exact || ret->pid < 0 || ret->pid > 1 << 22)
		luaL_error(L, "usdt: pid is the number of a process");
	lua_getfield(L, -2, "optional");
	ret->optional = lua_toboolean(L, -1);
	lua_getfield(L, -3, "attach");
	ret->by_hand = !lua_isnil(L, -1) && !lua_toboolean(L, -1);
	lua_pop(L, 3);
	if (ret->by_hand && ret->pid)
		luaL_error(L, "usdt: with attach = false, pid is given to program:usdt()");
}

/* ---- its places ---- */

struct texts {
	const struct row *row;
	char **list;			/* argument texts, each once, sorted */
	size_t n;
	bool other_machine;
	const struct machine *machine;	/* of the target */
	struct nearest near;
};

static void add_text(struct texts *t, const char *args)
{
	size_t i = 0, k;

	while (i < t->n && strcmp(t->list[i], args) < 0)
		i++;
	if (i < t->n && strcmp(t->list[i], args) == 0)
		return;
	(void)MEM_GROW(t->list, t->n);
	for (k = t->n - 1; k > i; k--)
		t->list[k] = t->list[k - 1];
	t->list[i] = mem_string(args);
}

static bool see_note(void *arg, const struct usdt_note *note)
{
	struct texts *t = arg;
	char *name = mem_format("%s:%s", note->provider, note->name);

	nearest_offer(&t->near, name);
	free(name);
	if (strcmp(note->provider, t->row->provider) != 0 ||
	    strcmp(note->name, t->row->name) != 0)
		return true;
	add_text(t, note->args);
	t->other_machine |= !t->machine || note->machine != t->machine;
	return true;
}

static void release_texts(struct texts *t)
{
	while (t->n > 0)
		free(t->list[--t->n]);
	free(t->list);
}

/* E-PROBE, E-FILE */
static int find_texts(struct host *h, const struct row *row, const char *full, struct texts *ret,
	struct error *err)
{
	char *path = binary_path(row->path, row->pid, err), *hint;
	int bad;

	if (!path)
		return -1;
	nearest_init(&ret->near, full);
	bad = usdt_notes(path, see_note, ret, err);
	hint = nearest_hint(&ret->near);
	if (!bad && !ret->n) {
		bad = error_set(err, "E-PROBE", "'%s' has no USDT probe '%s'", path, full);
		error_take_hint(err, hint);
		hint = NULL;
	} else if (!bad && ret->other_machine) {
		bad = error_set(err, "E-PROBE", "'%s' is no program for %s", path,
			target_machine(h->target));
	}
	if (!bad && h->dry && !target_is_running(h->target))
		dry_add(h->dry, DRY_NOTE, "", NULL, "the arguments of USDT probe '%s' are where "
			"'%s' of this machine has them", full, path);
	free(hint);
	free(path);
	return bad;
}

/* the row's records in the request */
static int add_records(struct request *req, const struct row *row, char *full,
	const struct texts *texts, struct error *err)
{
	size_t i;

	for (i = 0; i < texts->n; i++) {
		struct usdt_spec spec = { (char *)row->path, full, texts->list[i] }, parsed;
		struct buf text = BUF_INIT;
		bool good;

		usdt_spec_format(&spec, &text);
		good = usdt_spec_fits(&spec) && usdt_spec_parse(text.data, &parsed);
		if (good) {
			good = parsed.args && strcmp(parsed.path, spec.path) == 0 &&
				strcmp(parsed.name, full) == 0;
			usdt_spec_release(&parsed);
		}
		buf_insert(&text, 0, "usdt:", strlen("usdt:"));
		if (good)
			request_add_usdt(req, row->fn, text.data);
		buf_release(&text);
		if (!good)
			return error_set(err, "E-PROBE", "USDT probe '%s' of '%s' has names or "
				"arguments that are malformed", full, row->path);
	}
	return 0;
}

static int add_row(struct host *h, struct request *req, const struct row *row, struct error *err)
{
	struct texts texts = { .row = row };
	char *full = mem_format("%s:%s", row->provider, row->name);
	int bad = -1;

	if (host_target(h, err)) {
		texts.machine = machine_find(target_machine(h->target));
		bad = find_texts(h, row, full, &texts, err) ||
			add_records(req, row, full, &texts, err) ? -1 : 0;
	}
	if (bad && row->optional && err->tag &&
	    (strcmp(err->tag, "E-PROBE") == 0 || strcmp(err->tag, "E-FILE") == 0)) {
		if (h->dry)
			dry_add(h->dry, DRY_NOTE, "", NULL, "%s:%u: '%s' is left out: %s",
				req->file, req->line, row->fn, err->text);
		error_clear(err);
		bad = 0;
	}
	if (bad)
		error_wrap(err, "%s:%u", req->file, req->line);
	release_texts(&texts);
	free(full);
	return bad;
}

void usdt_read(lua_State *L, struct request *req)
{
	struct error err = ERROR_INIT;
	lua_Integer i, n;
	struct row row;

	luaL_checktype(L, -1, LUA_TTABLE);
	n = luaL_len(L, -1);
	lua_newtable(L);				/* rows, pids */
	for (i = 1; i <= n; i++) {
		size_t k = req->n_usdt;

		lua_rawgeti(L, -2, i);			/* rows, pids, row */
		read_row(L, &row);
		if (add_row(host_of(L), req, &row, &err))
			raise_error(L, &err);
		for (; k < req->n_usdt; k++) {
			char *program = request_usdt_program(req, k);

			lua_pushinteger(L, row.by_hand ? BY_HAND : row.pid);
			lua_setfield(L, -3, program);
			free(program);
		}
		lua_pop(L, 1);				/* rows, pids */
	}
	lua_setfield(L, LUA_REGISTRYINDEX, USDT_KEY);	/* rows */
}

void usdt_forget(lua_State *L)
{
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, USDT_KEY);
}

/* what the rows say of one program; one that a bundle has and no row is of an optional row */
static void set_program(lua_State *L, struct unit *u, size_t index, const char *name)
{
	if (lua_getfield(L, -1, name) != LUA_TNUMBER)
		unit_set_optional(u, index);
	else if (lua_tointeger(L, -1) == BY_HAND)
		unit_set_by_hand(u, index);
	else
		unit_set_pid(u, index, lua_tointeger(L, -1));
	lua_pop(L, 1);
}

void usdt_set(lua_State *L, struct unit *u)
{
	const struct object *obj = unit_object(u);
	size_t i;

	if (lua_getfield(L, LUA_REGISTRYINDEX, USDT_KEY) == LUA_TTABLE) {
		for (i = 0; i < obj->n_programs; i++) {
			const char *probe = obj->programs[i].probe;

			if (probe && str_starts(probe, "usdt:"))
				set_program(L, u, i, obj->programs[i].name);
		}
	}
	lua_pop(L, 1);
}

/* ---- program:usdt() ---- */

void usdt_options(lua_State *L, const char **ret_path, int *ret_pid)
{
	lua_Integer pid;

	luaL_checkstring(L, 2);
	lua_settop(L, 3);
	*ret_path = NULL;
	*ret_pid = -1;
	if (lua_isnil(L, 3))
		return;
	luaL_checktype(L, 3, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, 3)) {
		static const char *const known[] = { "path", "pid", NULL };

		luaL_checktype(L, -2, LUA_TSTRING);
		lua_pop(L, 1);
		luaL_checkoption(L, -1, NULL, known);
	}
	lua_getfield(L, 3, "path");
	*ret_path = luaL_optstring(L, -1, NULL);
	lua_getfield(L, 3, "pid");
	pid = luaL_optinteger(L, -1, -1);
	luaL_argcheck(L, pid >= -1 && pid <= 1 << 22, 3, "pid");
	*ret_pid = pid;
}
