/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process makes a file of the cache, the others wait for it.
 *
 * A claim is a lock on one byte, told by the key, of the file CLAIM_FILE in
 * the cache: the kernel drops it with the process, children do not inherit
 * it, and no file is left.  It saves work and is no protection: files are
 * published by rename, so that nothing is wrong without it.
 *
 * A process has one claim at a time.
 */
#ifndef CLAIM_H
#define CLAIM_H

#define CLAIM_FILE "lock"

enum claim_result {
	CLAIM_MINE,		/* until claim_end */
	CLAIM_CHANGED,		/* the file is there now, or another one */
	CLAIM_NONE,		/* no lock to be had, or not in time */
	CLAIM_INTERRUPTED,	/* a signal with a handler came */
};

struct claim {
	int fd;			/* -1: none */
};
#define CLAIM_INIT { -1 }

/*
 * Claims the file `name` of key (hexadecimal digits) below dirfd; waits at
 * most timeout_ms for the end of another's claim, or a new file.
 */
enum claim_result claim_take(struct claim *claim, int dirfd, const char *key, const char *name,
	int timeout_ms);
void claim_end(struct claim *claim);	/* one that was not taken is fine */

#endif
