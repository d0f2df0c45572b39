/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps and programs are made by bpf() itself: libbpf leaves their names out
 * where it cannot load a socket filter, which EL7 refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum {
	AGAIN_TRIES = 5,		/* the verifier gives way to a signal */
	MEMORY_WAIT_US = 20000,
	MEMORY_TRIES = 250,		/* while a closer is at work */
	MEMORY_LATE = 10,		/* behind its end: the kernel frees a moment later */
	VERSION_UNLOCKED = 5 << 16 | 11 << 8,	/* no locked memory any more */
};

static void name_for_kernel(const char *name, char *ret)
{
	size_t i;

	if (!feature_have(FEATURE_MAP_NAMES))
		return;
	for (i = 0; i + 1 < BPF_OBJ_NAME_LEN && name[i]; i++) {
		char c = name[i];
		bool good = c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z');

		ret[i] = good ? c : '_';
	}
}

static int call_once(int cmd, union bpf_attr *attr, size_t size)
{
	int fd, tries = AGAIN_TRIES;

	do {
		fd = syscall(SYS_bpf, cmd, attr, size);
	} while (fd < 0 && errno == EAGAIN && --tries > 0);
	return fd < 0 ? -errno : fd;
}

/*
 * What closers hold is locked memory of the same user, and goes in a while:
 * a trace that follows another gets it then.
 */
static int call_later(int cmd, union bpf_attr *attr, size_t size)
{
	int fd = -EPERM, tries = MEMORY_TRIES, late = MEMORY_LATE;

	if (kernel_version_code() >= VERSION_UNLOCKED || !closers_at_work())
		return fd;
	while (fd == -EPERM && tries-- > 0 && late > 0) {
		usleep(MEMORY_WAIT_US);
		if (!closers_at_work())
			late--;
		fd = call_once(cmd, attr, size);
	}
	return fd;
}

/* the descriptor, which is none of the standard files, or -errno */
static int call(int cmd, union bpf_attr *attr, size_t size)
{
	int fd = call_once(cmd, attr, size), moved;

	if (fd == -EPERM && kernel_raise_memlock())
		fd = call_once(cmd, attr, size);
	if (fd == -EPERM)
		fd = call_later(cmd, attr, size);
	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		moved = -errno;
	close(fd);
	return moved;
}

int create_map(const struct new_map *m)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = m->type;
	attr.key_size = m->key_size;
	attr.value_size = m->value_size;
	attr.max_entries = m->max_entries;
	attr.map_flags = m->flags;
	attr.inner_map_fd = m->inner_fd;
	name_for_kernel(m->name, attr.map_name);
	return call(BPF_MAP_CREATE, &attr,
		offsetof(union bpf_attr, map_name) + sizeof(attr.map_name));
}

int create_program(const struct new_program *p)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = p->type;
	attr.expected_attach_type = p->expected_attach;
	attr.attach_btf_id = p->btf_id;
	attr.insns = (uintptr_t)p->insns;
	attr.insn_cnt = p->n_insns;
	attr.license = (uintptr_t)p->license;
	attr.log_buf = (uintptr_t)p->log;
	attr.log_size = p->log_size;
	attr.log_level = p->log ? 1 : 0;
	/* compared by kernels before 5.0 */
	if (p->type == BPF_PROG_TYPE_KPROBE)
		attr.kern_version = kernel_version_code();
	name_for_kernel(p->name, attr.prog_name);
	return call(BPF_PROG_LOAD, &attr,
		offsetof(union bpf_attr, attach_btf_id) + sizeof(attr.attach_btf_id));
}
