//! param 9x
int f(void *ctx) { return 0; }
