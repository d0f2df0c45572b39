/* SPDX-License-Identifier: Apache-2.0 */
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

size_t str_utf8_len(const char *s, size_t n)
{
	unsigned char c = s[0];
	size_t len, i;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		len = 2;
	else if (c >= 0xe0 && c <= 0xef)
		len = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > n)
		return 0;
	for (i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* no overlong forms, no surrogates, nothing above U+10FFFF */
	if ((c == 0xe0 && (unsigned char)s[1] < 0xa0) ||
		(c == 0xed && (unsigned char)s[1] > 0x9f) ||
		(c == 0xf0 && (unsigned char)s[1] < 0x90) ||
		(c == 0xf4 && (unsigned char)s[1] > 0x8f))
		return 0;
	return len;
}

bool str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	value = strtoull(s, &end, s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10);
	if (errno || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

unsigned str_distance(const char *a, const char *b, unsigned limit)
{
	enum { MAX = 64 };
	unsigned row[3][MAX + 1], *prev2 = row[0], *prev = row[1], *cur = row[2], *t;
	size_t n = strlen(a), m = strlen(b), i, j;

	if (n > MAX || m > MAX || (n > m ? n - m : m - n) > limit)
		return limit;
	for (j = 0; j <= m; j++)
		prev[j] = j;
	for (i = 1; i <= n; i++) {
		cur[0] = i;
		for (j = 1; j <= m; j++) {
			unsigned d = prev[j - 1] + (a[i - 1] != b[j - 1]);

			if (prev[j] + 1 < d)
				d = prev[j] + 1;
			if (cur[j - 1] + 1 < d)
				d = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				prev2[j - 2] + 1 < d)
				d = prev2[j - 2] + 1;
			cur[j] = d;
		}
		t = prev2;
		prev2 = prev;
		prev = cur;
		cur = t;
	}
	return prev[m] < limit ? prev[m] : limit;
}

void nearest_init(struct nearest *n, const char *want)
{
	memset(n, 0, sizeof(*n));
	n->want = want;
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	unsigned limit = strlen(n->want) / 3 + 2, d, i;

	d = str_distance(n->want, candidate, limit);
	if (d >= limit)
		return;
	for (i = 0; i < n->count; i++) {
		if (strcmp(n->best[i].name, candidate) == 0)
			return;
	}
	for (i = 0; i < n->count && n->best[i].distance <= d; i++)
		;
	if (i == ARRAY_SIZE(n->best))
		return;
	if (n->count == ARRAY_SIZE(n->best))
		free(n->best[--n->count].name);
	memmove(&n->best[i + 1], &n->best[i], (n->count - i) * sizeof(n->best[0]));
	n->best[i].name = mem_string(candidate);
	n->best[i].distance = d;
	n->count++;
}

char *nearest_hint(struct nearest *n)
{
	struct buf b = BUF_INIT;
	unsigned i, count = n->count;

	for (i = 0; i < count; i++) {
		buf_adds(&b, i == 0 ? "did you mean " : i + 1 == count ? " or " : ", ");
		buf_addf(&b, "'%s'", n->best[i].name);
		free(n->best[i].name);
	}
	n->count = 0;
	if (!count)
		return NULL;
	buf_addc(&b, '?');
	return buf_take(&b, NULL);
}

void str_clean(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}
