/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler may not do: privileges, limits, and a directory of its own. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "base/error.h"

/*
 * Gives up what root could do: becomes a user that no other process is, if it
 * is root, drops all capabilities, can gain none again; sets resource limits.
 * E-COMPILER
 */
int sandbox_enter(struct error *err);

/* signal: sent to this process when its parent dies (now or soon) */
int sandbox_follow_parent(int signal, struct error *err);

/* a new 0700 directory in $TMPDIR, /tmp, /var/tmp or /dev/shm. E-FILE. Caller owns */
char *sandbox_directory(struct error *err);
/* removes the directory with all that is in it */
void sandbox_remove(const char *dir);

#endif
