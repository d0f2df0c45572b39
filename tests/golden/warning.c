// A warning goes to stderr, the object is made.
int f(void *ctx)
{
	char *p = 1;

	return p == ctx;
}
