/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: one timerfd each; the kernel keeps the grid and counts the ticks. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop/source.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

static int timer_ready(struct source *s, uint32_t events)
{
	uint64_t ticks = 0;

	if (read(s->fd, &ticks, sizeof(ticks)) != sizeof(ticks) || ticks == 0)
		return 0;
	return source_call(s, ticks - 1);
}

static void timer_call(struct source *s, uint64_t missed)
{
	s->fn.timer(s->arg, missed);
}

static struct timespec to_timespec(uint64_t ns)
{
	/* the kernel's clock ends at 2^63 ns */
	if (ns > INT64_MAX)
		ns = INT64_MAX;
	return (struct timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

/* an absolute start: 0 from now would disarm the timer */
static int timer_arm(int fd, uint64_t first_ns, uint64_t interval_ns)
{
	uint64_t now = loop_now();
	struct itimerspec spec = {
		.it_value = to_timespec(first_ns > INT64_MAX - now ? INT64_MAX : now + first_ns),
		.it_interval = to_timespec(interval_ns),
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

struct source *loop_add_timer(struct loop *l, uint64_t first_ns, uint64_t interval_ns,
	timer_fn fn, void *arg, struct error *err)
{
	static const struct source_ops ops = { SOURCE_TIMER, true, timer_ready, timer_call };
	struct source *s = source_new(l, &ops, arg);
	int ret = 0;

	s->events = EPOLLIN;
	s->fn.timer = fn;
	s->once = interval_ns == 0;
	s->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->fd < 0 || timer_arm(s->fd, first_ns, interval_ns) != 0)
		ret = -errno;
	if (ret == 0)
		ret = source_poll(s);
	if (ret < 0) {
		source_remove(s);
		error_sys(err, "E-LIMIT", -ret, "make a timer");
		return NULL;
	}
	source_link(s);
	return s;
}
