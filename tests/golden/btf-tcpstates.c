//! btf
#include <linux/tcp.h>
#include <net/tcp.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>
struct event { u64 skaddr; u32 netns; u16 lport, dport; int old, new; u32 srtt; u64 acked; };
BPF_HASH(last, struct sock *, u64);
EVENTS(events, struct event);
int kprobe__tcp_set_state(struct pt_regs *ctx, struct sock *sk, int state)
{
	struct event e = {};
	u64 now = bpf_ktime_get_ns();
	struct tcp_sock *tp = tcp_sk(sk);
	if (sk->sk_family != AF_INET)
		return 0;
	e.skaddr = (u64)sk;
	e.lport = inet_sk(sk)->inet_sport;
	e.dport = sk->sk_dport;
	e.dport = ntohs(e.dport);
	e.netns = sk->__sk_common.skc_net.net->ns.inum;
	e.old = sk->sk_state;
	e.new = state;
	e.srtt = tp->srtt_us >> 3;
	e.acked = tp->bytes_acked;
	if (state == TCP_CLOSE)
		last.delete(&sk);
	else if (state < TCP_FIN_WAIT1)
		last.update(&sk, &now);
	events.submit(ctx, &e);
	return 0;
}
