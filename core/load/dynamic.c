/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kprobes and uprobes as perf events.  Where the kernel has a perf PMU for
 * them (4.17, EL7) the probe lives as long as its descriptor.  Elsewhere an
 * entry is written to kprobe_events or uprobe_events; it carries our group
 * "moontrace_PID", and is deleted after its event was closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

#define PMU_DIR "/sys/bus/event_source/devices"
#define REF_CTR PMU_DIR "/uprobe/format/ref_ctr_offset"
#define GROUP "moontrace_"

enum { BUSY_TRIES = 50, BUSY_WAIT_US = 10000 };

/* ---- by PMU ---- */

static int open_pmu(struct link *l, const struct dynamic *d)
{
	struct perf_event_attr attr;
	int64_t type, bit;

	memset(&attr, 0, sizeof(attr));
	type = read_number_file(d->user ? PMU_DIR "/uprobe/type" : PMU_DIR "/kprobe/type");
	bit = read_number_file(d->user ? PMU_DIR "/uprobe/format/retprobe" :
		PMU_DIR "/kprobe/format/retprobe");
	if (type < 0 || (d->ret && bit < 0))
		return -EOPNOTSUPP;
	attr.type = type;
	if (d->ret)
		attr.config = 1ull << bit;
	if (d->semaphore)
		attr.config |= d->semaphore << read_number_file(REF_CTR);
	attr.config1 = d->address ? 0 : (uintptr_t)d->where;
	attr.config2 = d->address + d->offset;
	attr.disabled = 1;
	if (d->pid > 0)
		return perf_open(&attr, d->pid, -1);
	return perf_open(&attr, -1, first_cpu());
}

/* ---- by an entry in tracefs ---- */

/* one line to the control file; 0 or an errno. O_APPEND: others' entries stay */
static int write_entry(const char *root, const char *file, const char *line)
{
	char path[PATH_MAX];
	int fd, sys = 0;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, line, strlen(line)) < 0)
		sys = errno;
	close(fd);
	return sys;
}

/* the event may be in use for a moment after its descriptor was closed */
static void delete_entry(const char *root, const char *file, const char *entry)
{
	char *line = mem_format("-:%s\n", entry);
	int tries;

	for (tries = 0; tries < BUSY_TRIES && write_entry(root, file, line) == EBUSY; tries++)
		usleep(BUSY_WAIT_US);
	free(line);
}

/* "GROUP/p_vfs_read_7": unique in this process, so in the system */
static char *entry_name(const struct dynamic *d)
{
	static unsigned counter;
	const char *base = strrchr(d->where, '/');
	char part[33];
	size_t i;

	base = base ? base + 1 : d->where;
	for (i = 0; i + 1 < sizeof(part) && base[i]; i++) {
		char c = base[i];
		bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z');

		part[i] = good ? c : '_';
	}
	part[i] = '\0';
	return mem_format(GROUP "%d/%c_%s_%u", (int)getpid(), d->ret ? 'r' : 'p', part, ++counter);
}

/* the definition without a newline at its end */
static char *entry_line(const struct dynamic *d, const char *entry)
{
	char kind = d->ret ? 'r' : 'p';

	if (d->user)
		return mem_format("%c:%s %s:0x%llx", kind, entry, d->where,
			(unsigned long long)d->offset);
	if (d->offset)
		return mem_format("%c:%s %s+0x%llx", kind, entry, d->where,
			(unsigned long long)d->offset);
	return mem_format("%c:%s %s", kind, entry, d->where);
}

static int open_entry(const char *root, const char *entry, const struct dynamic *d)
{
	struct perf_event_attr attr;
	char path[PATH_MAX];
	int64_t id;

	snprintf(path, sizeof(path), "%s/events/%s/id", root, entry);
	id = read_number_file(path);
	if (id < 0)
		return -ENOENT;
	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = id;
	attr.disabled = 1;
	if (d->pid > 0)
		return perf_open(&attr, d->pid, -1);
	return perf_open(&attr, -1, first_cpu());
}

static int open_tracefs(struct link *l, const struct dynamic *d)
{
	struct error ignored = ERROR_INIT;
	const char *root = tracefs_path(&ignored);
	char *entry, *line;
	int sys;

	error_clear(&ignored);
	if (!root)
		return -EOPNOTSUPP;
	entry = entry_name(d);
	line = entry_line(d, entry);
	l->entry_file = d->user ? "uprobe_events" : "kprobe_events";
	sys = write_entry(root, l->entry_file, line);
	free(line);
	if (sys) {
		free(entry);
		return -sys;
	}
	*MEM_GROW(l->entries, l->n_entries) = entry;
	return open_entry(root, entry, d);
}

