//! code
// Slot 1 is the second map that is there: the preprocessor takes one away.
EVENTS(first, u32);
#ifdef NEVER
EVENTS(gone, u32);
#endif
EVENTS(second, u32);

int f(void *ctx)
{
	u32 n = 3;

	second.submit(ctx, &n);
	return 0;
}
