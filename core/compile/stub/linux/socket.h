/* SPDX-License-Identifier: Apache-2.0 */
/* Address families and the generic socket address. */
#ifndef STUB_LINUX_SOCKET_H
#define STUB_LINUX_SOCKET_H

#include <linux/types.h>

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_VSOCK 40

typedef unsigned short sa_family_t;

struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};

#endif
