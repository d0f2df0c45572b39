//! machine vax
int f(void *ctx) { return 0; }
