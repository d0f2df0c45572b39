/* SPDX-License-Identifier: Apache-2.0 */
/* raw_tracepoint: static events with their C arguments, by the event's name alone. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

static int raw_check(struct session *s, const struct probe *p, struct error *err)
{
	if (feature_answer(FEATURE_RAW_TRACEPOINT, NULL) == ANSWER_NO) {
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
	.attach = raw_attach,
	.list = raw_list,
};
