/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls getppid from as many different stacks as it is told: 17 levels, each
 * with two functions to go on by.
 *
 *	paths COUNT
 *
 * Prints its process id, waits for a line on stdin, makes the calls, prints
 * "done" and stays until stdin ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* each function keeps a frame of its own: no call of them is a jump */
#define FUNCTION(name, bit, left, right) \
	static __attribute__((noinline, optimize("O1,no-omit-frame-pointer"))) \
	void name(unsigned long path) \
	{ \
		(path >> (bit) & 1 ? right : left)(path); \
		__asm__ volatile(""); \
	}

static __attribute__((noinline, optimize("O1,no-omit-frame-pointer"))) void leaf(unsigned long path)
{
	syscall(SYS_getppid, path);
	__asm__ volatile("");
}

#define LEVEL(n, next) FUNCTION(left_##n, n, left_##next, right_##next) \
	FUNCTION(right_##n, n, left_##next, right_##next)

FUNCTION(left_16, 16, leaf, leaf)
FUNCTION(right_16, 16, leaf, leaf)
LEVEL(15, 16)
LEVEL(14, 15)
LEVEL(13, 14)
LEVEL(12, 13)
LEVEL(11, 12)
LEVEL(10, 11)
LEVEL(9, 10)
LEVEL(8, 9)
LEVEL(7, 8)
LEVEL(6, 7)
LEVEL(5, 6)
LEVEL(4, 5)
LEVEL(3, 4)
LEVEL(2, 3)
LEVEL(1, 2)
LEVEL(0, 1)

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 0, i;

	printf("%d\n", getpid());
	fflush(stdout);
	if (getchar() == EOF)
		return 0;
	for (i = 0; i < n; i++)
		(i >> 16 & 1 ? right_0 : left_0)(i);
	printf("done\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
