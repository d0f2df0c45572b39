int f(void *ctx)
{
	char big[600];

	bpf_probe_read(big, sizeof(big), ctx);
	return big[3];
}
