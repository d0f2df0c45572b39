/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/profile.h"

#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "base/mem.h"
#include "base/str.h"

#define V(major, minor) ((major) << 8 | (minor))

enum kind { HELPER, MAP, PROGRAM, FEATURE };

/* program types as a set; what has nothing to do with them is of EVERY type */
enum {
	KPROBE = 1 << 0,
	TRACEPOINT = 1 << 1,
	RAW = 1 << 2,
	PERF = 1 << 3,
	TRACING = 1 << 4,
	EVERY = 31,
};

struct fact {
	uint8_t kind;		/* enum kind */
	uint16_t id;		/* of the kernel, or an enum profile_feature */
	uint16_t since;		/* mainline */
	uint8_t types;		/* of the programs that may use it */
};

/*
 * Helpers: what the *_func_proto() functions of kernel/trace/bpf_trace.c and
 * kernel/bpf/helpers.c give to programs of each type in 4.9, 4.10, 4.14 to
 * 4.16, 4.19, 4.20, 5.2 to 5.4, 5.6, 5.9 to 5.11, 5.14, 5.15, 5.17, 5.19, 6.0
 * and 6.1. "not in X": it is not in X's list, and some version up to the one
 * in the row brought it. Spin locks and timers are in those lists, but the
 * verifier takes them in no tracing program, so they are not here.
 * A helper is of EVERY type only from the version on that has the type.
 */
