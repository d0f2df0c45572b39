//! btf
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/ip.h>
#include <linux/netdevice.h>
#include <linux/un.h>
#include <linux/uio.h>
BPF_HASH(devices, u32);
int dev(struct pt_regs *ctx, struct net_device *dev, struct msghdr *msg, struct sockaddr_in *in)
{
	u32 key = dev->ifindex + dev->nd_net.net->ns.inum;
	if (dev->mtu > 1500 && in->sin_family == AF_INET && in->sin_addr.s_addr)
		key += ((struct sockaddr_in6 *)in)->sin6_addr.in6_u.u6_addr32[0];
	if (msg->msg_name)
		devices.increment(key);
	return 0;
}
