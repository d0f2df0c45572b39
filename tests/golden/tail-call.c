//! code
// Programs that hand over to others.
BPF_PROG_ARRAY(next, 2);

int first(void *ctx)
{
	next.call(ctx, 1);
	return 1;
}

int second(void *ctx)
{
	return 0;
}
