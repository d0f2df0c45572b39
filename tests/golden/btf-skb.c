//! btf
#include <linux/skbuff.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <uapi/linux/tcp.h>
struct key { u32 saddr, daddr; u16 dport; u8 proto; char dev[IFNAMSIZ]; };
BPF_HASH(packets, struct key);
int kprobe__ip_rcv(struct pt_regs *ctx, struct sk_buff *skb)
{
	struct key k = {};
	struct iphdr *ip = (struct iphdr *)(skb->head + skb->network_header);
	struct tcphdr *tcp = (struct tcphdr *)(skb->head + skb->transport_header);
	if (skb->protocol != htons(ETH_P_IP))
		return 0;
	k.saddr = ip->saddr;
	k.daddr = ip_hdr(skb)->daddr;
	k.proto = ip->protocol;
	if (k.proto == IPPROTO_TCP)
		k.dport = tcp->dest;
	else if (k.proto == IPPROTO_UDP)
		k.dport = udp_hdr(skb)->dest;
	else if (k.proto == IPPROTO_ICMP && icmp_hdr(skb)->type == ICMP_ECHO)
		return 0;
	bpf_probe_read_kernel_str(&k.dev, sizeof(k.dev), skb->dev->name);
	packets.increment(k);
	return 0;
}