static const struct fact facts[] = {
	{ HELPER, 1, V(3, 19), EVERY },	/* map_lookup_elem */
	{ HELPER, 2, V(3, 19), EVERY },	/* map_update_elem */
	{ HELPER, 3, V(3, 19), EVERY },	/* map_delete_elem */
	{ HELPER, 4, V(4, 1), EVERY },	/* probe_read */
	{ HELPER, 5, V(4, 1), EVERY },	/* ktime_get_ns */
	{ HELPER, 6, V(4, 1), EVERY },	/* trace_printk */
	{ HELPER, 7, V(4, 1), EVERY },	/* get_prandom_u32 */
	{ HELPER, 8, V(4, 1), EVERY },	/* get_smp_processor_id */
	{ HELPER, 12, V(4, 2), EVERY },	/* tail_call */
	{ HELPER, 14, V(4, 2), EVERY },	/* get_current_pid_tgid */
	{ HELPER, 15, V(4, 2), EVERY },	/* get_current_uid_gid */
	{ HELPER, 16, V(4, 2), EVERY },	/* get_current_comm */
	{ HELPER, 22, V(4, 3), EVERY },	/* perf_event_read */
	{ HELPER, 25, V(4, 4), EVERY },	/* perf_event_output */
	{ HELPER, 27, V(4, 6), EVERY },	/* get_stackid */
	{ HELPER, 35, V(4, 8), EVERY },	/* get_current_task */
	{ HELPER, 36, V(4, 8), EVERY },	/* probe_write_user */
	{ HELPER, 37, V(4, 9), EVERY },	/* current_task_under_cgroup */
	{ HELPER, 42, V(4, 10), EVERY },	/* get_numa_node_id */
	{ HELPER, 45, V(4, 11), EVERY },	/* probe_read_str */
	{ HELPER, 46, V(5, 14), TRACING },	/* get_socket_cookie, not in 5.11 */
	{ HELPER, 55, V(4, 15), KPROBE },	/* perf_event_read_value */
	/* perf_event_read_value, not in 5.6 */
	{ HELPER, 55, V(5, 9), TRACEPOINT | RAW | PERF | TRACING },
	{ HELPER, 56, V(4, 15), PERF },	/* perf_prog_read_value */
	{ HELPER, 58, V(4, 16), KPROBE },	/* override_return */
	{ HELPER, 67, V(4, 18), EVERY },	/* get_stack */
	{ HELPER, 80, V(4, 18), EVERY },	/* get_current_cgroup_id */
	{ HELPER, 87, V(5, 2), EVERY },	/* map_push_elem, not in 4.20 */
	{ HELPER, 88, V(5, 2), EVERY },	/* map_pop_elem, not in 4.20 */
	{ HELPER, 89, V(5, 2), EVERY },	/* map_peek_elem, not in 4.20 */
	{ HELPER, 105, V(6, 1), EVERY },	/* strtol */
	{ HELPER, 106, V(6, 1), EVERY },	/* strtoul */
	{ HELPER, 107, V(5, 11), TRACING },	/* sk_storage_get */
	{ HELPER, 108, V(5, 11), TRACING },	/* sk_storage_delete */
	{ HELPER, 109, V(5, 3), EVERY },	/* send_signal */
	{ HELPER, 111, V(5, 5), TRACING },	/* skb_output */
	{ HELPER, 112, V(5, 5), EVERY },	/* probe_read_user */
	{ HELPER, 113, V(5, 5), EVERY },	/* probe_read_kernel */
	{ HELPER, 114, V(5, 5), EVERY },	/* probe_read_user_str */
	{ HELPER, 115, V(5, 5), EVERY },	/* probe_read_kernel_str */
	{ HELPER, 117, V(5, 5), EVERY },	/* send_signal_thread */
	{ HELPER, 118, V(5, 9), EVERY },	/* jiffies64, not in 5.6 */
	{ HELPER, 119, V(5, 9), PERF },	/* read_branch_records, not in 5.6 */
	{ HELPER, 120, V(5, 7), EVERY },	/* get_ns_current_pid_tgid */
	{ HELPER, 121, V(5, 9), TRACING },	/* xdp_output, not in 5.6 */
	{ HELPER, 123, V(5, 14), EVERY },	/* get_current_ancestor_cgroup_id, not in 5.11 */
	{ HELPER, 125, V(5, 8), EVERY },	/* ktime_get_boot_ns */
	{ HELPER, 126, V(5, 7), TRACING },	/* seq_printf */
	{ HELPER, 127, V(5, 7), TRACING },	/* seq_write */
	{ HELPER, 130, V(5, 8), EVERY },	/* ringbuf_output */
	{ HELPER, 131, V(5, 8), EVERY },	/* ringbuf_reserve */
	{ HELPER, 132, V(5, 8), EVERY },	/* ringbuf_submit */
	{ HELPER, 133, V(5, 8), EVERY },	/* ringbuf_discard */
	{ HELPER, 134, V(5, 8), EVERY },	/* ringbuf_query */
	{ HELPER, 136, V(5, 9), TRACING },	/* skc_to_tcp6_sock */
	{ HELPER, 137, V(5, 9), TRACING },	/* skc_to_tcp_sock */
	{ HELPER, 138, V(5, 9), TRACING },	/* skc_to_tcp_timewait_sock */
	{ HELPER, 139, V(5, 9), TRACING },	/* skc_to_tcp_request_sock */
	{ HELPER, 140, V(5, 9), TRACING },	/* skc_to_udp6_sock */
	{ HELPER, 141, V(5, 9), EVERY },	/* get_task_stack */
	{ HELPER, 147, V(5, 10), TRACING },	/* d_path */
	{ HELPER, 148, V(5, 10), EVERY },	/* copy_from_user */
	{ HELPER, 149, V(5, 10), EVERY },	/* snprintf_btf */
	{ HELPER, 150, V(5, 10), TRACING },	/* seq_printf_btf */
	{ HELPER, 153, V(5, 10), EVERY },	/* per_cpu_ptr */
	{ HELPER, 154, V(5, 10), EVERY },	/* this_cpu_ptr */
	{ HELPER, 156, V(5, 14), EVERY },	/* task_storage_get, not in 5.11 */
	{ HELPER, 157, V(5, 14), EVERY },	/* task_storage_delete, not in 5.11 */
	{ HELPER, 158, V(5, 11), EVERY },	/* get_current_task_btf */
	{ HELPER, 162, V(5, 11), TRACING },	/* sock_from_file */
	{ HELPER, 164, V(5, 13), EVERY },	/* for_each_map_elem */
	{ HELPER, 165, V(5, 13), EVERY },	/* snprintf */
	{ HELPER, 173, V(5, 15), EVERY },	/* get_func_ip */
	{ HELPER, 174, V(5, 15), KPROBE | TRACEPOINT | PERF },	/* get_attach_cookie */
	{ HELPER, 174, V(5, 19), TRACING },	/* get_attach_cookie, not in 5.17 */
	{ HELPER, 175, V(5, 15), EVERY },	/* task_pt_regs */
	{ HELPER, 176, V(5, 16), EVERY },	/* get_branch_snapshot */
	{ HELPER, 177, V(5, 16), EVERY },	/* trace_vprintk */
	{ HELPER, 178, V(5, 16), TRACING },	/* skc_to_unix_sock */
	{ HELPER, 180, V(5, 17), EVERY },	/* find_vma */
	{ HELPER, 181, V(5, 17), EVERY },	/* loop */
	{ HELPER, 182, V(5, 17), EVERY },	/* strncmp */
	{ HELPER, 183, V(5, 17), TRACING },	/* get_func_arg */
	{ HELPER, 184, V(5, 17), TRACING },	/* get_func_ret */
	{ HELPER, 185, V(5, 17), TRACING },	/* get_func_arg_cnt */
	{ HELPER, 188, V(5, 18), TRACING },	/* xdp_get_buff_len */
	{ HELPER, 191, V(5, 18), EVERY },	/* copy_from_user_task */
	{ HELPER, 194, V(5, 19), EVERY },	/* kptr_xchg */
	{ HELPER, 195, V(5, 19), EVERY },	/* map_lookup_percpu_elem */
	{ HELPER, 196, V(5, 19), TRACING },	/* skc_to_mptcp_sock */
	{ HELPER, 197, V(5, 19), EVERY },	/* dynptr_from_mem */
	{ HELPER, 198, V(5, 19), EVERY },	/* ringbuf_reserve_dynptr */
	{ HELPER, 199, V(5, 19), EVERY },	/* ringbuf_submit_dynptr */
	{ HELPER, 200, V(5, 19), EVERY },	/* ringbuf_discard_dynptr */
	{ HELPER, 201, V(5, 19), EVERY },	/* dynptr_read */
	{ HELPER, 202, V(5, 19), EVERY },	/* dynptr_write */
	{ HELPER, 203, V(5, 19), EVERY },	/* dynptr_data */
	{ HELPER, 208, V(6, 1), EVERY },	/* ktime_get_tai_ns */
	{ HELPER, 209, V(6, 1), EVERY },	/* user_ringbuf_drain */

	/* enum bpf_map_type and include/linux/bpf_types.h */
	{ MAP, 1, V(3, 19), EVERY },	/* hash: 0f8e4bd8a1fc */
	{ MAP, 2, V(3, 19), EVERY },	/* array: 28fbcfa08d8e */
	{ MAP, 3, V(4, 2), EVERY },	/* prog array: 04fd61ab36ec */
	{ MAP, 4, V(4, 3), EVERY },	/* perf event array: ea317b267e9d */
	{ MAP, 5, V(4, 6), EVERY },	/* per-CPU hash: 824bd0ce6c7c */
	{ MAP, 6, V(4, 6), EVERY },	/* per-CPU array: a10423b87a7e */
	{ MAP, 7, V(4, 6), EVERY },	/* stack trace: d5a3b1f69186 */
	{ MAP, 8, V(4, 8), EVERY },	/* cgroup array: 4ed8ec521ed5 */
	{ MAP, 9, V(4, 10), EVERY },	/* LRU hash: 29ba732acbee */
	{ MAP, 10, V(4, 10), EVERY },	/* LRU per-CPU hash: 8f8449384ec3 */
	{ MAP, 11, V(4, 11), EVERY },	/* LPM trie: b95a5c4db09b */
	{ MAP, 12, V(4, 12), EVERY },	/* array of maps: 56f668dfe00d */
	{ MAP, 13, V(4, 12), EVERY },	/* hash of maps: bcc6b1b7ebf8 */
	{ MAP, 14, V(4, 14), EVERY },	/* devmap: 546ac1ffb70d */
	{ MAP, 15, V(4, 14), EVERY },	/* sockmap: 174a79ff9515 */
	{ MAP, 16, V(4, 15), EVERY },	/* cpumap: 6710e1126934 */
	{ MAP, 17, V(4, 18), EVERY },	/* xskmap: fbfc504a24f5 */
	{ MAP, 18, V(4, 18), EVERY },	/* sockhash: 81110384441a */
	{ MAP, 19, V(4, 19), EVERY },	/* cgroup storage: de9cbbaadba5 */
	{ MAP, 20, V(4, 19), EVERY },	/* reuseport sockarray: 5dc4c4b7d4e8 */
	{ MAP, 21, V(4, 20), EVERY },	/* per-CPU cgroup storage: b741f1630346 */
	{ MAP, 22, V(4, 20), EVERY },	/* queue: f1a2e44a3aec */
	{ MAP, 23, V(4, 20), EVERY },	/* stack: f1a2e44a3aec */
	{ MAP, 24, V(5, 2), EVERY },	/* socket storage: 6ac99e8f23d4 */
	{ MAP, 25, V(5, 4), EVERY },	/* devmap hash: 6f9d451ab1a3 */
	{ MAP, 26, V(5, 6), EVERY },	/* struct ops: 85d33df357b6 */
	{ MAP, 27, V(5, 8), EVERY },	/* ring buffer: 457f44363a88 */
	{ MAP, 28, V(5, 10), EVERY },	/* inode storage: 8ea636848aca */
	{ MAP, 29, V(5, 11), EVERY },	/* task storage: 4cf1bc1f1045 */
	{ MAP, 30, V(5, 16), EVERY },	/* bloom filter: 9330986c0300 */
	{ MAP, 31, V(6, 1), EVERY },	/* user ring buffer: 583c1f420173 */

	{ PROGRAM, BPF_PROG_TYPE_KPROBE, V(4, 1), EVERY },		/* 2541517c32be */
	{ PROGRAM, BPF_PROG_TYPE_TRACEPOINT, V(4, 7), EVERY },		/* 98b5c2c65c29 */
	{ PROGRAM, BPF_PROG_TYPE_PERF_EVENT, V(4, 9), EVERY },		/* 0515e5999a46 */
	{ PROGRAM, BPF_PROG_TYPE_RAW_TRACEPOINT, V(4, 17), EVERY },	/* c4f6699dfcb8 */
	{ PROGRAM, BPF_PROG_TYPE_TRACING, V(5, 5), EVERY },		/* f1b9509c2fb0 */

	{ FEATURE, PROFILE_ISA_V2, V(4, 14), EVERY },		/* 92b31a9af73b */
	{ FEATURE, PROFILE_JMP32, V(5, 1), EVERY },		/* 092ed0968bb6 */
	{ FEATURE, PROFILE_ATOMICS, V(5, 12), EVERY },		/* 5ca419f2864a */
	{ FEATURE, PROFILE_ISA_V4, V(6, 6), EVERY },		/* 1f9a1ea821ff */
	{ FEATURE, PROFILE_CALLS, V(4, 16), EVERY },		/* cc8b0b92a169 */
	{ FEATURE, PROFILE_LOOPS, V(5, 3), EVERY },		/* 2589726d12a1 */
	{ FEATURE, PROFILE_LARGE, V(5, 2), EVERY },		/* c04c0d2b968a */
	{ FEATURE, PROFILE_GLOBAL_DATA, V(5, 2), EVERY },	/* d8eca5bbb2be */
	{ FEATURE, PROFILE_TYPED_SYMBOLS, V(5, 10), EVERY },	/* 4976b718c355 */
	{ FEATURE, PROFILE_CALLBACKS, V(5, 13), EVERY },	/* 69c087ba6225 */
	{ FEATURE, PROFILE_KFUNCS, V(5, 13), EVERY },		/* e6ac2450d6de */
	{ FEATURE, PROFILE_MAP_INDEX, V(5, 14), EVERY },	/* 387544bfa291 */
	{ FEATURE, PROFILE_NAMES, V(4, 15), EVERY },		/* ad5b177bd73f */
	{ FEATURE, PROFILE_ANY_VERSION, V(5, 0), EVERY },	/* 6c4fc209fcf9 */
	{ FEATURE, PROFILE_KPROBE_PMU, V(4, 17), EVERY },	/* e12f03d7031a */
	{ FEATURE, PROFILE_UNINIT_STACK, V(6, 3), EVERY },	/* 6715df8d5d24 */
	{ FEATURE, PROFILE_BATCH, V(5, 6), EVERY },		/* cb4d03ab499d */
	{ FEATURE, PROFILE_BTF_LOAD, V(4, 18), EVERY },		/* 69b693f0aefa */
	{ FEATURE, PROFILE_REF_CTR, V(4, 20), EVERY },		/* a6ca88b241d5 */
	{ FEATURE, PROFILE_MEMCG, V(5, 11), EVERY },		/* 97306be45fbe */
	{ FEATURE, PROFILE_KPROBE_MULTI, V(5, 18), EVERY },	/* 0dcac2725406 */
};

