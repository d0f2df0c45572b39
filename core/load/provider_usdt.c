/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usdt: static probes of programs and libraries, as uprobes at all places
 * that the binary's notes say.  Where a program reads the arguments was
 * decided when it was compiled, by the text of the note: it attaches to the
 * places with that text, and to no others.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "load/internal.h"
#include "object/usdt_spec.h"
#include "symbol/usdt.h"

/* ---- the spec ---- */

static int usdt_parse(const char *spec, struct probe *ret, struct error *err)
{
	char *copy = mem_string(spec);
	struct usdt_spec parsed;
	int bad = parse_filters(copy, ret, err);

	if (!bad && !usdt_spec_parse(copy, &parsed))
		bad = error_set(err, "E-PROBE", "write PATH:PROVIDER:NAME");
	free(copy);
	if (bad)
		return -1;
	ret->path = parsed.path;
	ret->name = parsed.name;
	ret->args = parsed.args;
	return 0;
}

static void usdt_format(const struct probe *p, struct buf *out)
{
	buf_addf(out, "%s:%s", p->path ? p->path : "", p->name ? p->name : "");
	if (p->args)
		buf_addf(out, "(%s)", p->args);
	format_filters(p, out);
}

/* ---- its places ---- */

struct place_of_probe {
	uint64_t offset, semaphore;
};

struct places {
	const struct probe *probe;
	struct place_of_probe *list;
	size_t n;
	bool named;			/* it is there, with whatever arguments */
	struct nearest near;
};

static bool add_place(void *arg, const struct usdt_note *note)
{
	struct places *places = arg;
	char *name = mem_format("%s:%s", note->provider, note->name);
	size_t i;

	nearest_offer(&places->near, name);
	if (strcmp(name, places->probe->name) == 0) {
		places->named = true;
		for (i = 0; i < places->n && places->list[i].offset != note->offset; i++)
			;
		if (i == places->n && (!places->probe->args ||
		    strcmp(places->probe->args, note->args) == 0))
			*MEM_GROW(places->list, places->n) =
				(struct place_of_probe){ note->offset, note->semaphore };
	}
	free(name);
	return true;
}

static int no_place(struct places *places, const char *path, char *hint, struct error *err)
{
	if (places->named) {
		error_set(err, "E-PROBE", "the arguments of USDT probe '%s' in '%s' are not at "
			"'%s'", places->probe->name, path, places->probe->args);
		free(hint);
		return error_hint(err, "the program was compiled for another version of the "
			"binary: compile it with this one");
	}
	error_set(err, "E-PROBE", "'%s' has no USDT probe '%s'", path, places->probe->name);
	return error_take_hint(err, hint);
}

/* caller frees ret->list and *ret_path */
static int find_places(const struct probe *p, struct places *ret, char **ret_path,
	struct error *err)
{
	char *path, *hint;
	int bad;

	memset(ret, 0, sizeof(*ret));
	ret->probe = p;
	if (!p->path || !p->name)
		return error_set(err, "E-PROBE", "usdt: write PATH:PROVIDER:NAME");
	path = uprobe_path(p, err);
	if (!path)
		return -1;
	nearest_init(&ret->near, p->name);
	bad = usdt_notes(path, add_place, ret, err);
	hint = nearest_hint(&ret->near);
	if (!bad && !ret->n) {
		bad = no_place(ret, path, hint, err);
		hint = NULL;
	}
	free(hint);
	if (bad) {
		free(ret->list);
		free(path);
		return -1;
	}
	*ret_path = path;
	return 0;
}

/* a semaphore must be raised by somebody */
static int check_semaphores(const struct places *places, struct error *err)
{
	size_t i;

	for (i = 0; i < places->n && !places->list[i].semaphore; i++)
		;
	if (i == places->n || places->probe->pid > 0 || semaphores_by_kernel())
		return 0;
	error_set(err, "E-FEATURE", "USDT probe '%s' has a semaphore, and this kernel raises "
		"it for no program", places->probe->name);
	return error_hint(err, "name the process, with pid: then moontrace raises it there");
}

static int usdt_check(struct session *s, const struct probe *p, struct error *err)
{
	struct places places;
	char *path;
	int bad;

	if (uprobes_here(err) || find_places(p, &places, &path, err))
		return -1;
	bad = check_semaphores(&places, err);
	free(places.list);
	free(path);
	return bad;
}

/* ---- attaching ---- */

static int usdt_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	struct dynamic d = { .user = true, .pid = p->pid };
	bool by_kernel = semaphores_by_kernel();
	struct places places;
	char *path;
	size_t i;
	int bad;

	if (find_places(p, &places, &path, err))
		return -1;
	d.where = path;
	bad = check_semaphores(&places, err);
	for (i = 0; i < places.n && !bad; i++) {
		d.offset = places.list[i].offset;
		d.semaphore = by_kernel ? places.list[i].semaphore : 0;
		bad = uprobe_attach_at(l, &d, prog_fd, err);
	}
	for (i = 0; i < places.n && !bad && !by_kernel; i++) {
		if (places.list[i].semaphore)
			bad = semaphore_raise(l, path, places.list[i].semaphore, p->pid, err);
	}
	free(places.list);
	free(path);
	return bad;
}