/* ---- both ---- */

bool load_as_old_kernel;

static bool has_pmu(bool user)
{
	return !load_as_old_kernel &&
		feature_have(user ? FEATURE_UPROBE_PMU : FEATURE_KPROBE_PMU);
}

typedef int (*open_fn)(struct link *l, const struct dynamic *d);

int dynamic_open(struct link *l, const struct dynamic *d)
{
	static open_fn chosen[2];
	open_fn *open = &chosen[d->user];

	if (!*open)
		*open = has_pmu(d->user) ? open_pmu : open_tracefs;
	return (*open)(l, d);
}

bool dynamic_by_address(const struct dynamic *d)
{
	return has_pmu(d->user);
}

void dynamic_undo(struct link *l)
{
	const char *root = l->n_entries ? tracefs_mounted() : NULL;
	size_t i;

	for (i = l->n_entries; root && i-- > 0;)
		delete_entry(root, l->entry_file, l->entries[i]);
	dynamic_forget(l);
}

void dynamic_forget(struct link *l)
{
	while (l->n_entries > 0)
		free(l->entries[--l->n_entries]);
}

/* ---- missed hits ---- */

/* "  NAME   HITS   MISSES" of kprobe_profile */
static uint64_t profile_missed(const char *entry)
{
	const char *root = tracefs_mounted(), *name = strchr(entry, '/') + 1;
	char path[PATH_MAX], line[512], event[256];
	unsigned long long missed = 0, n;
	FILE *f;

	if (!root)
		return 0;
	snprintf(path, sizeof(path), "%s/kprobe_profile", root);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s %*u %llu", event, &n) == 2 && strcmp(event, name) == 0)
			missed = n;
	}
	if (f)
		fclose(f);
	return missed;
}

/*
 * bpf_link_info of a link at a perf event as kernels fill it since 6.6 (the
 * count since 6.7); system headers may be older.
 */
struct perf_link_info {
	uint32_t type, id, prog_id, pad;
	uint32_t event_type, pad2;
	struct {
		uint64_t name;
		uint32_t name_len, offset;
		uint64_t address, missed, cookie;
	} kprobe;
};
enum { LINK_TYPE_PERF_EVENT = 7, EVENT_KPROBE = 3, EVENT_KRETPROBE = 4 };

static uint64_t perf_link_missed(int fd)
{
	struct perf_link_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.type != LINK_TYPE_PERF_EVENT)
		return 0;
	if (info.event_type != EVENT_KPROBE && info.event_type != EVENT_KRETPROBE)
		return 0;
	return info.kprobe.missed;
}

uint64_t dynamic_missed(const struct link *l)
{
	uint64_t sum = 0;
	size_t i;

	if (l->provider != &provider_kprobe && l->provider != &provider_kretprobe &&
		l->provider != &provider_syscall && l->provider != &provider_sysret)
		return 0;
	for (i = 0; i < l->n_entries; i++)
		sum += profile_missed(l->entries[i]);
	for (i = 0; i < l->n_fds; i++)
		sum += perf_link_missed(l->fds[i]);
	return sum;
}

/* ---- sweeping ---- */

/* the "moontrace_PID/NAME" of a line if that process is dead, cut out of it */
static char *stale_entry(char *line)
{
	char *entry = strchr(line, ':'), *end;
	long pid;

	if (!entry || !str_starts(entry + 1, GROUP))
		return NULL;
	entry++;
	pid = strtol(entry + strlen(GROUP), &end, 10);
	if (*end != '/' || pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH)
		return NULL;
	entry[strcspn(entry, " \t\n")] = '\0';
	return entry;
}

/*
 * A process of another pid namespace looks dead from here, too, and one whose
 * closer is still at work is dead; the entries of both are in use, and the
 * kernel refuses to delete those (EBUSY).
 */
static void sweep_file(const char *root, const char *file)
{
	char path[PATH_MAX], *line = NULL, **stale = NULL, *entry;
	size_t size = 0, n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0) {
		entry = stale_entry(line);
		if (entry)
			*MEM_GROW(stale, n) = mem_format("-:%s\n", entry);
	}
	if (f)
		fclose(f);
	while (n > 0) {
		write_entry(root, file, stale[--n]);
		free(stale[n]);
	}
	free(stale);
	free(line);
}

void dynamic_sweep(void)
{
	const char *root = tracefs_mounted();

	/* where there is a PMU, nobody of us ever wrote an entry */
	if (root && !has_pmu(false))
		sweep_file(root, "kprobe_events");
	if (root && !has_pmu(true))
		sweep_file(root, "uprobe_events");
}
