/* SPDX-License-Identifier: Apache-2.0 */
/* interval: a timer in the kernel, on one CPU. */
#include <stdlib.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum { PERIOD_LEAST = 10000 };	/* ns; the kernel rounds up to it without a word */

static int interval_parse(const char *spec, struct probe *ret, struct error *err)
{
	char *copy = mem_string(spec);
	int bad = parse_filters(copy, ret, err) || parse_rate(copy, ret, err);

	free(copy);
	return bad ? -1 : 0;
}

static void interval_format(const struct probe *p, struct buf *out)
{
	format_rate(p, out);
	if (p->cpu >= 0)
		buf_addf(out, ",cpu=%d", p->cpu);
}

static uint64_t period_of(const struct probe *p)
{
	return p->frequency ? 1000000000 / p->frequency : p->period;
}

static int interval_check(struct session *s, const struct probe *p, struct error *err)
{
	if (period_of(p) >= PERIOD_LEAST)
		return 0;
	return error_set(err, "E-PROBE", "interval: the time is missing or below %d us",
		PERIOD_LEAST / 1000);
}

static int interval_attach(struct link *l, const struct probe *p, int prog_fd,
	struct error *err)
{
	struct probe timer = { .provider = p->provider, .event = "cpu-clock",
		.period = period_of(p), .cpu = p->cpu };
	struct perf_event_attr attr;
	int fd;

	if (perf_event_describe(&timer, &attr, err))
		return -1;
	if (timer.cpu < 0)
		timer.cpu = first_cpu();
	fd = perf_open(&attr, -1, timer.cpu);
	if (fd < 0)
		return perf_event_failed(err, -fd, &timer);
	return link_bind_perf(l, fd, prog_fd, err);
}

const struct provider provider_interval = {
	.name = "interval",
	.description = "a timer on one CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.parse = interval_parse,
	.format = interval_format,
	.check = interval_check,
	.attach = interval_attach,
};
