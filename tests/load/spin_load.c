/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes so many seconds of CPU time, for tests that sample it:
 *
 *	spin_load user|kernel|both SECONDS [HOLD]
 *	spin_load user|kernel|both SECONDS exec PROGRAM [ARGUMENTS]
 *
 * user: in load_spin(), below load_outer_spin(), in user mode; kernel: in the kernel, which
 * fills pages with zeros for it; both: one after the other.  HOLD: seconds to stay afterwards, so
 * that stacks find their names; "done" is printed before.  exec: the process goes on as PROGRAM.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* for tests to see from outside: not inlined, not cloned */
#define VISIBLE __attribute__((noipa))

enum { ROUNDS = 200000, BYTES = 1 << 20 };

long load_spin(long rounds);
long load_outer_spin(long rounds);

static char zeros[BYTES];

VISIBLE long load_spin(long rounds)
{
	volatile long sum = 0;
	long i;

	for (i = 0; i < rounds; i++)
		sum += i;
	return sum;
}

VISIBLE long load_outer_spin(long rounds)
{
	return load_spin(rounds) + 1;
}

static double cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	bool user = argc > 2 && strcmp(argv[1], "kernel") != 0;
	bool kernel = argc > 2 && strcmp(argv[1], "user") != 0;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), n;
	bool executes = argc > 4 && strcmp(argv[3], "exec") == 0;
	double end;

	if (argc < 3 || (argc > 4 && !executes) || !strstr("user kernel both", argv[1]) ||
		zero < 0) {
		fputs("usage: spin_load user|kernel|both SECONDS [HOLD | exec PROGRAM "
			"[ARGUMENTS]]\n", stderr);
		return 2;
	}
	for (end = strtod(argv[2], NULL); cpu_time() < end;) {
		if (user)
			load_outer_spin(ROUNDS);
		for (n = 0; kernel && n < 8; n++) {
			if (read(zero, zeros, BYTES) != BYTES)
				return 1;
		}
	}
	if (executes) {
		execv(argv[4], argv + 4);
		perror(argv[4]);
		return 1;
	}
	puts("done");
	fflush(stdout);
	if (argc > 3)
		sleep(strtoul(argv[3], NULL, 10));
	return 0;
}
