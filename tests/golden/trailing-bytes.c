//! append more
int f(void *ctx) { return 0; }
