//! define GOOD=1
//! define 9x=1
//! define a b
int f(void *ctx) { return GOOD; }
