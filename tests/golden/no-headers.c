//! version 3.10.0
#include <uapi/linux/ptrace.h>
#include <linux/skbuff.h>

int kprobe__icmp_echo(struct pt_regs *ctx, struct sk_buff *skb)
{
	return skb->len;
}
