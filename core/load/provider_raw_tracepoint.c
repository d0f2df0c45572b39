/* SPDX-License-Identifier: Apache-2.0 */
/* raw_tracepoint: static events with their C arguments, by the event's name alone. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/flow.h"
#include "load/internal.h"
#include "load/substitutes.h"

static bool have_raw(void)
{
	return !load_as_old_kernel &&
		feature_answer(FEATURE_RAW_TRACEPOINT, NULL) != ANSWER_NO;
}

static int raw_check(struct session *s, const struct probe *p, struct error *err)
{
	if (!have_raw()) {
		error_set(err, "E-FEATURE", "this kernel has no raw tracepoints");
		return error_hint(err, "use tracepoint:category:event");
	}
	if (!p->name || !*p->name)
		return error_set(err, "E-PROBE", "raw_tracepoint: a name is missing");
	return 0;
}

static bool offer_event(void *arg, const char *category, const char *event)
{
	nearest_offer(arg, event);
	return true;
}

static int no_such(const char *name, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct nearest near;

	nearest_init(&near, name);
	tracefs_events("*", offer_event, &near, &ignored);
	error_clear(&ignored);
	error_set(err, "E-PROBE", "no raw tracepoint '%s'", name);
	return error_take_hint(err, nearest_hint(&near));
}

/* ---- on kernels without raw tracepoints ---- */

/* categories that have an event of the name */
struct same_name {
	const char *event;
	struct buf found;		/* "category:event", commas between */
	size_t n;
};

static bool note_event(void *arg, const char *category, const char *event)
{
	struct same_name *same = arg;

	if (strcmp(event, same->event) == 0)
		buf_addf(&same->found, "%s%s:%s", same->n++ ? ", " : "", category, event);
	return true;
}

/* the tracepoint of the same name: "category:event", the caller owns it */
static char *find_event(const char *name, struct error *err)
{
	struct same_name same = { name, BUF_INIT, 0 };
	char *found = NULL;

	if (tracefs_events("*", note_event, &same, err) < 0)
		;
	else if (same.n == 0)
		no_such(name, err);
	else if (same.n > 1)
		error_set(err, "E-PROBE", "this kernel has no raw tracepoints, and several "
			"tracepoints '%s': %s", name, same.found.data);
	else
		found = buf_take(&same.found, NULL);
	buf_release(&same.found);
	return found;
}

static int reads_arguments(const struct object *obj, const struct object_program *prog,
	size_t insn, struct error *err)
{
	const struct object_line *line = object_program_line(prog, insn);

	error_set(err, "E-FEATURE", "this kernel has no raw tracepoints; a tracepoint cannot "
		"stand in, because '%s' reads the arguments of one", prog->name);
	error_hint(err, RAW_ADVICE);
	if (line && obj->source_name)
		return error_wrap(err, "%s:%u", obj->source_name, line->line);
	return error_wrap(err, "instruction %zu", insn);
}

/* a program that does not look at its context cannot tell the two apart */
static int raw_instead(struct unit *u, size_t program, const struct probe *p, struct probe *ret,
	struct error *err)
{
	const struct object_program *prog = &u->obj->programs[program];
	size_t insn;
	char *name;

	if (have_raw() || !p->name || !*p->name)
		return 0;
	if (flow_reads_context(prog, &insn))
		return reads_arguments(u->obj, prog, insn, err);
	name = find_event(p->name, err);
	if (!name)
		return -1;
	*ret = *p;
	ret->provider = provider_tracepoint.name;
	ret->name = name;
	ret->path = ret->event = NULL;
	return 1;
}

/* ---- attaching ---- */

/* the kernel alone knows all the names: some have no event in tracefs */
static int raw_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	int fd = bpf_raw_tracepoint_open(p->name, prog_fd), sys = fd < 0 ? errno : 0;

	if (sys == ENOENT)
		return no_such(p->name, err);
	if (sys)
		return attach_failed(err, sys, "open the raw tracepoint");
	link_add_fd(l, fd);
	return 0;
}

struct lister {
	const char *glob;
	bool (*fn)(void *arg, const char *name);
	void *arg;
};

static bool pass_name(void *arg, const char *category, const char *event)
{
	struct lister *lister = arg;

	/* entry and exit of single system calls share two raw tracepoints */
	if (str_starts(category, "syscalls") || fnmatch(lister->glob, event, 0) != 0)
		return true;
	return lister->fn(lister->arg, event);
}

static int raw_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	struct lister lister = { p->name ? p->name : "*", fn, arg };

	return tracefs_events("*", pass_name, &lister, err);
}

const struct provider provider_raw_tracepoint = {
	.name = "raw_tracepoint",
	.description = "static event of the kernel with its C arguments",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = raw_check,
	.instead = raw_instead,
	.attach = raw_attach,
	.list = raw_list,
};
