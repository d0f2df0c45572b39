/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"

char buf_empty[1];

void buf_init(struct buf *b)
{
	b->data = buf_empty;
	b->len = b->size = 0;
}

void buf_release(struct buf *b)
{
	if (b->size)
		free(b->data);
	buf_init(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->size)
		b->data[0] = '\0';
}

char *buf_take(struct buf *b, size_t *ret_len)
{
	char *data = b->size ? b->data : mem_alloc(1);

	if (ret_len)
		*ret_len = b->len;
	buf_init(b);
	return data;
}

char *buf_grow(struct buf *b, size_t n)
{
	size_t need = b->len + n + 1;

	if (need > b->size) {
		size_t size = b->size ? b->size : 64;

		while (size < need)
			size *= 2;
		b->data = mem_resize(b->size ? b->data : NULL, size, 1);
		b->size = size;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *at = buf_reserve(b, 64);
	int n;

	va_copy(again, ap);
	n = vsnprintf(at, b->size - b->len, fmt, ap);
	if (n > 0 && (size_t)n >= b->size - b->len) {
		at = buf_reserve(b, n);
		n = vsnprintf(at, b->size - b->len, fmt, again);
	}
	va_end(again);
	if (n > 0)
		b->len += n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_insert(struct buf *b, size_t at, const void *p, size_t n)
{
	buf_reserve(b, n);
	memmove(b->data + at + n, b->data + at, b->len - at + 1);
	memcpy(b->data + at, p, n);
	b->len += n;
}

void buf_add_json(struct buf *b, const char *s, size_t n)
{
	size_t i = 0;

	buf_addc(b, '"');
	while (i < n) {
		unsigned char c = s[i];
		size_t len = str_utf8_len(s + i, n - i);

		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (c == '\n')
			buf_adds(b, "\\n");
		else if (c == '\t')
			buf_adds(b, "\\t");
		else if (c < 0x20 || c == 0x7f || len == 0)
			buf_addf(b, "\\u%04x", c);
		else
			buf_add(b, s + i, len);
		i += len ? len : 1;
	}
	buf_addc(b, '"');
}

size_t buf_add_safe(struct buf *b, const char *s, size_t n, size_t max)
{
	size_t i = 0, shown = 0;

	/* most texts are plain as a whole, or at their beginning */
	while (i < n && i < max && s[i] >= 0x20 && s[i] < 0x7f)
		i++;
	buf_add(b, s, i);
	shown = i;
	max -= i;
	while (i < n && max-- > 0) {
		unsigned char ch = s[i];
		size_t len = str_utf8_len(s + i, n - i);

		if (ch < 0x20 || ch == 0x7f || len == 0 || (len == 2 && ch == 0xc2 &&
			(unsigned char)s[i + 1] < 0xa0)) {
			buf_addf(b, "\\x%02x", ch);
			shown += 4;
			i++;
			continue;
		}
		buf_add(b, s + i, len);
		shown++;
		i += len;
	}
	return shown;
}

enum { MAX_DECIMALS = 9 };

/* n / 10^decimals, without zeros at the end */
static void add_fixed(struct buf *b, int64_t n, int decimals)
{
	uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;
	char digits[32], *at = digits + sizeof(digits);

	for (; decimals > 0 && u % 10 == 0; decimals--)
		u /= 10;
	for (; decimals > 0; decimals--, u /= 10) {
		*--at = '0' + u % 10;
		if (decimals == 1)
			*--at = '.';
	}
	for (; u >= 10; u /= 10)
		*--at = '0' + u % 10;
	*--at = '0' + u;
	if (n < 0)
		*--at = '-';
	buf_add(b, at, digits + sizeof(digits) - at);
}

/* what is no multiple of 1e-9, or large; a locale may have bytes of its own as the point */
static void add_shortest(struct buf *b, double d)
{
	char text[64];
	int digits = 15;
	const char *at;

	do
		snprintf(text, sizeof(text), "%.*g", digits, d);
	while (strtod(text, NULL) != d && ++digits <= 17);
	for (at = text; *at; at++) {
		if (strchr("0123456789+-e", *at))
			buf_addc(b, *at);
		else if (strchr("0123456789", at[-1]))
			buf_addc(b, '.');
	}
}

void buf_add_double(struct buf *b, double d, int decimals)
{
	static const double tens[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };
	int k = decimals < 0 ? 0 : decimals < MAX_DECIMALS ? decimals : MAX_DECIMALS;

	if (d > -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d) {
		add_fixed(b, d, 0);
		return;
	}
	/* below 1e15 a decimal is the only one of 15 digits that reads back as its double */
	for (; k <= MAX_DECIMALS; k += 3) {
		double scaled = d * tens[k];
		int64_t n;

		if (!(scaled > -1e15 && scaled < 1e15))
			break;
		n = scaled < 0 ? scaled - 0.5 : scaled + 0.5;
		if (decimals >= 0 || (double)n / tens[k] == d) {
			add_fixed(b, n, k);
			return;
		}
	}
	add_shortest(b, d);
}
