/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object cache: a private directory with one file KEY.o per object.
 *
 * Any number of processes may use it at once: entries are published whole,
 * by rename, and never changed.  Beyond the size limit those go first that
 * were not used for longest; a use is recorded as the file's mtime.  An
 * entry is an object like any other, so that `moontrace dump` reads it.
 * Beside them are notes KEY.note, which are what compilers said of
 * themselves, and an empty file for locks.
 *
 * A key is DIGEST_HEX - 1 lower-case hex digits.  Each error is E-CACHE;
 * callers make a warning of it, since nothing depends on a cache.
 * core/cache may use core/base and core/object.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "cache/claim.h"
#include "object/object.h"

#define CACHE_LIMIT (UINT64_C(64) << 20)	/* bytes, unless told otherwise */
#define CACHE_FACT "key"			/* the object's own record of its key */

struct cache;

/*
 * dir NULL: /var/cache/moontrace for root, else $XDG_CACHE_HOME/moontrace or
 * ~/.cache/moontrace.  Made with mode 0700 if missing.  It must be a
 * directory (no link) of the effective user that no other can write.
 */
struct cache *cache_open(const char *dir, struct error *err);
void cache_free(struct cache *c);		/* NULL is fine */
const char *cache_dir(const struct cache *c);	/* lent */
void cache_set_limit(struct cache *c, uint64_t bytes);

/*
 * 1: found, the caller owns *ret.  0: not there; if that is because the
 * entry was damaged, a line that says so is added to `warnings` and the
 * entry is gone.
 */
int cache_get(struct cache *c, const char *key, struct object **ret, struct buf *warnings);

/*
 * Publishes obj, after adding the fact CACHE_FACT to it, and makes room.
 * 0 or -1: no space, an object beyond the limit, one with another key.
 */
int cache_put(struct cache *c, const char *key, struct object *obj, struct error *err);

/* of the files of a key */
#define CACHE_OBJECT ".o"
#define CACHE_NOTE ".note"

/* claim_take for the file of key with this suffix */
enum claim_result cache_claim(struct cache *c, struct claim *claim, const char *key,
	const char *suffix, int timeout_ms);

/* a small file of text; get, put and warnings are as those of objects */
int cache_get_note(struct cache *c, const char *key, struct buf *ret, struct buf *warnings);
int cache_put_note(struct cache *c, const char *key, const struct buf *text, struct error *err);
/* it was not what it should be: away with it */
void cache_drop_note(struct cache *c, const char *key, const char *why, struct buf *warnings);

struct cache_entry {
	char key[DIGEST_HEX];
	uint64_t size;			/* bytes */
	struct timespec used;		/* last put or hit, CLOCK_REALTIME */
};
/* the last used first; the caller frees *ret. 0 or -1 */
int cache_list(struct cache *c, struct cache_entry **ret, size_t *ret_n, struct error *err);
/* removes every entry and note; *ret_n: how many entries. 0 or -1 */
int cache_clear(struct cache *c, size_t *ret_n, struct error *err);

#endif
