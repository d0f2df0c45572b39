// BPF_PERF_OUTPUT as bcc scripts have it: the type is found at perf_submit.
struct data_t {
	u32 pid;
	u64 ts;
};
typedef struct data_t alias_t;
BPF_PERF_OUTPUT(events);
BPF_PERF_OUTPUT(pointers);
BPF_PERF_OUTPUT(bytes);
BPF_RINGBUF_OUTPUT(ring, 8);
BPF_PERCPU_ARRAY(scratch, alias_t, 1);

int f(void *ctx)
{
	struct data_t data = {};
	char raw[8] = {};
	int zero = 0;
	alias_t *big = scratch.lookup(&zero);

	events.perf_submit(ctx, &data, sizeof(data));
	bytes.perf_submit(ctx, raw, sizeof(raw));
	if (big)
		pointers.perf_submit(ctx, big, sizeof(*big));
	big = ring.ringbuf_reserve(sizeof(alias_t));
	if (big) {
		big->pid = 1;
		ring.ringbuf_submit(big, 0);
	}
	return 0;
}
