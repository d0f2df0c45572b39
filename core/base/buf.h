/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer.  data is always NUL-terminated at data[len] and
 * never NULL after the first buf_init; len does not count the NUL.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len, size;
};

#define BUF_INIT { buf_empty, 0, 0 }
extern char buf_empty[];

void buf_init(struct buf *b);
void buf_release(struct buf *b);		/* frees; usable again */
void buf_clear(struct buf *b);			/* len = 0, memory kept */
char *buf_take(struct buf *b, size_t *ret_len);	/* caller owns; b is empty */
char *buf_grow(struct buf *b, size_t n);	/* what buf_reserve does if there is no room */

/* room for n more bytes; its start */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	return b->len + n < b->size ? b->data + b->len : buf_grow(b, n);
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	char *at = buf_reserve(b, n);

	if (n)
		memcpy(at, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void buf_addc(struct buf *b, char c)
{
	char *at = buf_reserve(b, 1);

	at[0] = c;
	at[1] = '\0';
	b->len++;
}

static inline void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_insert(struct buf *b, size_t at, const void *p, size_t n);

/*
 * At most max characters of text as a terminal may be shown it: control
 * characters and bytes that are no UTF-8 become \\xXX. Returns the columns taken
 */
size_t buf_add_safe(struct buf *b, const char *s, size_t n, size_t max);

/* a JSON string with its quotes; bytes that are no UTF-8 become \u00XX */
void buf_add_json(struct buf *b, const char *s, size_t n);

/*
 * A finite number as JSON and CSV have it, in any locale: the shortest decimal
 * that reads back as d, or d rounded to that many decimals (0 to 9) unless
 * they are negative. Integers below 2^63 are written out: no "1e+15".
 */
void buf_add_double(struct buf *b, double d, int decimals);

#endif
