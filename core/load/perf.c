/* SPDX-License-Identifier: Apache-2.0 */
/* perf events: opening them, giving them a program, and closing many at once. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
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

enum { CLOSERS = 32 };	/* threads that wait at the same time */

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

/* ---- closing ---- */

/*
 * Closing the link or the event of a tracepoint waits for a grace period of
 * the kernel, 25 to 80 ms since 6.x.  The waits of several threads overlap.
 */
struct closer {
	const int *fds;
	size_t n, first, step;
};

static void *run_closer(void *arg)
{
	const struct closer *c = arg;
	size_t i;

	for (i = c->first; i < c->n; i += c->step)
		close(c->fds[i]);
	return NULL;
}

void close_together(const int *fds, size_t n)
{
	size_t step = n < CLOSERS ? n : CLOSERS, i;
	struct closer closers[CLOSERS];
	pthread_t threads[CLOSERS];
	bool started[CLOSERS];

	for (i = 0; i < step; i++) {
		closers[i] = (struct closer){ fds, n, i, step };
		started[i] = i > 0 && pthread_create(&threads[i], NULL, run_closer,
			&closers[i]) == 0;
	}
	for (i = 0; i < step; i++) {
		if (!started[i])
			run_closer(&closers[i]);
	}
	for (i = 0; i < step; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
	}
}
