/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes an exact number of function calls, for tests that count and time them:
 *
 *	function_load FUNCTION COUNT [ARGUMENT [HOLD]]
 *
 * FUNCTION is call: load_call(i, "even" or "odd"), which returns 2 * i; outer:
 * load_outer(i), which calls load_call; sleep: load_sleep(ARGUMENT), which
 * sleeps for ARGUMENT ms.  HOLD: seconds to stay afterwards, so that stacks
 * find their names; "done" is printed before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* for tests to see from outside: not inlined, not cloned, all arguments passed */
#define VISIBLE __attribute__((noipa))

long load_call(long n, const char *text);
long load_outer(long n);
int load_sleep(unsigned int ms);

VISIBLE long load_call(long n, const char *text)
{
	return 2 * n + (text == NULL);
}

VISIBLE long load_outer(long n)
{
	return load_call(n, n % 2 ? "odd" : "even") + 1;
}

VISIBLE int load_sleep(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	return nanosleep(&t, NULL);
}

static int usage(void)
{
	fputs("usage: function_load call|outer|sleep COUNT [ARGUMENT [HOLD]]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long count, i, argument;
	const char *name;

	if (argc < 3 || argc > 5)
		return usage();
	name = argv[1];
	count = strtoul(argv[2], NULL, 10);
	argument = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	for (i = 0; i < count; i++) {
		if (strcmp(name, "call") == 0)
			load_call(i, i % 2 ? "odd" : "even");
		else if (strcmp(name, "outer") == 0)
			load_outer(i);
		else if (strcmp(name, "sleep") == 0)
			load_sleep(argument);
		else
			return usage();
	}
	if (argc > 4) {
		puts("done");
		fflush(stdout);
		sleep(strtoul(argv[4], NULL, 10));
	}
	return 0;
}
