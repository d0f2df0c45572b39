//! code
// increment() of each kind of map: a zero is inserted where there can be nothing, the addition is
// atomic unless the value is this CPU's alone, and what could not be added is counted.
struct key { u32 a, b; };
BPF_TABLE("lru_hash", struct key, u32, lru, 16);
BPF_PERCPU_HASH(percpu, u32, u64);
BPF_ARRAY(slots, u64, 4);
BPF_HASH(small, u32, u16);

int f(void *ctx)
{
	struct key key = { .a = 1 };

	lru.atomic_increment(key, 3);
	return 0;
}

int g(void *ctx)
{
	percpu.increment(7);
	return 0;
}

int h(void *ctx)
{
	slots.increment(1, bpf_ktime_get_ns() & 3);
	return 0;
}

int i(void *ctx)
{
	small.increment(7);
	return 0;
}
