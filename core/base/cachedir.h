/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private directory of what can be made again: compiled objects and
 * unpacked headers.
 *
 * It must be a directory (no link) of the effective user that no other can
 * write, and nobody but root, the user, who called sudo and the owner of "/"
 * may be able to put another in its place: neither by a directory on the way
 * to it, nor by a link.  Each error is E-CACHE.
 */
#ifndef CACHEDIR_H
#define CACHEDIR_H

#include "error.h"

/*
 * The path of it, without slashes at its end; the caller owns it.  told NULL:
 * /var/cache/moontrace for root, else $XDG_CACHE_HOME/moontrace or
 * ~/.cache/moontrace; NULL and an error if there is no home.
 */
char *cachedir_choose(const char *told, struct error *err);
/* makes it with mode 0700 if it is missing, checks it; a descriptor or -1 */
int cachedir_open(const char *dir, struct error *err);

#endif
