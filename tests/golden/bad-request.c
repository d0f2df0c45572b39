//! cut 40
int f(void *ctx) { return 0; }
