/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about the running kernel.  Each is asked once and kept.
 * core/kernel may use core/base and libbpf's low-level calls.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

const char *kernel_release(void);	/* uname -r */
const char *kernel_machine(void);	/* uname -m */
/* LINUX_VERSION_CODE as the kernel itself was compiled with: from the vDSO's
 * note, else Debian's and Ubuntu's version strings, else uname -r */
uint32_t kernel_version_code(void);
/* of a text like "4.19.260-1" or "3.10.0-1062.el7.x86_64"; 0 if it is none */
uint32_t kernel_parse_version(const char *text);
const char *kernel_btf(void);		/* its raw BTF if there is one to be read, else NULL */
unsigned kernel_possible_cpus(void);	/* size of per-CPU values; >= 1 */
/* ids of the CPUs that are online now, ascending. Returns the count; caller frees */
unsigned kernel_online_cpus(unsigned **ret_ids);
/* a list as in "0-3,7": E-ARGS names what is wrong. Caller frees */
int kernel_parse_cpus(const char *list, unsigned **ret_ids, unsigned *ret_n, struct error *err);

/*
 * Path prefix of tracefs, without a slash at its end. Where it is not
 * mounted and the process may, it is mounted privately (a detached mount,
 * nobody else sees it). E-TRACEFS, with the mount command as the hint.
 */
const char *tracefs_path(struct error *err);
const char *tracefs_mounted(void);	/* the same, but never mounts; NULL if there is none */
/* events/CATEGORY/EVENT/format. E-PROBE with near names; E-TRACEFS */
int tracefs_format(const char *category, const char *event, struct buf *out, struct error *err);
int64_t tracefs_event_id(const char *category, const char *event, struct error *err);
/* calls fn for each "category:event" matching the glob, sorted */
int tracefs_events(const char *glob, bool (*fn)(void *arg, const char *category,
	const char *event), void *arg, struct error *err);

/* false in a pid namespace of a container: the kernel's programs see other numbers there */
bool kernel_sees_our_pids(void);
/* the process's effective capabilities, a bit each */
uint64_t kernel_capabilities(void);
bool kernel_has_capability(int capability);	/* the kernel knows it */
/* capabilities: E-PERM names the missing one and what gives it */
int kernel_may_trace(struct error *err);
/* E-PERM for a call that the kernel refused with sys (EPERM, EACCES): "what: " and
 * the missing capability, or what else forbids it. Returns -1 */
int kernel_refused(struct error *err, int sys, const char *what);
/* before 5.11 maps and programs are charged to RLIMIT_MEMLOCK, which says EPERM:
 * true if the limit was raised just now, so that trying again makes sense */
bool kernel_raise_memlock(void);

#endif
