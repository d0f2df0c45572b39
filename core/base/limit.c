/* SPDX-License-Identifier: Apache-2.0 */
#include "limit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FILES_MAX = 65536,
	ROOM = 8,		/* files that a popen needs, and some */
};

static struct rlimit before, raised;
static bool is_raised;

void limit_raise_files(void)
{
	if (is_raised || getrlimit(RLIMIT_NOFILE, &before) != 0)
		return;
	raised = before;
	if (raised.rlim_cur < FILES_MAX)
		raised.rlim_cur = before.rlim_max < FILES_MAX ? before.rlim_max : FILES_MAX;
	is_raised = raised.rlim_cur > before.rlim_cur &&
		setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

void limit_restore_files(void)
{
	if (is_raised)
		setrlimit(RLIMIT_NOFILE, &before);
}

/* a limit below which ROOM numbers are free */
static rlim_t limit_with_room(void)
{
	int fds[ROOM], i, last = -1;

	for (i = 0; i < ROOM; i++) {
		fds[i] = open("/", O_PATH | O_CLOEXEC);
		if (fds[i] > last)
			last = fds[i];
	}
	for (i = 0; i < ROOM; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return last + 1;
}

void limit_lower_files(void)
{
	struct rlimit lower = before;
	rlim_t room;

	if (!is_raised)
		return;
	room = limit_with_room();
	if (lower.rlim_cur < room)
		lower.rlim_cur = room;
	setrlimit(RLIMIT_NOFILE, &lower);
}

void limit_raise_again(void)
{
	if (is_raised)
		setrlimit(RLIMIT_NOFILE, &raised);
}
