// What would make the object depend on this machine, or change it.
BPF_TABLE_PINNED("hash", u32, u32, pinned, 8, "/sys/fs/bpf/x");
int f(void *ctx)
{
	return bpf_num_cpus();
}
