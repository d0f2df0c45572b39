//! code
// Nobody else tells that these failed; an insert of what is there has not.
BPF_HASH(h, u32, u64);

int f(void *ctx)
{
	u32 key = 1;
	u64 zero = 0, *v;

	if (h.insert(&key, &zero))
		return 0;
	v = h.lookup_or_try_init(&key, &zero);
	if (v)
		*v = 1;
	v = h.lookup_or_init(&key, &zero);
	*v = 2;
	return 0;
}
