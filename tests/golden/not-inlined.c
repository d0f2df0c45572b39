static __attribute__((noinline)) int g(int x) { return x * bpf_ktime_get_ns(); }

int f(void *ctx)
{
	return g(4);
}
