/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that calls itself, and one with a text, for probes at their
 * entries and returns: `recursion N` computes fib(N), and calls leaf() seven
 * times.
 */
#include <stdio.h>
#include <stdlib.h>

long fib(long n);
int leaf(int i, const char *text);

__attribute__((noinline, noclone)) long fib(long n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((noinline, noclone)) int leaf(int i, const char *text)
{
	return text[0] == 'e' ? -i : i;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0;
	/* once read, their page is there for probes, too */
	const char *volatile texts[] = { "even", "odd" };
	int i, sum = texts[0][0] == texts[1][0];

	for (i = 0; i < 7; i++)
		sum += leaf(i, texts[i % 2]);
	printf("%ld %d\n", fib(n), sum);
	return 0;
}
