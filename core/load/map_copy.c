/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole maps: copying, draining and clearing them.  How a map is read is
 * chosen when it is first read: a row below for its type and what the kernel has.
 */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "kernel/feature.h"
#include "load/internal.h"

enum {
	BATCH_BYTES = 1 << 20,		/* about so much in one call */
	BATCH_BUSY = 16,		/* tries when the kernel says "busy" */
	ENOTSUPP_KERNEL = 524,		/* the kernel's own, not in errno.h */
};

static int last_errno(void)
{
	return errno == ENOTSUPP_KERNEL ? EOPNOTSUPP : errno;
}

void map_copy_release(struct map_copy *c)
{
	free(c->keys);
	free(c->values);
	memset(c, 0, sizeof(*c));
}

static char *key_at(struct map *m, struct map_copy *c, size_t i)
{
	return c->keys + i * m->def->key_size;
}

static char *value_at(struct map *m, struct map_copy *c, size_t i)
{
	return c->values + i * map_value_bytes(m);
}

/* ---- batches ---- */

struct batch {
	struct map *m;
	struct map_copy *c;
	bool delete;
	size_t room;			/* entries that keys and values can hold */
	char *token[2];			/* where the next call goes on */
	bool begun;
};

static void batch_reserve(struct batch *b, size_t n)
{
	if (b->room >= b->c->n + n)
		return;
	b->room = b->c->n + n;
	b->c->keys = mem_resize(b->c->keys, b->room, b->m->def->key_size);
	b->c->values = mem_resize(b->c->values, b->room, map_value_bytes(b->m));
}

/* up to *n entries; their number comes back in it. 0 or an errno */
static int batch_call(struct batch *b, uint32_t *n)
{
	void *from = b->begun ? b->token[0] : NULL;
	char *keys = key_at(b->m, b->c, b->c->n), *values = value_at(b->m, b->c, b->c->n), *t;
	uint32_t room = *n;
	int ret, sys, tries;

	for (tries = 0;; tries++) {
		*n = room;
		if (b->delete)
			ret = bpf_map_lookup_and_delete_batch(b->m->fd, from, b->token[1], keys,
				values, n, NULL);
		else
			ret = bpf_map_lookup_batch(b->m->fd, from, b->token[1], keys, values, n,
				NULL);
		sys = ret < 0 ? last_errno() : 0;
		if ((sys != EBUSY && sys != EAGAIN && sys != EINTR) || tries >= BATCH_BUSY)
			break;
	}
	if (sys && sys != ENOENT)
		return sys;
	b->begun = true;
	t = b->token[0];
	b->token[0] = b->token[1];
	b->token[1] = t;
	return sys;
}

static int batch_all(struct batch *b)
{
	size_t entry = b->m->def->key_size + map_value_bytes(b->m);
	uint32_t chunk = BATCH_BYTES / entry + 64, n;
	int sys;

	if (chunk > b->m->max_entries)
		chunk = b->m->max_entries;
	do {
		n = chunk;
		batch_reserve(b, n);
		sys = batch_call(b, &n);
		/* a bucket of the hash has more entries than we have room for */
		if (sys == ENOSPC && chunk < UINT32_MAX / 2) {
			chunk *= 2;
			sys = 0;
			continue;
		}
		if (!sys || sys == ENOENT)
			b->c->n += n;
	} while (!sys);
	return sys == ENOENT ? 0 : sys;
}

static int batch_run(struct map *m, struct map_copy *c, bool delete)
{
	size_t token = m->def->key_size < sizeof(uint64_t) ? sizeof(uint64_t) : m->def->key_size;
	struct batch b = { .m = m, .c = c, .delete = delete };
	int sys;

	b.token[0] = mem_alloc(token);
	b.token[1] = mem_alloc(token);
	sys = batch_all(&b);
	free(b.token[0]);
	free(b.token[1]);
	return sys;
}

static int batch_copy(struct map *m, struct map_copy *c)
{
	return batch_run(m, c, false);
}

static int batch_drain(struct map *m, struct map_copy *c)
{
	return batch_run(m, c, true);
}

static int batch_clear(struct map *m)
{
	struct map_copy c = { 0 };
	int sys = batch_run(m, &c, true);

	map_copy_release(&c);
	return sys;
}

/* ---- one key after the other ---- */

/*
 * A set of keys.  When the key it stands on is deleted, get_next_key of a
 * hash starts over: keys that were seen must be known again.
 */
struct keys {
	size_t size, n, slots;
	char *keys;
	uint32_t *slot;			/* index of a key + 1, or 0 */
};

