/* SPDX-License-Identifier: Apache-2.0 */
/* Opening files that others named. */
#ifndef OPEN_H
#define OPEN_H

/*
 * A file descriptor to read a regular file, or -1 with errno.  Nothing else
 * is opened for real: opening a device or a FIFO has effects.
 * flags: 0 or O_NOFOLLOW.
 */
int open_regular(const char *path, int flags);

#endif
