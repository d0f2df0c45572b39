/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inlined functions whose addresses are known: prints frames, a line each,
 * for symline to look up.  Lines that say so are where they are.
 *
 * It says of itself that it is a kernel, whose release is as long as one
 * wants: a test writes another one there.
 */
#include <elf.h>
#include <link.h>
#include <stdio.h>

#include "inline_frames.h"

const char linux_banner[] = "Linux version 1.2.3-test"
	"                                                                (test@test) #1\n";

unsigned long frame_inlined, frame_plain, frame_twin, frame_other_twin;
static volatile int count;

/* the last byte of the call */
unsigned long frame_here(void)
{
	__asm__ volatile("");
	return (unsigned long)__builtin_return_address(0) - 1;
}

static inline __attribute__((always_inline)) void innermost(void)
{
	frame_inlined = frame_here();		/* LINE innermost */
	count++;
}

static inline __attribute__((always_inline)) void middle(void)
{
	count++;
	innermost();				/* LINE middle */
}

static __attribute__((noinline)) void outer(void)
{
	count++;
	middle();				/* LINE outer */
	count++;
}

static __attribute__((noinline)) void plain(void)
{
	count++;
	frame_plain = frame_here();		/* LINE plain */
	count++;
}

static __attribute__((noinline)) void twin(void)
{
	frame_twin = frame_here();		/* LINE twin */
	count++;
}

/* where the program is loaded, less where it says that it wants to be */
static int find_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
	*(unsigned long *)bias = info->dlpi_addr;
	return 1;
}

static void print(const char *name, unsigned long fn, unsigned long frame)
{
	printf("%s+0x%lx\n", name, frame - fn);
}

int main(void)
{
	unsigned long bias = 0;

	dl_iterate_phdr(find_bias, &bias);
	outer();
	plain();
	twin();
	other_twin();
	print("outer", (unsigned long)outer, frame_inlined);
	print("plain", (unsigned long)plain, frame_plain);
	print("twin", (unsigned long)twin, frame_twin);
	printf("0x%lx\n", frame_inlined - bias);
	return linux_banner[0] != 'L';
}
