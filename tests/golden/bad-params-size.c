//! param HALF
//! param MISSING
BPF_HASH(sums, u32, u64, HALF / 2);
int f(void *ctx) { return 0; }