/*
 * What Red Hat put into 3.10.0-1062 and -1160: kernel/trace/bpf_trace.c, which
 * has the same lists in both, include/linux/bpf_types.h, and the answers of a
 * -1062 that was booted: of the map types in those files it refuses the cgroup
 * array; it takes names, calls between functions, jumps if less and the kprobe
 * PMU, and refuses JMP32, atomics with a result, loops and global data.
 */
#define TYPES_EL7 (KPROBE | TRACEPOINT | PERF)
static const struct fact el7_facts[] = {
	{ HELPER, 1, 0, TYPES_EL7 }, { HELPER, 2, 0, TYPES_EL7 }, { HELPER, 3, 0, TYPES_EL7 },
	{ HELPER, 4, 0, TYPES_EL7 }, { HELPER, 5, 0, TYPES_EL7 }, { HELPER, 6, 0, TYPES_EL7 },
	{ HELPER, 7, 0, TYPES_EL7 }, { HELPER, 8, 0, TYPES_EL7 }, { HELPER, 12, 0, TYPES_EL7 },
	{ HELPER, 14, 0, TYPES_EL7 }, { HELPER, 15, 0, TYPES_EL7 }, { HELPER, 16, 0, TYPES_EL7 },
	{ HELPER, 22, 0, TYPES_EL7 }, { HELPER, 25, 0, TYPES_EL7 }, { HELPER, 27, 0, TYPES_EL7 },
	{ HELPER, 35, 0, TYPES_EL7 }, { HELPER, 36, 0, TYPES_EL7 }, { HELPER, 42, 0, TYPES_EL7 },
	{ HELPER, 45, 0, TYPES_EL7 }, { HELPER, 67, 0, TYPES_EL7 },
	{ HELPER, 55, 0, KPROBE }, { HELPER, 58, 0, KPROBE }, { HELPER, 56, 0, PERF },
	{ MAP, 1, 0, EVERY }, { MAP, 2, 0, EVERY }, { MAP, 3, 0, EVERY }, { MAP, 4, 0, EVERY },
	{ MAP, 5, 0, EVERY }, { MAP, 6, 0, EVERY }, { MAP, 7, 0, EVERY }, { MAP, 9, 0, EVERY },
	{ MAP, 10, 0, EVERY }, { MAP, 11, 0, EVERY }, { MAP, 12, 0, EVERY },
	{ MAP, 13, 0, EVERY }, { MAP, 14, 0, EVERY },
	{ PROGRAM, BPF_PROG_TYPE_KPROBE, 0, EVERY },
	{ PROGRAM, BPF_PROG_TYPE_TRACEPOINT, 0, EVERY },
	{ PROGRAM, BPF_PROG_TYPE_PERF_EVENT, 0, EVERY },
	{ FEATURE, PROFILE_ISA_V2, 0, EVERY },
	{ FEATURE, PROFILE_CALLS, 0, EVERY },
	{ FEATURE, PROFILE_NAMES, 0, EVERY },
	{ FEATURE, PROFILE_KPROBE_PMU, 0, EVERY },
};

