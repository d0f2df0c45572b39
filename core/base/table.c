/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries stand in an array in the order of insertion; a second array, by
 * open addressing, holds their places.  A removed entry stays as a gap
 * (key NULL) until the next rebuild, so that neither probing nor a walk
 * has to care.
 */
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct entry {
	char *key;		/* NULL: a gap */
	void *value;
	uint32_t hash;
};

struct table {
	struct entry *entries;
	size_t n_entries, n_live;
	uint32_t *slots;	/* 1 + index into entries; 0: never used */
	size_t n_slots;		/* a power of two, or 0 */
};

static uint32_t hash_key(const char *key)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash;
}

/* the slot of the key, or the free one where it belongs */
static uint32_t *find_slot(const struct table *t, const char *key, uint32_t hash)
{
	size_t mask = t->n_slots - 1, i = hash & mask;

	for (; t->slots[i]; i = (i + 1) & mask) {
		const struct entry *e = &t->entries[t->slots[i] - 1];

		if (e->key && e->hash == hash && strcmp(e->key, key) == 0)
			break;
	}
	return &t->slots[i];
}

static struct entry *find(const struct table *t, const char *key)
{
	uint32_t *slot = t->n_slots ? find_slot(t, key, hash_key(key)) : NULL;

	return slot && *slot ? &t->entries[*slot - 1] : NULL;
}

/* closes the gaps; at most half of the slots are in use behind it */
static void rebuild(struct table *t)
{
	size_t i, n = 0, n_slots = 8;

	for (i = 0; i < t->n_entries; i++) {
		if (t->entries[i].key)
			t->entries[n++] = t->entries[i];
	}
	while (n_slots < 2 * (n + 1))
		n_slots *= 2;
	free(t->slots);
	t->slots = mem_array(n_slots, sizeof(t->slots[0]));
	t->n_slots = n_slots;
	t->entries = mem_resize(t->entries, n_slots, sizeof(t->entries[0]));
	t->n_entries = n;
	for (i = 0; i < n; i++)
		*find_slot(t, t->entries[i].key, t->entries[i].hash) = i + 1;
}

struct table *table_new(void)
{
	return mem_alloc(sizeof(struct table));
}

void table_free(struct table *t, void (*free_value)(void *value))
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_entries; i++) {
		if (t->entries[i].key && free_value)
			free_value(t->entries[i].value);
		free(t->entries[i].key);
	}
	free(t->entries);
	free(t->slots);
	free(t);
}

void *table_set(struct table *t, const char *key, void *value)
{
	struct entry *e = find(t, key);
	void *old;

	if (e) {
		old = e->value;
		e->value = value;
		return old;
	}
	if (4 * (t->n_entries + 1) > 3 * t->n_slots)
		rebuild(t);
	e = &t->entries[t->n_entries];
	e->key = mem_string(key);
	e->value = value;
	e->hash = hash_key(key);
	*find_slot(t, key, e->hash) = ++t->n_entries;
	t->n_live++;
	return NULL;
}

void *table_remove(struct table *t, const char *key)
{
	struct entry *e = find(t, key);

	if (!e)
		return NULL;
	free(e->key);
	e->key = NULL;
	t->n_live--;
	return e->value;
}

void *table_get(const struct table *t, const char *key)
{
	struct entry *e = find(t, key);

	return e ? e->value : NULL;
}

size_t table_count(const struct table *t)
{
	return t->n_live;
}

bool table_next(const struct table *t, size_t *at, const char **ret_key, void **ret_value)
{
	while (*at < t->n_entries) {
		const struct entry *e = &t->entries[(*at)++];

		if (!e->key)
			continue;
		if (ret_key)
			*ret_key = e->key;
		if (ret_value)
			*ret_value = e->value;
		return true;
	}
	return false;
}
