// A missing header that is no kernel's says nothing of kernel headers.
#include "mine.h"
int f(void *ctx) { return 0; }
