//! btf
#include <linux/skbuff.h>
int probe(struct pt_regs *ctx, struct no_such_struct *x)
{
	return x->member + NO_SUCH_MACRO;
}