static uint32_t hash(const void *key, size_t size)
{
	const unsigned char *p = key;
	uint32_t h = 2166136261u;

	while (size-- > 0)
		h = (h ^ *p++) * 16777619u;
	return h;
}

static uint32_t *keys_slot(struct keys *k, const char *key)
{
	size_t i = hash(key, k->size) & (k->slots - 1);

	while (k->slot[i] && memcmp(k->keys + (k->slot[i] - 1ul) * k->size, key, k->size) != 0)
		i = (i + 1) & (k->slots - 1);
	return &k->slot[i];
}

static void keys_grow(struct keys *k)
{
	size_t i;

	free(k->slot);
	k->slots = k->slots ? k->slots * 2 : 64;
	k->slot = mem_array(k->slots, sizeof(*k->slot));
	k->keys = mem_resize(k->keys, k->slots / 2 + 1, k->size);
	for (i = 0; i < k->n; i++)
		*keys_slot(k, k->keys + i * k->size) = i + 1;
}

/* false if it was there */
static bool keys_add(struct keys *k, const char *key)
{
	uint32_t *slot;

	if (k->n >= k->slots / 2)
		keys_grow(k);
	slot = keys_slot(k, key);
	if (*slot)
		return false;
	memcpy(k->keys + k->n++ * k->size, key, k->size);
	*slot = k->n;
	return true;
}

/* before 4.12 there is no "first key": any key that is not in the map gives it */
static int first_key(struct map *m, char *key, char *value)
{
	static const int patterns[] = { 0xff, 0x00, 0xa5, 0x5a, 0x77 };
	size_t i;
	int sys;

	if (bpf_map_get_next_key(m->fd, NULL, key) == 0)
		return 0;
	sys = last_errno();
	for (i = 0; sys == EFAULT && i < ARRAY_SIZE(patterns); i++) {
		memset(key, patterns[i], m->def->key_size);
		if (bpf_map_lookup_elem(m->fd, key, value) == 0 || last_errno() != ENOENT)
			continue;
		if (bpf_map_get_next_key(m->fd, key, key) == 0)
			return 0;
		return last_errno();
	}
	return sys;
}

/* all keys; those that come and go meanwhile may be missing */
static int walk_keys(struct map *m, struct keys *k)
{
	char *key = mem_alloc(m->def->key_size), *next = mem_alloc(m->def->key_size), *t;
	char *value = mem_alloc(map_value_bytes(m));
	uint64_t steps = 0, most = 4ull * m->max_entries + 1024;
	int sys = first_key(m, next, value);

	while (!sys && steps++ < most) {
		keys_add(k, next);
		t = key;
		key = next;
		next = t;
		sys = bpf_map_get_next_key(m->fd, key, next) < 0 ? last_errno() : 0;
	}
	free(key);
	free(next);
	free(value);
	return sys == ENOENT ? 0 : sys;
}

/* a key that may be gone already */
static int erase(struct map *m, const char *key)
{
	int sys = map_erase(m, key);

	return sys == ENOENT ? 0 : sys;
}

/* the current value, then, if `delete`, the entry goes */
static int walk_entries(struct map *m, struct map_copy *c, bool delete)
{
	struct keys k = { .size = m->def->key_size };
	int sys = walk_keys(m, &k);
	size_t i;

	c->keys = mem_array(k.n, k.size);
	c->values = mem_array(k.n, map_value_bytes(m));
	for (i = 0; i < k.n && !sys; i++) {
		const char *key = k.keys + i * k.size;

		if (bpf_map_lookup_elem(m->fd, key, value_at(m, c, c->n)) < 0) {
			sys = last_errno() == ENOENT ? 0 : last_errno();
			continue;
		}
		if (delete)
			sys = erase(m, key);
		memcpy(key_at(m, c, c->n++), key, k.size);
	}
	free(k.keys);
	free(k.slot);
	return sys;
}

static int walk_copy(struct map *m, struct map_copy *c)
{
	return walk_entries(m, c, false);
}

static int walk_drain(struct map *m, struct map_copy *c)
{
	return walk_entries(m, c, true);
}

static int walk_clear(struct map *m)
{
	struct keys k = { .size = m->def->key_size };
	int sys = walk_keys(m, &k);
	size_t i;

	for (i = 0; i < k.n && !sys; i++)
		sys = erase(m, k.keys + i * k.size);
	free(k.keys);
	free(k.slot);
	return sys;
}

/* ---- arrays ---- */

