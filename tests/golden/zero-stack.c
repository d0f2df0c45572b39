//! code
//! zero_stack
struct key { u8 a; u64 b; };
BPF_HASH(counts, struct key);
int probe(struct pt_regs *ctx)
{
	struct key k;
	k.a = 1;
	k.b = 2;
	counts.increment(k);
	return 0;
}
