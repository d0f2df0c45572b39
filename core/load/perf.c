/* SPDX-License-Identifier: Apache-2.0 */
/* perf events: opening them, and giving them a program. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "load/internal.h"

int perf_open(struct perf_event_attr *attr, int pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int first_cpu(void)
{
	unsigned *cpus;
	int cpu = kernel_online_cpus(&cpus) ? (int)cpus[0] : 0;

	free(cpus);
	return cpu;
}

int64_t read_number_file(const char *path)
{
	FILE *f = fopen(path, "re");
	int64_t v = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%*[a-z0-9]:%" SCNd64, &v) != 1) {
		rewind(f);
		if (fscanf(f, "%" SCNd64, &v) != 1)
			v = -1;
	}
	fclose(f);
	return v;
}

int attach_failed(struct error *err, int sys, const char *what)
{
	if (sys == EPERM || sys == EACCES)
		return kernel_refused(err, sys, what);
	if (sys == EMFILE || sys == ENFILE || sys == ENOMEM || sys == ENOSPC) {
		error_sys(err, "E-LIMIT", sys, "%s", what);
		return sys == EMFILE ? error_hint(err, "raise the limit: ulimit -n") : -1;
	}
	return error_sys(err, "E-ATTACH", sys, "%s", what);
}

/* ---- binding: a link of its own (5.15), or else for the life of the event ---- */

/* both return 0 or an errno */
static int bind_link(struct link *l, int fd, int prog_fd)
{
	int link_fd = bpf_link_create(prog_fd, fd, BPF_PERF_EVENT, NULL);

	if (link_fd < 0)
		return errno;
	link_add_fd(l, link_fd);
	return 0;
}

static int bind_event(struct link *l, int fd, int prog_fd)
{
	return ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) < 0 ? errno : 0;
}

/* a kernel that knows the command looks at the (bad) event, others say EINVAL */
static bool has_perf_links(int prog_fd)
{
	int fd = bpf_link_create(prog_fd, -1, BPF_PERF_EVENT, NULL);

	if (fd < 0)
		return errno == EBADF && !load_as_old_kernel;
	close(fd);
	return true;
}

int link_bind_perf(struct link *l, int fd, int prog_fd, struct error *err)
{
	static int (*bind)(struct link *l, int fd, int prog_fd);
	int sys;

	*MEM_GROW(l->perf_fds, l->n_perf_fds) = fd;
	if (!bind)
		bind = has_perf_links(prog_fd) ? bind_link : bind_event;
	sys = bind(l, fd, prog_fd);
	if (sys == E2BIG)
		return error_set(err, "E-ATTACH", "too many programs are attached there already");
	if (sys == EEXIST)
		return error_set(err, "E-ATTACH", "the same program is attached there already");
	if (sys)
		return attach_failed(err, sys, "the kernel does not take the program there");
	if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return attach_failed(err, errno, "enable the event");
	return 0;
}
