//! param PT_REGS_RC?
int f(struct pt_regs *ctx)
{
#ifdef PT_REGS_RC
    return 1;
#endif
    return 0;
}
