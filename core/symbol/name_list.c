/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted names, for prefixes and globs. */
#include "name_list.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "search.h"

enum { DIGITS = 1 << 16, SORT_FEW = 4096 };

/* The first eight bytes settle most comparisons without a look into the text. */
struct entry {
	uint64_t head;		/* big endian */
	const char *name;
};

struct name_list {
	char *text;
	struct entry *entries;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	/* names that end within the head are the same */
	return x->head & 0xff ? strcmp(x->name + 8, y->name + 8) : 0;
}

/* by 16 bits of the head; equals stay in their order */
static void sort_by_digit(const struct entry *from, struct entry *to, size_t n, unsigned shift)
{
	size_t *places = mem_array(DIGITS, sizeof(*places)), at = 0, i, count;

	for (i = 0; i < n; i++)
		places[from[i].head >> shift & (DIGITS - 1)]++;
	for (i = 0; i < DIGITS; i++) {
		count = places[i];
		places[i] = at;
		at += count;
	}
	for (i = 0; i < n; i++)
		to[places[from[i].head >> shift & (DIGITS - 1)]++] = from[i];
	free(places);
}

/* several times as fast as comparing, for the 100,000 functions of a kernel */
static void sort_by_head(struct name_list *l)
{
	struct entry *other = mem_array(l->n, sizeof(*other)), *from = l->entries, *to = other;
	unsigned shift;

	for (shift = 0; shift < 64; shift += 16) {
		struct entry *sorted = to;

		sort_by_digit(from, to, l->n, shift);
		to = from;
		from = sorted;
	}
	free(other);	/* after an even number of turns all is where it was */
}

static void sort_all(struct name_list *l)
{
	size_t i, first = 0;

	if (l->n < SORT_FEW) {
		if (l->n)
			qsort(l->entries, l->n, sizeof(*l->entries), compare);
		return;
	}
	sort_by_head(l);
	for (i = 1; i <= l->n; i++) {
		if (i < l->n && l->entries[i].head == l->entries[first].head)
			continue;
		if (i - first > 1)
			qsort(&l->entries[first], i - first, sizeof(*l->entries), compare);
		first = i;
	}
}

static void sort_names(struct name_list *l)
{
	size_t i, n = 0;

	sort_all(l);
	for (i = 0; i < l->n; i++) {
		if (!n || compare(&l->entries[n - 1], &l->entries[i]) != 0)
			l->entries[n++] = l->entries[i];
	}
	l->n = n;
}

static size_t count_lines(const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	size_t n = 1;

	while ((at = memchr(at, '\n', end - at)) != NULL) {
		at++;
		n++;
	}
	return n;
}

struct name_list *name_list_new(struct buf *text, bool first_word)
{
	struct name_list *l = mem_alloc(sizeof(*l));
	size_t len = text->len;
	char *line, *end, *next;

	l->text = buf_take(text, NULL);
	l->entries = mem_array(count_lines(l->text, len), sizeof(*l->entries));
	end = l->text + len;
	for (line = l->text; line < end; line = next + 1) {
		next = memchr(line, '\n', end - line);
		if (!next)
			next = end;
		*next = '\0';
		if (first_word)
			line[strcspn(line, " \t")] = '\0';
		if (*line)
			l->entries[l->n++] = (struct entry){ head_of_name(line), line };
	}
	sort_names(l);
	return l;
}

void name_list_free(struct name_list *l)
{
	if (!l)
		return;
	free(l->entries);
	free(l->text);
	free(l);
}

size_t name_list_count(const struct name_list *l)
{
	return l->n;
}

const char *name_list_at(const struct name_list *l, size_t i)
{
	return l->entries[i].name;
}

/* the first place whose name is not before the prefix; or, `behind`, is behind all with it */
static size_t bound(const struct name_list *l, const char *prefix, bool behind)
{
	size_t low = 0, high = l->n, len = strlen(prefix);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncmp(l->entries[mid].name, prefix, len);

		if (order < 0 || (behind && order == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t name_list_range(const struct name_list *l, const char *prefix, size_t *ret_end)
{
	*ret_end = bound(l, prefix, true);
	return bound(l, prefix, false);
}

bool name_list_has(const struct name_list *l, const char *name)
{
	size_t i = bound(l, name, false);

	/* what equals its prefix is the first of those that have it */
	return i < l->n && strcmp(l->entries[i].name, name) == 0;
}

void name_list_filter(struct name_list *l, const struct name_list *other, bool keep)
{
	size_t i, at = 0, n = 0;

	for (i = 0; i < l->n; i++) {
		while (at < other->n && compare(&other->entries[at], &l->entries[i]) < 0)
			at++;
		if ((at < other->n && compare(&other->entries[at], &l->entries[i]) == 0) == keep)
			l->entries[n++] = l->entries[i];
	}
	l->n = n;
}

void name_list_each(const struct name_list *l, const char *glob,
	bool (*fn)(void *arg, const char *name), void *arg)
{
	size_t fixed = strcspn(glob, "*?[\\"), i, end;
	char *prefix = mem_string_n(glob, fixed);
	bool all = strcmp(glob + fixed, "*") == 0;

	for (i = name_list_range(l, prefix, &end); i < end; i++) {
		const char *name = l->entries[i].name;

		if ((all || fnmatch(glob, name, 0) == 0) && !fn(arg, name))
			break;
	}
	free(prefix);
}
