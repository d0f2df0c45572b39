/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiler is, for the keys of the cache: the bytes of its file and
 * what it says of itself, the build ids of its libraries among it.
 *
 * A compiler is asked once, which takes longer than a whole start with a
 * cached object.  The answer is kept in the cache, with device, inode, size
 * and the times of modification and of change of each file that it depends
 * on: a package that keeps times of modification cannot keep all of these.
 */
#ifndef COMPILER_H
#define COMPILER_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "cache/cache.h"

/* the digest of it; warnings: of a damaged answer. E-COMPILER, if a signal interrupts */
int compiler_identity(struct cache *c, const char *compiler, char ret[DIGEST_HEX],
	struct buf *warnings, struct error *err);

/*
 * The kept answer, which may be any bytes: true if it is whole, and `ret` is
 * the identity; `stamps`: its lines about files, lent.
 */
bool compiler_note_parse(const struct buf *note, char ret[DIGEST_HEX], const char **stamps);
/* all files are those that they were; stamps may be any text */
bool compiler_note_holds(const char *stamps);

#endif
