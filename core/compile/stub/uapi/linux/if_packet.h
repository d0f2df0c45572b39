/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_LINUX_IF_PACKET_H
#define STUB_LINUX_IF_PACKET_H

#include <linux/types.h>

/* whom a packet is for */
#define PACKET_HOST 0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING 4

#endif
