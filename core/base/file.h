/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are read whole, and written whole or not at all.
 * Each error is E-FILE.
 */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

/*
 * Appends the content, whatever stat says of its size (/proc, tracefs,
 * pipes).  More than `limit` bytes are an error.  On failure out is what it
 * was.  A signal that has a handler ends the waiting for a FIFO's or a
 * terminal's content, with SA_RESTART, too: err->sys is EINTR then.
 */
int file_read(const char *path, size_t limit, struct buf *out, struct error *err);
/* from where fd stands; name is for the message */
int file_read_fd(int fd, const char *name, size_t limit, struct buf *out, struct error *err);

/* root, the effective user, and for root who called sudo: he could have run anything */
bool file_owner_trusted(uid_t uid);

/*
 * True if path, links followed, is a regular file that only its owner (and
 * a group with the owner's number) can write, and the owner is root, the
 * effective user or, for root, SUDO_UID; else err says why not.
 * file_read_safe asks this of the very file that it then reads.
 */
bool file_is_safe(const char *path, struct error *err);
int file_read_safe(const char *path, size_t limit, struct buf *out, struct error *err);

/*
 * Replaces or creates `name` (below dirfd, which may be AT_FDCWD) in one
 * step that survives a crash: readers see the old file or the new one.
 * mode is exact, no umask is applied.  Signals are held back meanwhile, so
 * that no temporary file (FILE_TEMPORARY...) outlives a failure; a SIGKILL
 * or a crash may leave one.
 */
#define FILE_TEMPORARY ".moontrace-"
int file_write_atomic(int dirfd, const char *name, const void *data, size_t size, mode_t mode,
	struct error *err);

/* writes it all to a file or pipe that waits; 0 or an errno */
int file_write_all(int fd, const void *data, size_t size);

/* makes path and the directories above it that are missing, all of this mode
 * less the umask; one that exists is left as it is */
int file_make_dirs(const char *path, mode_t mode, struct error *err);

/*
 * Flushes a stream.  0, or the errno of what failed since it was opened: EPIPE
 * if its reader is gone.  Of a write that nobody looked at the cause is what errno
 * still says, else EIO.
 */
int file_flush(FILE *f);

#endif
