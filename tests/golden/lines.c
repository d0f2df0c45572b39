//! file softirqs.lua
//! line 31
// Lines of the object are those of the Lua file, whatever libbcc's rewriter adds.
#include <uapi/linux/ptrace.h>
#define TWO(x) \
	do { \
		(x)++; \
	} while (0)

BPF_HASH(h, u64, u64);
static inline u64
with_helper(u64 a)
{
	return a + bpf_ktime_get_ns();
}

int one_line(struct pt_regs *ctx, u64 a) { h.update(&a, &a); return 0; }

int many_lines(struct pt_regs *ctx,
	       void *file,
	       u64 count)
{
	/* { a comment
	   } that goes on ; */ u64 key = with_helper(count);

	for (int i = 0; i < 2; i++) {
		if (key & 1) {
			TWO(key);
		}
	}
	h.update(&key,
		 &count);
	return 0;
}
