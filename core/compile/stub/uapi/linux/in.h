/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 addresses and protocol numbers. */
#ifndef STUB_LINUX_IN_H
#define STUB_LINUX_IN_H

#include <linux/socket.h>
#include <linux/types.h>

enum {
	IPPROTO_IP = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_IPV6 = 41,
	IPPROTO_ICMPV6 = 58,
};

struct in_addr {
	__be32 s_addr;
};

struct sockaddr_in {
	sa_family_t sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
	unsigned char __pad[8];
};

#endif
