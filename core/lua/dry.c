/* SPDX-License-Identifier: Apache-2.0 */
/* Dry runs: the report, the end of a script, its standard files. */
#include "lua/dry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "lua/dry_internal.h"

enum {
	AFTER_RUN = 50 * 1000 * 1000,	/* Lua instructions without another bpf.run() */
	SAID_LIMIT = 16 << 10,
};

/* ---- the report ---- */

struct dry *dry_new(struct host *h)
{
	struct dry *d = mem_alloc(sizeof(*d));

	d->h = h;
	d->texts = table_new();
	d->saved[0] = d->saved[1] = d->saved[2] = d->unread = -1;
	d->report.said = mem_string("");
	return d;
}

static void program_release(struct dry_program *p)
{
	while (p->n_probes)
		free(p->probes[--p->n_probes]);
	free(p->probes);
	free(p->place);
	object_free(p->object);
}

static void finding_release(struct dry_finding *f)
{
	free(f->tag);
	free(f->place);
	free(f->text);
	free(f->hint);
}

void dry_free(struct dry *d)
{
	struct dry_report *r;

	if (!d)
		return;
	r = &d->report;
	while (r->n_programs)
		program_release(&r->programs[--r->n_programs]);
	while (r->n_findings)
		finding_release(&r->findings[--r->n_findings]);
	free(r->programs);
	free(r->findings);
	free(r->said);
	table_free(d->texts, NULL);
	free(d);
}

const struct dry_report *host_dry_report(const struct host *h)
{
	return h->dry ? &h->dry->report : NULL;
}

void dry_add_finding(struct dry *d, const struct dry_finding *new)
{
	struct dry_report *r = &d->report;
	size_t i;

	for (i = 0; i < r->n_findings; i++) {
		if (r->findings[i].kind == new->kind &&
			strcmp(r->findings[i].place, new->place) == 0 &&
			strcmp(r->findings[i].text, new->text) == 0) {
			finding_release(&(struct dry_finding){ new->kind, new->tag, new->place,
				new->text, new->hint });
			return;
		}
	}
	*MEM_GROW(r->findings, r->n_findings) = *new;
	r->count[new->kind]++;
}

void dry_add(struct dry *d, enum dry_kind kind, const char *place, char *hint, const char *fmt, ...)
{
	struct dry_finding f = { .kind = kind, .place = mem_string(place), .hint = hint };
	va_list ap;

	va_start(ap, fmt);
	f.text = mem_vformat(fmt, ap);
	va_end(ap);
	dry_add_finding(d, &f);
}

/* our own are a line each; what the compiler says stays together */
void dry_warnings(struct dry *d, struct buf *warnings)
{
	static const char ours[] = "moontrace: warning: ";
	char *rest = warnings->len ? warnings->data : NULL, *line;
	struct buf others = BUF_INIT;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (str_starts(line, ours))
			dry_add(d, DRY_NOTE, "", NULL, "%s", line + strlen(ours));
		else if (*line)
			buf_addf(&others, "%s%s", others.len ? "\n" : "", line);
	}
	if (others.len)
		dry_add(d, DRY_NOTE, "", NULL, "%s", others.data);
	buf_release(&others);
	buf_clear(warnings);
}

/* ---- the end ---- */

static char end_key;

bool dry_is_end(lua_State *L, int idx)
{
	return lua_touserdata(L, idx) == &end_key;
}

static void end_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_pushlightuserdata(L, &end_key);
	lua_error(L);
}

/* a pcall of the script's may catch it: then the next instruction raises it again */
static int end_script(lua_State *L)
{
	struct host *h = host_of(L);

	h->dry->ended = true;
	lua_sethook(L, end_hook, LUA_MASKCOUNT, 1);
	lua_sethook(h->L, end_hook, LUA_MASKCOUNT, 1);
	lua_pushlightuserdata(L, &end_key);
	return lua_error(L);
}

static void count_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (!host_signal())
		end_script(L);
	lua_sethook(L, NULL, 0, 0);
	raise_interrupted(L);
}

void dry_traces(struct dry *d)
{
	d->report.traced = true;
}

int dry_run(lua_State *L)
{
	lua_Number seconds = luaL_optnumber(L, 1, 0);
	struct dry *d = host_of(L)->dry;
	size_t loaded = table_count(d->texts);
	bool again = d->report.ran && loaded == d->loaded_at_run;

	luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds");
	d->report.ran = true;
	d->loaded_at_run = loaded;
	if (again || host_signal())
		return end_script(L);
	/* what comes now may wait for data that never come */
	lua_sethook(L, count_hook, LUA_MASKCOUNT, AFTER_RUN);
	return 0;
}

int dry_exit(lua_State *L, int status)
{
	struct dry_report *r = &host_of(L)->dry->report;

	/* behind a run it is the verdict on data that there are not */
	if (!r->ran) {
		r->exited = true;
		r->status = status;
	}
	return end_script(L);
}

/* pops the field's value; caller owns */
static char *take_field(lua_State *L, const char *name)
{
	char *value;

	lua_getfield(L, -1, name);
	value = mem_string(lua_tostring(L, -1));
	lua_pop(L, 1);
	return value;
}

static bool is_ours(lua_State *L)
{
	bool yes = false;

	if (lua_istable(L, -1) && lua_getmetatable(L, -1)) {
		luaL_getmetatable(L, TYPE_ERROR);
		yes = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
	}
	return yes;
}

