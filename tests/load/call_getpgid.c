/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the C library's getpgid COUNT times. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0, i, sum = 0;

	for (i = 0; i < n; i++)
		sum += getpgid(0) > 0;
	return sum == n ? 0 : 1;
}
