/* SPDX-License-Identifier: Apache-2.0 */
/* tracepoint: the kernel's static events, "category:event". */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "load/internal.h"

/* id of "category:event" */
static int64_t find_id(const char *name, struct error *err)
{
	const char *colon = name ? strchr(name, ':') : NULL;
	char *category;
	int64_t id;

	if (!colon)
		return error_set(err, "E-PROBE", "'%s' is no tracepoint: write category:event",
			name ? name : "");
	category = mem_string_n(name, colon - name);
	id = tracefs_event_id(category, colon + 1, err);
	free(category);
	return id;
}

static int tracepoint_check(struct session *s, const struct probe *p, struct error *err)
{
	return find_id(p->name, err) < 0 ? -1 : 0;
}

/*
 * One event is enough: a program at a tracepoint runs on every CPU, whichever
 * the event was opened on.
 */
static int tracepoint_attach(struct link *l, const struct probe *p, int prog_fd,
	struct error *err)
{
	struct perf_event_attr attr;
	int64_t id = find_id(p->name, err);
	int fd;

	if (id < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = id;
	attr.disabled = 1;
	fd = perf_open(&attr, -1, first_cpu());
	if (fd < 0)
		return attach_failed(err, -fd, "open the event");
	return link_bind_perf(l, fd, prog_fd, err);
}

struct lister {
	bool (*fn)(void *arg, const char *name);
	void *arg;
};

static bool pass_name(void *arg, const char *category, const char *event)
{
	struct lister *lister = arg;
	char *name = mem_format("%s:%s", category, event);
	bool more = lister->fn(lister->arg, name);

	free(name);
	return more;
}

static int tracepoint_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	struct lister lister = { fn, arg };

	return tracefs_events(p->name ? p->name : "*", pass_name, &lister, err);
}

const struct provider provider_tracepoint = {
	.name = "tracepoint",
	.description = "static event of the kernel, category:event",
	.prog_type = BPF_PROG_TYPE_TRACEPOINT,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = tracepoint_check,
	.attach = tracepoint_attach,
	.list = tracepoint_list,
};
