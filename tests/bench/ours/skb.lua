-- SPDX-License-Identifier: Apache-2.0
-- looks into struct sk_buff and struct sock
require("bpf").load[[
#include <linux/skbuff.h>
#include <net/sock.h>
BPF_HASH(bytes, u32, u64);
int seen(struct pt_regs *ctx)
{
    struct sk_buff *skb = (struct sk_buff *)PT_REGS_PARM1(ctx);
    struct sock *sk = skb->sk;
    u32 port = sk ? sk->__sk_common.skc_num : 0;
    u64 len = skb->len, *sum = bytes.lookup_or_try_init(&port, &len);
    if (sum)
        lock_xadd(sum, len);
    return 0;
}
]]
