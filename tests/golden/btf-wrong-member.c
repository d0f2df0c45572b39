//! btf
#include <linux/skbuff.h>
int probe(struct pt_regs *ctx, struct sk_buff *skb)
{
	return skb->no_such_member;
}
