// What a decoder may meet: nested structs, unions, bit fields, enums, arrays.
#include <linux/in6.h>

enum color { RED, GREEN = 5, BLUE = -1 };
struct address {
	u8 family;
	union {
		u32 v4;
		u8 v6[16];
	} addr;
};
struct event {
	struct address ends[2];
	enum color color;
	unsigned int syn : 1, ack : 1, window : 14;
	struct {
		s64 inner;
	};
	char comm[16];
	u16 ports[2][3];
	void *pointer;
	struct event *self;
	struct in6_addr in6;
	bool ok;
};
EVENTS(events, struct event);

int f(void *ctx)
{
	struct event e = {};

	events.submit(ctx, &e);
	return 0;
}
