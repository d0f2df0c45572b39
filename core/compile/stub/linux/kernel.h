/* SPDX-License-Identifier: Apache-2.0 */
/* Small macros that kernel code expects everywhere. */
#ifndef STUB_LINUX_KERNEL_H
#define STUB_LINUX_KERNEL_H

#include <linux/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define min(a, b) ({ typeof(a) _min_a = (a); typeof(b) _min_b = (b); \
	_min_a < _min_b ? _min_a : _min_b; })
#define max(a, b) ({ typeof(a) _max_a = (a); typeof(b) _max_b = (b); \
	_max_a > _max_b ? _max_a : _max_b; })
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define BIT(n) (1UL << (n))
#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_SEC 1000000000L
#define USEC_PER_MSEC 1000L
#define USEC_PER_SEC 1000000L
#define MSEC_PER_SEC 1000L
#define container_of(ptr, type, member) \
	((type *)((void *)(ptr) - offsetof(type, member)))

#endif
