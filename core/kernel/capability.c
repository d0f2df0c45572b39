/* SPDX-License-Identifier: Apache-2.0 */
/* May this process trace, and if not, what is missing? */
#include "kernel/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/str.h"

/* linux/capability.h of an old system lacks the new two */
enum { SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

/* not from /proc/self/status: /proc may not be mounted */
uint64_t kernel_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

bool kernel_has_capability(int capability)
{
	return prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
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
	return kernel_has_capability(BPF);
}

/* names of the missing capabilities, or NULL */
static const char *missing(void)
{
	uint64_t caps = kernel_capabilities();
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
