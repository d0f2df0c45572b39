//! headers /nonexistent/linux-headers
int f(void *ctx) { return 0; }