struct profile {
	const char *name, *kernels;
	const char *release;		/* of a typical one */
	uint16_t version;		/* has all that mainline had then */
	bool backports;			/* and some of what came later: not known what */
	const struct fact *more;	/* beyond version */
	size_t n_more;
};

static const struct profile profiles[] = {
	{ "el7", "RHEL and CentOS 7.7 to 7.9, 3.10.0-1062 and -1160",
		"3.10.0-1160.el7.x86_64", V(3, 10), false, el7_facts, ARRAY_SIZE(el7_facts) },
	{ "4.9", "Linux 4.9", "4.9.0", V(4, 9) },
	{ "4.14", "Linux 4.14", "4.14.0", V(4, 14) },
	{ "4.18-el8", "RHEL 8, 4.18.0; what it took from later kernels differs and is not known",
		"4.18.0-513.el8.x86_64", V(4, 18), true },
	{ "4.19", "Linux 4.19", "4.19.0", V(4, 19) },
	{ "5.4", "Linux 5.4", "5.4.0", V(5, 4) },
	{ "5.10", "Linux 5.10", "5.10.0", V(5, 10) },
	{ "6.1", "Linux 6.1", "6.1.0", V(6, 1) },
};

static const char *const feature_names[PROFILE_FEATURES] = {
	[PROFILE_ISA_V2] = "the less-than jump",
	[PROFILE_JMP32] = "the 32-bit jump",
	[PROFILE_ATOMICS] = "the atomic operation beyond addition",
	[PROFILE_ISA_V4] = "the instruction of version 4",
	[PROFILE_CALLS] = "the call between functions",
	[PROFILE_LOOPS] = "the bounded loop",
	[PROFILE_LARGE] = "the large program",
	[PROFILE_GLOBAL_DATA] = "global data",
	[PROFILE_TYPED_SYMBOLS] = "the address of a kernel variable",
	[PROFILE_CALLBACKS] = "the callback function",
	[PROFILE_KFUNCS] = "the call of a kernel function",
	[PROFILE_MAP_INDEX] = "the map by index",
	[PROFILE_NAMES] = "the name of a map or program",
	[PROFILE_ANY_VERSION] = "the program of any kernel version",
	[PROFILE_KPROBE_PMU] = "the kprobe PMU",
	[PROFILE_UNINIT_STACK] = "reading stack that was never written",
	[PROFILE_BATCH] = "the batch of map entries",
	[PROFILE_BTF_LOAD] = "the BTF of a program",
	[PROFILE_REF_CTR] = "the USDT semaphore kept by the kernel",
	[PROFILE_MEMCG] = "the accounting by memory cgroup",
	[PROFILE_KPROBE_MULTI] = "the kprobe of many functions",
};

