/* SPDX-License-Identifier: Apache-2.0 */
/* Setup and teardown for cmocka: a test closes each descriptor that it opened. */
#ifndef FDS_H
#define FDS_H

#include <dirent.h>
#include <stdio.h>

static int fds_before;

static int fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int fds_setup(void **state)
{
	fds_before = fds_count();
	return 0;
}

static int fds_teardown(void **state)
{
	int n = fds_count();

	if (n != fds_before)
		fprintf(stderr, "descriptors: %d before the test, %d behind it\n", fds_before, n);
	return n == fds_before ? 0 : -1;
}

#define fds_test(fn) cmocka_unit_test_setup_teardown(fn, fds_setup, fds_teardown)

#endif
