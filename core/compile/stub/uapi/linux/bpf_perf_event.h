/* SPDX-License-Identifier: Apache-2.0 */
/* The context of programs on perf events. */
#ifndef STUB_LINUX_BPF_PERF_EVENT_H
#define STUB_LINUX_BPF_PERF_EVENT_H

#include <asm/ptrace.h>

#ifndef MOONTRACE_HAS_bpf_user_pt_regs_t
typedef struct pt_regs bpf_user_pt_regs_t;
#endif

#ifndef MOONTRACE_HAS_bpf_perf_event_data
struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	__u64 sample_period;
	__u64 addr;
};
#endif

#endif