const struct profile *profile_at(size_t index)
{
	return index < ARRAY_SIZE(profiles) ? &profiles[index] : NULL;
}

const struct profile *profile_find(const char *name, struct error *err)
{
	struct nearest near;
	size_t i;

	nearest_init(&near, name);
	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0) {
			free(nearest_hint(&near));
			return &profiles[i];
		}
		nearest_offer(&near, profiles[i].name);
	}
	error_set(err, "E-ARGS", "no profile '%s'", name);
	error_take_hint(err, nearest_hint(&near));
	return NULL;
}

const char *profile_name(const struct profile *p)
{
	return p->name;
}

const char *profile_kernels(const struct profile *p)
{
	return p->kernels;
}

const char *profile_release(const struct profile *p)
{
	return p->release;
}

uint32_t profile_version_code(const struct profile *p)
{
	return (uint32_t)(p->version >> 8) << 16 | (uint32_t)(p->version & 255) << 8;
}

const char *profile_feature_name(enum profile_feature f)
{
	return feature_names[f];
}

/* the earliest row of what is asked for, or NULL */
static const struct fact *find(const struct fact *rows, size_t n, enum kind kind, uint32_t id,
	unsigned types)
{
	const struct fact *best = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct fact *f = &rows[i];

		if (f->kind == kind && f->id == id && (f->types & types) &&
			(!best || f->since < best->since))
			best = f;
	}
	return best;
}

