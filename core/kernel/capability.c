/* SPDX-License-Identifier: Apache-2.0 */
/* May this process trace, and if not, what is missing? */
#include "kernel/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/str.h"

/* bits of CapEff; linux/capability.h of an old system lacks the new two */
enum { SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

static uint64_t effective(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t caps = 0;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (str_starts(line, "CapEff:"))
			caps = strtoull(line + strlen("CapEff:"), NULL, 16);
	}
	fclose(f);
	return caps;
}

static int read_number(const char *path, int fallback)
{
	FILE *f = fopen(path, "re");
	int v = fallback;

	if (!f)
		return fallback;
	if (fscanf(f, "%d", &v) != 1)
		v = fallback;
	fclose(f);
	return v;
}

/* CAP_BPF and CAP_PERFMON came with 5.8 */
static bool has_split_capabilities(void)
{
	return read_number("/proc/sys/kernel/cap_last_cap", 0) >= BPF;
}

/* names of the missing capabilities, or NULL */
static const char *missing(void)
{
	uint64_t caps = effective();
	bool bpf = caps >> BPF & 1, perfmon = caps >> PERFMON & 1;

	if (caps >> SYS_ADMIN & 1)
		return NULL;
	if (!has_split_capabilities())
		return "CAP_SYS_ADMIN";
	if (bpf && perfmon)
		return NULL;
	return bpf ? "CAP_PERFMON" : perfmon ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON";
}

static int hint_capabilities(struct error *err)
{
	if (has_split_capabilities())
		return error_hint(err, "run as root, or with the capabilities cap_bpf,cap_perfmon"
			" (and cap_dac_read_search to read tracefs)");
	return error_hint(err, "run as root: before Linux 5.8 tracing needs CAP_SYS_ADMIN");
}

int kernel_may_trace(struct error *err)
{
	const char *what = missing();

	if (!what)
		return 0;
	error_set(err, "E-PERM", "%s missing: this process may not trace", what);
	return hint_capabilities(err);
}

int kernel_refused(struct error *err, int sys, const char *what)
{
	int off = read_number("/proc/sys/kernel/unprivileged_bpf_disabled", 0);
	const char *caps = missing();

	error_sys(err, "E-PERM", sys, "%s", what);
	if (!caps)
		return error_hint(err, "the process has the capabilities: a seccomp filter, a user "
			"namespace (container) or the kernel's lockdown forbids it");
	error_set(err, "E-PERM", "%s: %s (%s missing%s)", what, strerror(sys), caps,
		off ? "; unprivileged_bpf_disabled is on" : "");
	err->sys = sys;
	return hint_capabilities(err);
}

bool kernel_raise_memlock(void)
{
	struct rlimit now, most = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_MEMLOCK, &now) < 0 || now.rlim_cur == RLIM_INFINITY)
		return false;
	if (setrlimit(RLIMIT_MEMLOCK, &most) == 0)
		return true;
	if (now.rlim_cur == now.rlim_max)
		return false;
	now.rlim_cur = now.rlim_max;
	return setrlimit(RLIMIT_MEMLOCK, &now) == 0;
}
