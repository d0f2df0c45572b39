//! arg tcp_sendmsg size 3 size_t
//! arg tcp_sendmsg sk 1 struct sock *
// Arguments by name: the registers that the request says.
BPF_HASH(bytes, u64, u64);

int kprobe__tcp_sendmsg(struct pt_regs *ctx)
{
	u64 key = (u64)ARG(tcp_sendmsg, sk);

	bytes.increment(key, ARG(tcp_sendmsg, size));
	return 0;
}
