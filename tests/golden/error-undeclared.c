//! file softirqs.lua
//! line 31
int f(void *ctx)
{
	vecc = 2;
	return 0;
}
