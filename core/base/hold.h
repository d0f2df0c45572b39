/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds signals back for a while: around work that must not be left half
 * done, and around writes that would raise SIGPIPE or SIGXFSZ.
 */
#ifndef HOLD_H
#define HOLD_H

#include <signal.h>
#include <stdbool.h>

struct hold {
	sigset_t old;		/* the mask to restore */
	int eaten;
	bool was_pending;
};

/*
 * Blocks every signal, or just `eaten`.  hold_end takes away the `eaten`
 * signal that came meanwhile (0: none) and restores the mask; what else
 * came is delivered then.  Keeps errno.
 */
void hold_all(struct hold *h, int eaten);
void hold_one(struct hold *h, int eaten);
void hold_end(struct hold *h);

#endif
