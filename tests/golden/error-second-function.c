//! file softirqs.lua
//! line 100
// Places stay right behind braces, and in a line that was rewritten.
#include <uapi/linux/ptrace.h>
struct event { u32 pid; };
EVENTS(events, struct event);

int first(struct pt_regs *ctx, int a) { if (a) { return 1; } return 0; }

int second(struct pt_regs *ctx)
{
	struct event e = {};

	for (int i = 0; i < 3; i++) {
		if (i) {
			e.pid += i;
		}
	}
	events.submit(ctx, &e); vecc = 2;
	if (e.pid) {
		e.pidd = missing + 3;
	}
	return 0;
}
