/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features are probed, never derived from versions: distributions backport.
 * A row a feature; the answer has three states, is asked for once and kept.
 */
#ifndef FEATURE_H
#define FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum answer {
	ANSWER_UNASKED,
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_UNKNOWN,		/* could not tell (EPERM is not "no") */
};

enum feature {
	FEATURE_RINGBUF,		/* BPF_MAP_TYPE_RINGBUF */
	FEATURE_PROBE_READ_KERNEL,	/* helpers 112-115 */
	FEATURE_BATCH,			/* BPF_MAP_LOOKUP_BATCH on a hash */
	FEATURE_LOOKUP_DELETE_BATCH,
	FEATURE_MAP_NAMES,		/* bpf_attr.map_name / prog_name */
	FEATURE_BTF_LOAD,
	FEATURE_RAW_TRACEPOINT,
	FEATURE_TRACING_PROGS,		/* fentry/fexit: kernel BTF and attach */
	FEATURE_KPROBES,		/* kernel has kprobes at all */
	FEATURE_UPROBES,
	FEATURE_KPROBE_PMU,		/* perf_event_open type "kprobe" */
	FEATURE_UPROBE_PMU,
	FEATURE_UPROBE_REF_CTR,		/* format/ref_ctr_offset of the uprobe PMU */
	FEATURE_KTIME_BOOT,		/* helper ktime_get_boot_ns */
	FEATURE_CGROUP_ID,		/* helper get_current_cgroup_id */
	FEATURE_STACKID_TRACEPOINT,	/* get_stackid in tracepoint programs */
	FEATURE_MEMCG_ACCOUNT,		/* no RLIMIT_MEMLOCK needed (5.11) */
	FEATURE_UNINIT_STACK,		/* helpers may read stack bytes never written */
	FEATURE_LOOPS,			/* bounded ones */
	FEATURE_LARGE,			/* a million instructions instead of 4096 */
	FEATURE_CALLS,			/* of functions of the same program */
	FEATURE_GLOBAL_DATA,
	FEATURE_JMP32,
	FEATURE_GET_STACK,		/* helper get_stack in tracepoint programs */
	FEATURE_PERF_EVENT_PROGS,
	FEATURE_KPROBE_MULTI,		/* many kernel functions in one call */
	FEATURE_COUNT
};

struct feature_row {
	enum feature id;
	const char *name;		/* "ring-buffer" */
	const char *description;
	const char *commit;		/* mainline commit and version that brought it */
	enum answer (*probe)(const char **ret_reason);
};
extern const struct feature_row feature_rows[FEATURE_COUNT];

enum answer feature_answer(enum feature id, const char **ret_reason);
bool feature_have(enum feature id);	/* answer is YES */

#endif