static enum answer ask(const struct profile *p, enum kind kind, uint32_t id, unsigned types,
	unsigned *ret_since)
{
	const struct fact *f = find(facts, ARRAY_SIZE(facts), kind, id, types);

	*ret_since = f ? f->since : 0;
	if (find(p->more, p->n_more, kind, id, types) || (f && f->since <= p->version))
		return ANSWER_YES;
	return p->backports ? ANSWER_UNKNOWN : ANSWER_NO;
}

enum answer profile_program(const struct profile *p, uint32_t type, unsigned *ret_since)
{
	return ask(p, PROGRAM, type, EVERY, ret_since);
}

enum answer profile_map(const struct profile *p, uint32_t type, unsigned *ret_since)
{
	return ask(p, MAP, type, EVERY, ret_since);
}

static unsigned type_bit(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
		return KPROBE;
	case BPF_PROG_TYPE_TRACEPOINT:
		return TRACEPOINT;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return RAW;
	case BPF_PROG_TYPE_PERF_EVENT:
		return PERF;
	case BPF_PROG_TYPE_TRACING:
		return TRACING;
	default:
		return 0;
	}
}

/* a type that is not there has no helpers either, but that is another question */
enum answer profile_helper(const struct profile *p, uint32_t prog_type, uint32_t helper,
	unsigned *ret_since)
{
	return ask(p, HELPER, helper, type_bit(prog_type), ret_since);
}

