/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps and works below many stacks of its own, one after the other, for ever: `stack_load N'
 * goes 1 to N calls deep, where it takes a millisecond of CPU time and one of sleep.
 */
#include <stdlib.h>
#include <time.h>

static long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* not inlined, and no jump */
static __attribute__((noipa)) void go_down(int n)
{
	struct timespec t = { 0, 1000000 };
	long end;

	if (n > 1) {
		go_down(n - 1);
	} else {
		for (end = cpu_ns() + 1000000; cpu_ns() < end;)
			continue;
		nanosleep(&t, NULL);
	}
	__asm__ volatile("" : : : "memory");
}

int main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0, i;

	for (i = 0; n > 0; i = (i + 1) % n)
		go_down(i + 1);
	return 2;
}
