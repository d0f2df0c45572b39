/* SPDX-License-Identifier: Apache-2.0 */
#include "hold.h"

#include <errno.h>
#include <time.h>

static bool is_pending(int signo)
{
	sigset_t set;

	return signo && sigpending(&set) == 0 && sigismember(&set, signo) == 1;
}

static void hold(struct hold *h, const sigset_t *set, int eaten)
{
	sigprocmask(SIG_BLOCK, set, &h->old);
	h->eaten = eaten;
	h->was_pending = is_pending(eaten);
}

void hold_all(struct hold *h, int eaten)
{
	sigset_t set;

	sigfillset(&set);
	hold(h, &set, eaten);
}

void hold_one(struct hold *h, int eaten)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, eaten);
	hold(h, &set, eaten);
}

void hold_end(struct hold *h)
{
	static const struct timespec now;
	int saved = errno;
	sigset_t set;

	if (h->eaten && !h->was_pending && is_pending(h->eaten)) {
		sigemptyset(&set);
		sigaddset(&set, h->eaten);
		sigtimedwait(&set, NULL, &now);
	}
	sigprocmask(SIG_SETMASK, &h->old, NULL);
	errno = saved;
}
