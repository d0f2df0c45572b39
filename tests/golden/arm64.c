//! machine aarch64
//! code
// Another machine's registers.
#include <uapi/linux/ptrace.h>
int f(struct pt_regs *ctx, u64 first) { return first + PT_REGS_RC(ctx) + PT_REGS_IP(ctx); }
