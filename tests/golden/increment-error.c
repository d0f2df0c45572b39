BPF_HASH(h, u32, u64);
struct s { u64 a; };
BPF_HASH(s, u32, struct s);

int f(void *ctx)
{
	h.increment(one, 2); h.increment(1, two); three();
	s.increment(1);
	h.increment();
	return 0;
}
