//! define MAX=0x10
//! define FLAG
//! define EMPTY=
//! cflag -DFROM_CFLAG=3
BPF_ARRAY(a, u64, MAX + FLAG + FROM_CFLAG EMPTY);
int f(void *ctx) { return 0; }
