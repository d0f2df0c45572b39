//! format raw_syscalls:sys_enter
//! code
// The smallest useful program: a per-CPU counter.
BPF_PERCPU_ARRAY(calls, u64, 1);

TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
	int zero = 0;
	u64 *n = calls.lookup(&zero);

	if (n)
		*n += args->args[0] != 7;
	return 0;
}
