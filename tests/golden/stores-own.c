//! code
// LOSS(map_full) says that the text looks at results itself: one that nobody sees counts still.
BPF_HASH(h, u32, u64);

int f(void *ctx)
{
	u32 key = 1;
	u64 zero = 0, *v = h.lookup_or_try_init(&key, &zero);

	if (!v || h.update(&key, v))
		LOSS(map_full);
	if (v)
		h.update(&key, &zero);
	switch (key) {
	case 2:
		h.update(&key, &zero);
		break;
	default:
		(void)h.update(&key, &zero);
	}
	return v ? 0 : h.update(&key, &zero);
}
