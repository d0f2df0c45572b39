/* SPDX-License-Identifier: Apache-2.0 */
/* A second function of the same name, for inline_frames.c. */
#include "inline_frames.h"

static volatile int count;

static __attribute__((noinline)) void twin(void)
{
	frame_other_twin = frame_here();	/* LINE other twin */
	count++;
}

void other_twin(void)
{
	twin();
	count++;
}