/* ---- names ---- */

struct lister {
	const char *glob;
	bool (*fn)(void *arg, const char *name);
	void *arg;
	struct table *seen;
};

static bool pass_name(void *arg, const struct usdt_note *note)
{
	static char present;
	struct lister *l = arg;
	char *name = mem_format("%s:%s", note->provider, note->name);
	bool more = true;

	if (fnmatch(l->glob, name, 0) == 0 && !table_get(l->seen, name)) {
		table_set(l->seen, name, &present);
		more = l->fn(l->arg, name);
	}
	free(name);
	return more;
}

static int usdt_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	struct lister l = { p->name ? p->name : "*", fn, arg, NULL };
	char *path = uprobe_path(p, err);
	int bad;

	if (!path)
		return -1;
	l.seen = table_new();
	bad = usdt_notes(path, pass_name, &l, err);
	table_free(l.seen, NULL);
	free(path);
	return bad;
}

const struct provider provider_usdt = {
	.name = "usdt",
	.description = "static probe (USDT) of a program or library",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = usdt_parse,
	.format = usdt_format,
	.check = usdt_check,
	.attach = usdt_attach,
	.list = usdt_list,
};

/* ---- the programs of one function ---- */

/* "on_request__2" is of on_request */
static bool is_of(const struct object_program *prog, const char *function)
{
	size_t n = strlen(function);

	return prog->probe && str_starts(prog->probe, "usdt:") &&
		strncmp(prog->name, function, n) == 0 && str_starts(prog->name + n, "__") &&
		prog->name[n + 2] && !prog->name[n + 2 + strspn(prog->name + n + 2, "0123456789")];
}

struct covering {
	struct unit *unit;
	const char *function, *path;
	char *missing;			/* "NAME(ARGUMENTS)" that no program reads */
};

/* does the program read places like the note's? 1; 0: of another probe; -1: other places */
static int reads(const struct object_program *prog, const struct usdt_note *note)
{
	char *name = mem_format("%s:%s", note->provider, note->name);
	struct usdt_spec spec;
	int ret = 0;

	if (usdt_spec_parse(prog->probe + strlen("usdt:"), &spec)) {
		if (strcmp(spec.name, name) == 0)
			ret = spec.args && strcmp(spec.args, note->args) == 0 ? 1 : -1;
		usdt_spec_release(&spec);
	}
	free(name);
	return ret;
}

static bool cover(void *arg, const struct usdt_note *note)
{
	struct covering *c = arg;
	const struct object *obj = c->unit->obj;
	bool other = false;
	size_t i;

	for (i = 0; i < obj->n_programs; i++) {
		int answer = is_of(&obj->programs[i], c->function) ?
			reads(&obj->programs[i], note) : 0;

		if (answer > 0)
			return true;
		other |= answer < 0;
	}
	if (other)
		c->missing = mem_format("%s:%s(%s)", note->provider, note->name, note->args);
	return !other;
}

/* all places in the binary must be read by one of the programs */
static int check_covered(struct unit *u, const char *function, const struct probe *p,
	struct error *err)
{
	struct covering c = { .unit = u, .function = function };
	char *path = uprobe_path(p, err);
	int bad = path ? usdt_notes(path, cover, &c, err) : -1;

	if (c.missing) {
		bad = error_set(err, "E-PROBE", "'%s' has %s, for which '%s' was not compiled",
			path, c.missing, function);
		error_hint(err, "bpf.load with that binary as path");
	}
	free(c.missing);
	free(path);
	return bad;
}

static int attach_program(struct unit *u, size_t index, const char *function, const char *path,
	int pid, struct link **ret, struct error *err)
{
	struct probe p;

	if (probe_parse(u->obj->programs[index].probe, &p, err))
		return -1;
	p.pid = pid >= 0 ? pid : u->pids[index];
	if (path) {
		free((char *)p.path);
		p.path = mem_string(path);
		/* places of the other binary need not have all that the first one had */
		p.optional = true;
	}
	if (check_covered(u, function, &p, err) == 0)
		*ret = link_attach(u, index, &p, err);
	probe_release(&p);
	return err->tag ? -1 : 0;
}

int unit_attach_usdt(struct unit *u, const char *function, const char *path, int pid,
	struct link ***ret, size_t *ret_n, struct error *err)
{
	struct link **links = NULL, *l;
	size_t n = 0, i, found = 0;
	int bad = 0;

	for (i = 0; i < u->obj->n_programs && !bad; i++) {
		if (!is_of(&u->obj->programs[i], function))
			continue;
		found++;
		l = NULL;
		bad = attach_program(u, i, function, path, pid, &l, err);
		if (l)
			*MEM_GROW(links, n) = l;
	}
	if (!bad && !found)
		bad = error_set(err, "E-PROGRAM", "no function '%s' for USDT probes in the program",
			function);
	else if (!bad && !n)
		bad = error_set(err, "E-PROBE", "'%s' has none of the probes of '%s'", path,
			function);
	if (bad) {
		while (n > 0)
			link_detach(links[--n]);
		free(links);
		return -1;
	}
	*ret = links;
	*ret_n = n;
	return 0;
}
