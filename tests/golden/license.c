// A program may say under which licence it is.
#define BPF_LICENSE Dual MIT/GPL
int f(void *ctx) { return 0; }
