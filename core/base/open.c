/* SPDX-License-Identifier: Apache-2.0 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int open_regular(const char *path, int flags)
{
	int handle = open(path, O_PATH | O_CLOEXEC | flags), fd = -1, err;
	struct stat st;
	char self[32];

	if (handle < 0)
		return -1;
	if (fstat(handle, &st) < 0) {
		err = errno;
	} else if (!S_ISREG(st.st_mode)) {
		err = S_ISLNK(st.st_mode) ? ELOOP : EINVAL;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0 && errno == ENOENT)	/* there is no /proc */
			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
		err = errno;
	}
	close(handle);
	errno = err;
	return fd;
}
