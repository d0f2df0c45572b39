/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What target kernels can do, as data: for questions about a kernel that is
 * not the running one.  The running one is probed instead (kernel/feature.h).
 *
 * A profile is a mainline version and what its distribution added.  Where it
 * is known to take over later work without our knowing what, the answer for
 * what is newer than its version is ANSWER_UNKNOWN.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/feature.h"

enum profile_feature {
	PROFILE_ISA_V2,		/* jumps if less */
	PROFILE_JMP32,		/* jumps that compare 32 bits */
	PROFILE_ATOMICS,	/* beyond adding without a result */
	PROFILE_ISA_V4,		/* sign-extending loads, signed division, bswap, gotol */
	PROFILE_CALLS,		/* of functions in the same program */
	PROFILE_LOOPS,		/* bounded ones */
	PROFILE_LARGE,		/* a million instructions instead of 4096 */
	PROFILE_GLOBAL_DATA,	/* addresses inside map values */
	PROFILE_TYPED_SYMBOLS,	/* addresses of kernel variables, by BTF id */
	PROFILE_CALLBACKS,	/* addresses of functions of the program */
	PROFILE_KFUNCS,		/* calls of kernel functions, by BTF id */
	PROFILE_MAP_INDEX,	/* maps named by their index in an array of fds */
	PROFILE_NAMES,		/* of maps and programs */
	PROFILE_ANY_VERSION,	/* kern_version of kprobe programs is not compared */
	PROFILE_KPROBE_PMU,	/* kprobes by perf_event_open alone */
	PROFILE_UNINIT_STACK,	/* helpers may read stack bytes never written */
	PROFILE_BATCH,		/* map entries many at a time */
	PROFILE_BTF_LOAD,
	PROFILE_REF_CTR,	/* USDT semaphores kept by the kernel */
	PROFILE_MEMCG,		/* memory is not charged to RLIMIT_MEMLOCK */
	PROFILE_KPROBE_MULTI,	/* many kernel functions in one call */
	PROFILE_FEATURES
};

enum { PROFILE_SMALL = 4096 };	/* instructions, where PROFILE_LARGE is not there */

struct profile;

/* in the order of --list: el7 first; NULL behind the last */
const struct profile *profile_at(size_t index);
const struct profile *profile_find(const char *name, struct error *err);	/* E-ARGS */
const char *profile_name(const struct profile *p);
const char *profile_kernels(const struct profile *p);	/* one line */
/* of a typical one: "3.10.0-1160.el7.x86_64", and its LINUX_VERSION_CODE */
const char *profile_release(const struct profile *p);
uint32_t profile_version_code(const struct profile *p);

/*
 * Each answers NO, YES or UNKNOWN; *ret_since is the mainline version that
 * brought it as 0xMMmm ("5.8" is 0x0508), 0 if no profile knows it.
 */
enum answer profile_program(const struct profile *p, uint32_t type, unsigned *ret_since);
enum answer profile_map(const struct profile *p, uint32_t type, unsigned *ret_since);
enum answer profile_helper(const struct profile *p, uint32_t prog_type, uint32_t helper,
	unsigned *ret_since);
enum answer profile_has(const struct profile *p, enum profile_feature f, unsigned *ret_since);
/* of a row of what is asked of a running kernel (kernel/feature.h) */
enum answer profile_feature_answer(const struct profile *p, enum feature f);
const char *profile_feature_name(enum profile_feature f);	/* "bounded loops" */

#endif
