//! btf
#include <linux/eventpoll.h>
#include <linux/file.h>
#include <linux/wait.h>
BPF_HASH(fds, int);
int ep_poll_callback_probe(struct pt_regs *ctx, struct wait_queue_entry *wait)
{
	struct eppoll_entry *pwq = container_of(wait, struct eppoll_entry, wait);
	struct epitem *epi = pwq->base;
	struct eventpoll *ep = epi->ep;
	int fd = epi->ffd.fd;
	if (epi->event.events && ep->user && ep->file->f_inode)
		fds.increment(fd);
	return 0;
}
