//! btf
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
struct key { struct request *req; };
struct val { u64 ts, sector; u32 len; int major; };
BPF_HASH(start, struct request *, struct val);
BPF_HISTOGRAM(dist, u64);
int trace_start(struct pt_regs *ctx, struct request *req)
{
	struct val v = { .ts = bpf_ktime_get_ns() };
	v.sector = req->__sector;
	v.len = req->__data_len;
	v.major = MAJOR(req->q->id);
	if ((req->cmd_flags & 0xff) == REQ_OP_FLUSH)
		return 0;
	start.update(&req, &v);
	return 0;
}
int trace_done(struct pt_regs *ctx, struct request *req)
{
	struct val *v = start.lookup(&req);
	if (!v)
		return 0;
	dist.increment(LOG2_SLOT((bpf_ktime_get_ns() - v->ts) / NSEC_PER_USEC));
	start.delete(&req);
	return 0;
}
