//! btf
#include <net/sock.h>
#include <linux/in6.h>
#include <uapi/linux/in6.h>
#include <net/inet_sock.h>
struct event { struct in6_addr to; unsigned __int128 raw; u16 port; };
EVENTS(events, struct event);
int kretprobe__inet_csk_accept(struct pt_regs *ctx)
{
	struct sock *newsk = (struct sock *)PT_REGS_RC(ctx);
	struct event e = {};
	struct inet_connection_sock *icsk = inet_csk(newsk);
	if (newsk->sk_protocol != IPPROTO_TCP || icsk->icsk_accept_queue.rskq_defer_accept)
		return 0;
	e.to = newsk->sk_v6_daddr;
	e.port = newsk->sk_num;
	bpf_probe_read_kernel(&e.raw, sizeof(e.raw), &newsk->sk_v6_rcv_saddr.s6_addr32);
	events.submit(ctx, &e);
	return 0;
}
