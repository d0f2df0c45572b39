/* SPDX-License-Identifier: Apache-2.0 */
/* A probe in a shared library, with a semaphore of its own. */
#include <stdint.h>

#include "usdt.h"

#ifdef __x86_64__
USDT_SEMAPHORE(library_semaphore) __attribute__((visibility("hidden")));

void usdt_library(int64_t n);

void usdt_library(int64_t n)
{
	USDT_NOTE("mtlib", "round", "0", "-8@%0 -4@%k1", "r"(n), "r"(-n));
	if (library_semaphore)
		USDT_NOTE("mtlib", "gated", "library_semaphore", "-8@%0", "r"(-n));
}
#else
void usdt_library(int64_t n);

void usdt_library(int64_t n)
{
}
#endif