static int array_copy(struct map *m, struct map_copy *c)
{
	uint32_t i;

	c->keys = mem_array(m->max_entries, sizeof(i));
	c->values = mem_array(m->max_entries, map_value_bytes(m));
	for (i = 0; i < m->max_entries; i++) {
		if (bpf_map_lookup_elem(m->fd, &i, value_at(m, c, i)) < 0)
			return last_errno();
		memcpy(key_at(m, c, i), &i, sizeof(i));
		c->n++;
	}
	return 0;
}

/* bytes of one unsigned integer if the values are nothing else, or 0 */
static size_t counter_size(struct map *m)
{
	struct error ignored = ERROR_INIT;
	struct plan *plan = plan_new(m->unit->obj->types, m->def->value_type, m->def->value_size,
		&ignored);
	size_t size = 0;

	if (plan && plan->n_ops == 1 && plan->ops[0].code == PLAN_UINT && plan->ops[0].size <= 8)
		size = plan->ops[0].size;
	plan_free(plan);
	error_clear(&ignored);
	return size;
}

/* differences modulo the counter's size, in place; last becomes what now was */
#define SUBTRACT(type) do { \
	type was, is; \
	memcpy(&is, now, sizeof(is)); \
	memcpy(&was, last, sizeof(was)); \
	memcpy(last, &is, sizeof(is)); \
	is -= was; \
	memcpy(now, &is, sizeof(is)); \
} while (0)

static void subtract_one(char *now, char *last, size_t size)
{
	if (size == 8)
		SUBTRACT(uint64_t);
	else if (size == 4)
		SUBTRACT(uint32_t);
	else if (size == 2)
		SUBTRACT(uint16_t);
	else
		SUBTRACT(uint8_t);
}

static void subtract(char *now, char *last, size_t bytes, size_t size)
{
	size_t i;

	for (i = 0; i + size <= bytes; i += size)
		subtract_one(now + i, last + i, size);
}

static char *last_values(struct map *m)
{
	if (!m->last)
		m->last = mem_array(m->max_entries, map_value_bytes(m));
	return m->last;
}

void map_last_set(struct map *m, uint32_t index, const void *value)
{
	size_t bytes = map_value_bytes(m);

	/* larger ones are no counters */
	if (m->def->value_size <= sizeof(uint64_t))
		memcpy(last_values(m) + index * bytes, value, bytes);
}

static void last_forget(struct map *m)
{
	free(m->last);
	m->last = NULL;
}

/* the padding behind each CPU's value is zero and stays so */
static void subtract_all(struct map *m, struct map_copy *c, size_t size)
{
	size_t stride = map_is_percpu(m) ? (m->def->value_size + 7) & ~7ul : m->def->value_size;
	size_t bytes = c->n * map_value_bytes(m), at;
	char *last = last_values(m);

	for (at = 0; at + stride <= bytes; at += stride)
		subtract(c->values + at, last + at, m->def->value_size, size);
}

static int array_zero(struct map *m, const char *values)
{
	size_t bytes = map_value_bytes(m);
	char *zero = mem_alloc(bytes);
	uint32_t i;
	int sys = 0;

	for (i = 0; i < m->max_entries && !sys; i++) {
		if (values && memcmp(values + i * bytes, zero, bytes) == 0)
			continue;
		if (bpf_map_update_elem(m->fd, &i, zero, BPF_ANY) < 0)
			sys = last_errno();
	}
	free(zero);
	return sys;
}

static int array_drain(struct map *m, struct map_copy *c)
{
	int sys = m->reader->copy(m, c);

	if (sys)
		return sys;
	last_forget(m);
	return array_zero(m, c->values);
}

static int array_clear(struct map *m)
{
	last_forget(m);
	return array_zero(m, NULL);
}

/* ---- stacks: their ids are the keys, also where the kernel cannot list them ---- */

static int stacks_clear(struct map *m)
{
	uint64_t buckets = 1, id;

	while (buckets < m->max_entries)
		buckets *= 2;
	for (id = 0; id < buckets; id++) {
		uint32_t key = id;

		if (bpf_map_delete_elem(m->fd, &key) < 0 && last_errno() != ENOENT)
			return last_errno();
	}
	return 0;
}

/* ---- queues: reading takes the entry away ---- */

static int queue_copy(struct map *m, struct map_copy *c)
{
	return EOPNOTSUPP;
}