enum answer profile_has(const struct profile *p, enum profile_feature f, unsigned *ret_since)
{
	return ask(p, FEATURE, f, EVERY, ret_since);
}

/* which fact answers for a feature; where there is none it cannot be told */
static const struct {
	bool known;
	enum kind kind;
	uint32_t id;
	uint8_t types;
} asked[FEATURE_COUNT] = {
	[FEATURE_RINGBUF] = { true, MAP, BPF_MAP_TYPE_RINGBUF, EVERY },
	[FEATURE_PROBE_READ_KERNEL] = { true, HELPER, 113, KPROBE },
	[FEATURE_MAP_NAMES] = { true, FEATURE, PROFILE_NAMES, EVERY },
	[FEATURE_RAW_TRACEPOINT] = { true, PROGRAM, BPF_PROG_TYPE_RAW_TRACEPOINT, EVERY },
	[FEATURE_TRACING_PROGS] = { true, PROGRAM, BPF_PROG_TYPE_TRACING, EVERY },
	[FEATURE_KPROBES] = { true, PROGRAM, BPF_PROG_TYPE_KPROBE, EVERY },
	[FEATURE_UPROBES] = { true, PROGRAM, BPF_PROG_TYPE_KPROBE, EVERY },
	[FEATURE_KPROBE_PMU] = { true, FEATURE, PROFILE_KPROBE_PMU, EVERY },
	[FEATURE_UPROBE_PMU] = { true, FEATURE, PROFILE_KPROBE_PMU, EVERY },
	[FEATURE_KTIME_BOOT] = { true, HELPER, 125, KPROBE },
	[FEATURE_CGROUP_ID] = { true, HELPER, 80, KPROBE },
	[FEATURE_STACKID_TRACEPOINT] = { true, HELPER, 27, TRACEPOINT },
	[FEATURE_BATCH] = { true, FEATURE, PROFILE_BATCH, EVERY },
	[FEATURE_LOOKUP_DELETE_BATCH] = { true, FEATURE, PROFILE_BATCH, EVERY },
	[FEATURE_BTF_LOAD] = { true, FEATURE, PROFILE_BTF_LOAD, EVERY },
	[FEATURE_UPROBE_REF_CTR] = { true, FEATURE, PROFILE_REF_CTR, EVERY },
	[FEATURE_MEMCG_ACCOUNT] = { true, FEATURE, PROFILE_MEMCG, EVERY },
	[FEATURE_UNINIT_STACK] = { true, FEATURE, PROFILE_UNINIT_STACK, EVERY },
	[FEATURE_LOOPS] = { true, FEATURE, PROFILE_LOOPS, EVERY },
	[FEATURE_LARGE] = { true, FEATURE, PROFILE_LARGE, EVERY },
	[FEATURE_CALLS] = { true, FEATURE, PROFILE_CALLS, EVERY },
	[FEATURE_GLOBAL_DATA] = { true, FEATURE, PROFILE_GLOBAL_DATA, EVERY },
	[FEATURE_JMP32] = { true, FEATURE, PROFILE_JMP32, EVERY },
	[FEATURE_GET_STACK] = { true, HELPER, 67, TRACEPOINT },
	[FEATURE_PERF_EVENT_PROGS] = { true, PROGRAM, BPF_PROG_TYPE_PERF_EVENT, EVERY },
	[FEATURE_KPROBE_MULTI] = { true, FEATURE, PROFILE_KPROBE_MULTI, EVERY },
};

enum answer profile_feature_answer(const struct profile *p, enum feature f)
{
	unsigned since;

	if (!asked[f].known)
		return ANSWER_UNKNOWN;
	return ask(p, asked[f].kind, asked[f].id, asked[f].types, &since);
}
