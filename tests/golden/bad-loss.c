int f(void *ctx)
{
	LOSS(everything);
	return 0;
}
