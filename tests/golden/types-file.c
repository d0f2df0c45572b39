//! types types/small.h
#include <net/sock.h>
#include <linux/of_which_nobody_heard.h>
BPF_HASH(numbers, u32);
int probe(struct pt_regs *ctx, struct packet *p)
{
	u32 number = p->device->number + IPPROTO_TCP + ntohs(AF_INET6);
	numbers.increment(number);
	return 0;
}