static int queue_drain(struct map *m, struct map_copy *c)
{
	size_t bytes = map_value_bytes(m), room = 0;
	int sys = 0;

	while (!sys && c->n < m->max_entries) {
		if (c->n == room) {
			room = room ? room * 2 : 64;
			c->values = mem_resize(c->values, room, bytes);
		}
		if (bpf_map_lookup_and_delete_elem(m->fd, NULL, value_at(m, c, c->n)) < 0)
			sys = last_errno();
		else
			c->n++;
	}
	return sys == ENOENT ? 0 : sys;
}

static int queue_clear(struct map *m)
{
	struct map_copy c = { 0 };
	int sys = queue_drain(m, &c);

	map_copy_release(&c);
	return sys;
}

/* ---- choice ---- */

static const struct map_reader walk_reader = { walk_copy, walk_drain, walk_clear, NULL };
static const struct map_reader batch_reader = { batch_copy, batch_drain, batch_clear,
	&walk_reader };
static const struct map_reader batch_read_reader = { batch_copy, walk_drain, walk_clear,
	&walk_reader };
static const struct map_reader array_reader = { array_copy, array_drain, array_clear, NULL };
static const struct map_reader batch_array_reader = { batch_copy, array_drain, array_clear,
	&array_reader };
static const struct map_reader stacks_reader = { walk_copy, walk_drain, stacks_clear, NULL };
static const struct map_reader queue_reader = { queue_copy, queue_drain, queue_clear, NULL };

static bool have(enum feature feature)
{
	return !load_as_old_kernel && feature_have(feature);
}

static const struct map_reader *map_reader_choose(const struct map *m)
{
	switch (m->def->type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return have(FEATURE_LOOKUP_DELETE_BATCH) ? &batch_reader :
			have(FEATURE_BATCH) ? &batch_read_reader : &walk_reader;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return have(FEATURE_BATCH) ? &batch_array_reader : &array_reader;
	case BPF_MAP_TYPE_LPM_TRIE:
		return &walk_reader;
	case BPF_MAP_TYPE_STACK_TRACE:
		return &stacks_reader;
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
		return &queue_reader;
	default:
		return NULL;
	}
}

static int check_reader(struct map *m, struct error *err)
{
	if (!m->reader)
		m->reader = map_reader_choose(m);
	if (m->reader)
		return 0;
	return error_set(err, "E-MAP", "map '%s' has no entries to read (its type is %u)",
		m->def->name, m->def->type);
}

/* batches of this type of map came later than batches */
static bool fall_back(struct map *m, int sys, struct map_copy *c)
{
	if ((sys != EOPNOTSUPP && sys != EINVAL) ||
		!m->reader->fallback || c->n > 0)
		return false;
	m->reader = m->reader->fallback;
	map_copy_release(c);
	return true;
}

static int finish(struct map *m, int sys, struct map_copy *c, struct map_copy *ret,
	const char *verb, struct error *err)
{
	if (sys) {
		map_copy_release(c);
		return error_sys(err, "E-MAP", sys, "%s map '%s'", verb, m->def->name);
	}
	*ret = *c;
	return 0;
}

int map_copy_all(struct map *m, struct map_copy *ret, struct error *err)
{
	struct map_copy c = { 0 };
	int sys;

	if (check_reader(m, err))
		return -1;
	sys = m->reader->copy(m, &c);
	if (sys && fall_back(m, sys, &c))
		sys = m->reader->copy(m, &c);
	return finish(m, sys, &c, ret, "read", err);
}

int map_drain(struct map *m, struct map_copy *ret, struct error *err)
{
	struct map_copy c = { 0 };
	int sys;

	if (check_reader(m, err))
		return -1;
	sys = m->reader->drain(m, &c);
	if (sys && fall_back(m, sys, &c))
		sys = m->reader->drain(m, &c);
	return finish(m, sys, &c, ret, "drain", err);
}

int map_delta(struct map *m, struct map_copy *ret, struct error *err)
{
	size_t size = map_is_array(m) ? counter_size(m) : 0;

	if (!size)
		return error_set(err, "E-MAP", "map '%s' is no array of unsigned integers: what "
			"was added since the last time is not known", m->def->name);
	if (map_copy_all(m, ret, err))
		return -1;
	subtract_all(m, ret, size);
	return 0;
}

int map_clear(struct map *m, struct error *err)
{
	struct map_copy none = { 0 };
	int sys;

	if (check_reader(m, err))
		return -1;
	sys = m->reader->clear(m);
	if (sys && fall_back(m, sys, &none))
		sys = m->reader->clear(m);
	return sys ? error_sys(err, "E-MAP", sys, "clear map '%s'", m->def->name) : 0;
}
