//! btf
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
struct event { u32 pid, saddr, daddr; u16 dport, family; char comm[TASK_COMM_LEN]; };
BPF_HASH(currsock, u32, struct sock *);
EVENTS(events, struct event);
int trace_entry(struct pt_regs *ctx, struct sock *sk)
{
	u32 tid = bpf_get_current_pid_tgid();
	currsock.update(&tid, &sk);
	return 0;
}
int trace_return(struct pt_regs *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct sock **skpp = currsock.lookup(&tid);
	struct event e = {};
	if (!skpp || PT_REGS_RC(ctx))
		return 0;
	struct sock *skp = *skpp;
	e.pid = tid;
	e.family = skp->__sk_common.skc_family;
	if (e.family == AF_INET) {
		e.saddr = skp->__sk_common.skc_rcv_saddr;
		e.daddr = skp->__sk_common.skc_daddr;
	} else if (e.family == AF_INET6) {
		bpf_probe_read_kernel(&e.daddr, sizeof(e.daddr),
			skp->__sk_common.skc_v6_daddr.in6_u.u6_addr32);
	}
	e.dport = ntohs(skp->__sk_common.skc_dport);
	bpf_get_current_comm(&e.comm, sizeof(e.comm));
	events.submit(ctx, &e);
	currsock.delete(&tid);
	return 0;
}
