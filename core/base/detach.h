/* SPDX-License-Identifier: Apache-2.0 */
/* A process of ours that ends after us: what closes or restores behind our back. */
#ifndef DETACH_H
#define DETACH_H

#include <stddef.h>

/*
 * Runs fn(arg, parent) in a new process, which ends when fn returns, and
 * returns a socket whose other end is `parent`: each side reads its end once
 * the other has shut down, closed, or died in whatever way.  -1, and no
 * process: errno says why.
 *
 * The process is called `name` (15 bytes), and so is its command line: who
 * kills us by our name does not hit it.  It is a child of init in a session of
 * its own with all signals blocked, stands in /, and has of our descriptors
 * only the n at keep, not even the standard ones.  When this returns it has
 * no other any more.
 */
int detach_start(const char *name, const int *keep, size_t n,
	void (*fn)(void *arg, int parent), void *arg);

#endif
