// Every kind of map that a tracing program declares.
struct prefix {
	u32 prefixlen;
	u32 ip;
};
BPF_ARRAY(array, u64, 4);
BPF_PERCPU_HASH(percpu, u32);
BPF_HISTOGRAM(dist);
BPF_HISTOGRAM(dist_by, struct prefix);
BPF_TABLE("lru_hash", u64, u64, lru, 32);
BPF_LPM_TRIE(lpm, struct prefix, u64, 16);
BPF_STACK_TRACE(stacks, 1000);
BPF_PERF_ARRAY(cycles, 8);
BPF_PROG_ARRAY(programs, 4);
BPF_CGROUP_ARRAY(groups, 2);
BPF_QUEUE(queue, struct prefix, 10);
BPF_STACK(stack, u32, 10);
BPF_TABLE("hash", u32, u32, inner, 8);
BPF_HASH_OF_MAPS(outer, u32, "inner", 4);

int f(void *ctx)
{
	stacks.get_stackid(ctx, 0);
	cycles.perf_read(0);
	programs.call(ctx, 1);
	return 0;
}
