//! line 10
// Errors in the heads of functions, which are numbered differently inside.

struct x {
	int a;
};

KFUNC_PROBE(vfs_open, foo bar)
{ return file == 0; }
TRACEPOINT_PROBE(golden, none) { return 0; }
struct tracepoint__golden__none { int a; };
int f(void *ctx, badtype x) {
	return 0;
}
int g(void *ctx)
{
	return 0;
