/* SPDX-License-Identifier: Apache-2.0 */
/* perf_event, profile: hardware and software counters that overflow, on every CPU. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "load/internal.h"

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[] = {
	{ "cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
	{ "task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK },
	{ "page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
	{ "minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN },
	{ "major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ },
	{ "context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
	{ "cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS },
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ "cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES },
	{ "cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	{ "branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS },
	{ "branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
};

/* ---- specs ---- */

/* "EVENT", "EVENT:PERIOD", "EVENT:99hz" */
static int parse_event(char *spec, struct probe *ret, struct error *err)
{
	char *colon = strchr(spec, ':');

	if (colon)
		*colon++ = '\0';
	ret->event = mem_string(*spec ? spec : "cpu-clock");
	if (!colon)
		return 0;
	if (str_to_u64(colon, 1, INT64_MAX, &ret->period))
		return 0;
	return parse_rate(colon, ret, err);
}

static int perf_parse(const char *spec, struct probe *ret, struct error *err)
{
	char *copy = mem_string(spec);
	int bad = parse_filters(copy, ret, err) || parse_event(copy, ret, err);

	free(copy);
	return bad ? -1 : 0;
}

static void format_cpu(const struct probe *p, struct buf *out)
{
	if (p->cpu >= 0)
		buf_addf(out, ",cpu=%d", p->cpu);
	format_filters(p, out);
}

static void perf_format(const struct probe *p, struct buf *out)
{
	buf_adds(out, p->event ? p->event : "cpu-clock");
	if (p->frequency)
		buf_addf(out, ":%lluhz", (unsigned long long)p->frequency);
	else if (p->period)
		buf_addf(out, ":%llu", (unsigned long long)p->period);
	format_cpu(p, out);
}

static int profile_parse(const char *spec, struct probe *ret, struct error *err)
{
	char *copy = mem_string(spec);
	int bad = parse_filters(copy, ret, err) || parse_rate(copy, ret, err);

	free(copy);
	return bad ? -1 : 0;
}

static void profile_format(const struct probe *p, struct buf *out)
{
	if (p->frequency)
		buf_addf(out, "%llu", (unsigned long long)p->frequency);
	else
		format_rate(p, out);
	format_cpu(p, out);
}

/* ---- the event ---- */

static int no_such_event(const char *name, struct error *err)
{
	struct nearest near;
	size_t i;

	nearest_init(&near, name);
	for (i = 0; i < ARRAY_SIZE(events); i++)
		nearest_offer(&near, events[i].name);
	error_set(err, "E-PROBE", "no perf event '%s'", name);
	return error_take_hint(err, nearest_hint(&near));
}

int perf_event_describe(const struct probe *p, struct perf_event_attr *attr, struct error *err)
{
	const char *name = p->event ? p->event : "cpu-clock";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events) && strcmp(events[i].name, name) != 0; i++)
		;
	if (i == ARRAY_SIZE(events))
		return no_such_event(name, err);
	memset(attr, 0, sizeof(*attr));
	attr->type = events[i].type;
	attr->config = events[i].config;
	attr->disabled = 1;
	attr->inherit = p->pid > 0;
	attr->freq = p->frequency > 0;
	if (p->frequency)
		attr->sample_freq = p->frequency;
	else
		attr->sample_period = p->period;
	return 0;
}

int perf_event_failed(struct error *err, int sys, const struct probe *p)
{
	const char *name = p->event ? p->event : "cpu-clock";
	long most;

	if (sys == ENOENT || sys == ENODEV || sys == EOPNOTSUPP) {
		error_set(err, "E-FEATURE", "this machine has no perf event '%s'", name);
		return error_hint(err, "virtual machines often have no hardware counters: "
			"use cpu-clock");
	}
	most = read_number_file("/proc/sys/kernel/perf_event_max_sample_rate");
	if (sys == EINVAL && most > 0 && p->frequency > (uint64_t)most)
		return error_set(err, "E-ATTACH", "%llu samples a second are more than "
			"kernel.perf_event_max_sample_rate (%ld)",
			(unsigned long long)p->frequency, most);
	if (sys == ESRCH)
		return error_set(err, "E-ATTACH", "no process %d", p->pid);
	return attach_failed(err, sys, "open the perf event");
}

/* ---- attaching ---- */

static int attach_one(struct link *l, const struct probe *p, struct perf_event_attr *attr,
	int pid, int cpu, int prog_fd, struct error *err)
{
	int fd = perf_open(attr, pid, cpu);

	/* the CPU or the thread went away after it was listed; the others do */
	if ((fd == -ENODEV || fd == -ESRCH) && l->n_perf_fds > 0)
		return 0;
	if (fd < 0)
		return perf_event_failed(err, -fd, p);
	return link_bind_perf(l, fd, prog_fd, err);
}

static int attach_cpus(struct link *l, const struct probe *p, struct perf_event_attr *attr,
	int prog_fd, struct error *err)
{
	unsigned *cpus, n = kernel_online_cpus(&cpus), i;
	int bad = 0;

	for (i = 0; i < n && !bad; i++) {
		if (p->cpu >= 0 && p->cpu != (int)cpus[i])
			continue;
		bad = attach_one(l, p, attr, -1, cpus[i], prog_fd, err);
	}
	free(cpus);
	if (!bad && l->n_perf_fds == 0)
		return error_set(err, "E-ATTACH", "CPU %d is not online", p->cpu);
	return bad;
}

/* each thread that there is; those to come inherit the event */
static int attach_threads(struct link *l, const struct probe *p, struct perf_event_attr *attr,
	int prog_fd, struct error *err)
{
	char path[64];
	struct dirent *d;
	uint64_t tid;
	int bad = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	dir = opendir(path);
	if (!dir)
		return perf_event_failed(err, ESRCH, p);
	while (!bad && (d = readdir(dir)) != NULL) {
		if (!str_to_u64(d->d_name, 1, INT32_MAX, &tid))
			continue;
		bad = attach_one(l, p, attr, tid, p->cpu, prog_fd, err);
	}
	closedir(dir);
	return bad;
}

static int perf_check(struct session *s, const struct probe *p, struct error *err)
{
	struct perf_event_attr attr;

	if (!p->frequency && !p->period)
		return error_set(err, "E-PROBE", "%s: a period or a frequency is missing",
			p->provider);
	return perf_event_describe(p, &attr, err);
}

static int perf_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	struct perf_event_attr attr;

	if (perf_event_describe(p, &attr, err))
		return -1;
	return p->pid > 0 ? attach_threads(l, p, &attr, prog_fd, err) :
		attach_cpus(l, p, &attr, prog_fd, err);
}

static int perf_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	const char *glob = p->event ? p->event : p->name ? p->name : "*";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		if (fnmatch(glob, events[i].name, 0) == 0 && !fn(arg, events[i].name))
			break;
	}
	return 0;
}

const struct provider provider_perf_event = {
	.name = "perf_event",
	.description = "every so many hardware or software events, EVENT:PERIOD",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.parse = perf_parse,
	.format = perf_format,
	.check = perf_check,
	.attach = perf_attach,
	.list = perf_list,
};

const struct provider provider_profile = {
	.name = "profile",
	.description = "so often a second on every CPU",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.parse = profile_parse,
	.format = profile_format,
	.check = perf_check,
	.attach = perf_attach,
};
