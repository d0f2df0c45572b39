int f(void *ctx)
{
	return nowhere(4);
}