/* an error of the API says where it was raised, unless its text does */
static int put_down(struct dry *d, lua_State *L)
{
	struct dry_finding f = { .kind = DRY_ERROR };
	char *position = take_field(L, "position");
	int status;

	f.tag = take_field(L, "tag");
	f.text = take_field(L, "message");
	f.hint = take_field(L, "hint");
	lua_getfield(L, -1, "status");
	status = lua_tointeger(L, -1);
	lua_pop(L, 1);
	/* not this machine cannot, but the target */
	if (f.tag && strcmp(f.tag, "E-FEATURE") == 0)
		status = STATUS_SCRIPT;
	f.text = f.text ? f.text : mem_string("?");
	f.tag = f.tag ? f.tag : mem_string("E-LUA");
	f.place = position && !strstr(f.text, ".lua:") ? position : mem_string("");
	if (f.place != position)
		free(position);
	dry_add_finding(d, &f);
	return status;
}

static int put_down_lua(struct dry *d, lua_State *L)
{
	const char *text = luaL_tolstring(L, -1, NULL), *end;
	struct dry_finding f = { .kind = DRY_ERROR, .tag = mem_string("E-LUA") };

	end = text ? strstr(text, "\nstack traceback:\n") : NULL;
	f.text = end ? mem_string_n(text, end - text) : mem_string(text ? text : "?");
	f.place = mem_string("");
	lua_pop(L, 1);
	if (!d->report.ran) {
		dry_add_finding(d, &f);
		return STATUS_SCRIPT;
	}
	dry_add(d, DRY_NOTE, "", NULL, "behind bpf.run() the script failed, where it had no "
		"data: %s", f.text);
	finding_release(&f);
	return STATUS_OK;
}

/* the text of an error that a script made is made by its __tostring, which may raise */
static int put_down_any(lua_State *L)
{
	struct dry *d = host_of(L)->dry;

	lua_pushinteger(L, is_ours(L) ? put_down(d, L) : put_down_lua(d, L));
	return 1;
}

int dry_failed(struct host *h)
{
	struct dry *d = h->dry;
	lua_State *L = h->L;
	int status = STATUS_SCRIPT;

	lua_sethook(L, NULL, 0, 0);
	if (dry_is_end(L, -1) || d->ended) {
		lua_pop(L, 1);
		return d->report.exited ? d->report.status : STATUS_OK;
	}
	lua_pushcfunction(L, put_down_any);
	lua_insert(L, -2);
	if (lua_pcall(L, 1, 1, 0) == LUA_OK)
		status = lua_tointeger(L, -1);
	else
		dry_add(d, DRY_ERROR, "", NULL, "(an error that has no text)");
	lua_pop(L, 1);
	return status;
}

/* a script that has another text for where one is refused is right */
static void forget_refused(struct dry_report *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->n_findings; i++) {
		if (r->findings[i].refused) {
			r->count[r->findings[i].kind]--;
			finding_release(&r->findings[i]);
		} else {
			r->findings[n++] = r->findings[i];
		}
	}
	r->n_findings = n;
	for (i = 0; i < r->n_programs; i++) {
		if (!r->programs[i].refused)
			continue;
		object_free(r->programs[i].object);
		r->programs[i].object = NULL;
	}
}

/* ---- standard files ---- */

/* /dev/null; a pipe where there is none, whose other end is d->unread */
static int open_null(struct dry *d)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ends[2];

	if (null >= 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return null;
	d->unread = ends[0];
	return ends[1];
}

/* to read from: at its end; a pipe that nobody writes where there is no /dev/null */
static int open_ended(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), ends[2];

	if (null >= 0 || pipe2(ends, O_CLOEXEC))
		return null;
	close(ends[1]);
	return ends[0];
}

void dry_begin(struct dry *d)
{
	int null = open_null(d), ended = open_ended(), i;

	fflush(stdout);
	fflush(stderr);
	d->said = tmpfile();
	for (i = 0; i < 3 && null >= 0 && ended >= 0; i++) {
		int fd = i == 0 ? ended : i == 2 && d->said ? fileno(d->said) : null;

		d->saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (d->saved[i] >= 0)
			dup2(fd, i);
	}
	if (null >= 0)
		close(null);
	if (ended >= 0)
		close(ended);
}

static void read_said(struct dry *d)
{
	char *text = mem_alloc(SAID_LIMIT + 1);
	size_t n;

	rewind(d->said);
	n = fread(text, 1, SAID_LIMIT, d->said);
	text[n] = '\0';
	free(d->report.said);
	d->report.said = text;
	fclose(d->said);
	d->said = NULL;
}

void dry_end(struct dry *d)
{
	int i;

	fflush(stdout);
	fflush(stderr);
	for (i = 0; i < 3; i++) {
		if (d->saved[i] < 0)
			continue;
		dup2(d->saved[i], i);
		close(d->saved[i]);
		d->saved[i] = -1;
	}
	if (d->unread >= 0) {
		close(d->unread);
		d->unread = -1;
		clearerr(stdout);	/* it may have been full */
	}
	if (d->said)
		read_said(d);
	if (!d->report.count[DRY_ERROR])
		forget_refused(&d->report);
}

void open_dry(lua_State *L)
{
	open_dry_program(L);
	open_dry_map(L);
}
