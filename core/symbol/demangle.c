/* SPDX-License-Identifier: Apache-2.0 */
/* Which language a name is of, and Rust's until v0. */
#include "demangle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "demangle_internal.h"

/* ---- Rust until v0: C++ nesting, with escapes and a hash at the end ---- */

static bool is_hash(const char *s, size_t len)
{
	return len == 17 && *s == 'h' && strspn(s + 1, "0123456789abcdef") >= 16;
}

/* "$LT$" and its like at s; the number of bytes taken, 0 if it is none */
static size_t add_escape(struct buf *b, const char *s, size_t len)
{
	static const struct { const char *from, *to; } escapes[] = {
		{ "$LT$", "<" }, { "$GT$", ">" }, { "$RF$", "&" }, { "$BP$", "*" },
		{ "$LP$", "(" }, { "$RP$", ")" }, { "$SP$", "@" }, { "$C$", "," },
		{ "..", "::" },
	};
	char *end;
	long code;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(escapes); i++) {
		n = strlen(escapes[i].from);
		if (n <= len && memcmp(s, escapes[i].from, n) == 0) {
			buf_adds(b, escapes[i].to);
			return n;
		}
	}
	if (len < 4 || s[0] != '$' || s[1] != 'u')
		return 0;
	code = strtol(s + 2, &end, 16);
	if (*end != '$' || end >= s + len || end == s + 2 || code < 0x20 || code > 0x7e)
		return 0;
	buf_addc(b, code);
	return end + 1 - s;
}

static void add_legacy_word(struct buf *b, const char *s, size_t len)
{
	size_t i = len > 1 && s[0] == '_' && s[1] == '$', n;

	while (i < len) {
		n = add_escape(b, s + i, len - i);
		if (!n)
			buf_addc(b, s[i]);
		i += n ? n : 1;
	}
}

/* a length and so many bytes; NULL if they are not there */
static const char *legacy_word(const char **p, size_t *ret_len)
{
	const char *word;
	char *end;
	unsigned long len;

	if (**p < '1' || **p > '9')
		return NULL;
	len = strtoul(*p, &end, 10);
	if (strnlen(end, len) < len)
		return NULL;
	word = end;
	*ret_len = len;
	*p = end + len;
	return word;
}

char *demangle_rust_legacy(const char *name)
{
	struct buf b = BUF_INIT;
	const char *p = name + 3, *word;
	bool hashed = false;
	size_t len;

	if (!str_starts(name, "_ZN"))
		return NULL;
	while (!hashed && (word = legacy_word(&p, &len))) {
		hashed = is_hash(word, len) && *p == 'E';
		if (hashed)
			break;
		if (b.len)
			buf_adds(&b, "::");
		add_legacy_word(&b, word, len);
	}
	if (hashed && b.len && (p[1] == '\0' || p[1] == '.'))
		return buf_take(&b, NULL);
	buf_release(&b);
	return NULL;
}

char *demangle(const char *name)
{
	char *s;

	if (name[0] != '_')
		return NULL;
	if (name[1] == 'R')
		return demangle_rust_v0(name);
	if (name[1] != 'Z')
		return NULL;
	s = demangle_rust_legacy(name);
	return s ? s : demangle_cxx(name);
}
