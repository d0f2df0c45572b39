/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: epoll over descriptors, timers (timerfd), signals
 * (signalfd) and children.  Single-threaded; everything runs in the thread
 * that calls loop_run or loop_step.
 *
 * A callback may remove any source, its own too, at any time; removal
 * closes what the loop itself opened (timerfd, pidfd), never the caller's
 * fd.  Remove a source before closing its fd.
 *
 * A callback may run nested turns (loop_run, loop_step).  They serve all
 * sources but those whose callback is running: no callback is entered twice,
 * and what came for it meanwhile waits.  core/loop may use core/base.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct loop;
struct source;

struct loop *loop_new(struct error *err);			/* E-LIMIT */
void loop_free(struct loop *l);		/* removes all sources; NULL is fine */

/*
 * events: EPOLLIN | ... ; the callback gets what happened.  Level-triggered.
 * An fd that epoll refuses, such as a regular file, is ready in every turn.
 * Functions that make a source return NULL with E-LIMIT.
 */
typedef void (*fd_fn)(void *arg, uint32_t events);
struct source *loop_add_fd(struct loop *l, int fd, uint32_t events, fd_fn fn, void *arg,
	struct error *err);

/*
 * Fires after first_ns and then each interval_ns (0: once, the source is
 * removed behind the callback).  Ticks stay on the grid start + k*interval:
 * ticks that were missed are reported in `missed` and not made up for.
 */
typedef void (*timer_fn)(void *arg, uint64_t missed);
struct source *loop_add_timer(struct loop *l, uint64_t first_ns, uint64_t interval_ns,
	timer_fn fn, void *arg, struct error *err);

/* blocks the signal for the process and delivers it here; loop_free restores
 * the mask, removal of the source does not.  Several sources may watch one
 * signal; one that comes while there is none for it is dropped. */
typedef void (*signal_fn)(void *arg, int signo);
struct source *loop_add_signal(struct loop *l, int signo, signal_fn fn, void *arg,
	struct error *err);

/* fn once, with the wait status (-1: somebody else reaped it); the child is
 * reaped here, the source removed behind the callback.  If the source is
 * removed before, reaping is the caller's again. */
typedef void (*child_fn)(void *arg, pid_t pid, int status);
struct source *loop_add_child(struct loop *l, pid_t pid, child_fn fn, void *arg,
	struct error *err);

/* fn after the sources of each turn, before the next wait: flushing output */
typedef void (*turn_fn)(void *arg);
struct source *loop_add_turn(struct loop *l, turn_fn fn, void *arg);

void source_remove(struct source *s);	/* NULL is fine */

/* Runs until loop_stop, with or without sources. 0, or -1 on E-LIMIT. */
int loop_run(struct loop *l, struct error *err);
/* the innermost loop_run returns behind its turn, hooks included; without one, nothing */
void loop_stop(struct loop *l);
/* one turn, waiting at most timeout_ms (-1: for ever). Callbacks run, hooks not
 * counted: count, or -1 */
int loop_step(struct loop *l, int timeout_ms, struct error *err);
bool loop_has_work(const struct loop *l);	/* any fd, timer or child source */

uint64_t loop_now(void);		/* CLOCK_MONOTONIC, ns */

#endif
