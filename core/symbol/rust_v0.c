/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rust's v0 mangling (RFC 2603), as rustc's own short form prints it:
 * without hashes of crates and without types of constants.
 *
 * One function a production of the grammar; each reads at `p` and prints.
 * `failed` ends all of them, and the name then stays mangled.  Names come
 * from files of strangers: depth and output are bounded, for a few back
 * references can ask for more than any memory.
 */
#include "demangle.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { DEPTH_MAX = 200, OUTPUT_MAX = 8192, STEPS_MAX = 20000 };

struct rust {
	const char *start, *p, *end;	/* behind "_R" */
	struct buf out;
	unsigned depth, steps;
	unsigned quiet;			/* > 0: parse without printing */
	uint64_t lifetimes;		/* bound by the `for<...>` around */
	bool failed;
};

static void print_path(struct rust *r, bool value);
static void print_type(struct rust *r);
static void print_const(struct rust *r);

static char peek(const struct rust *r)
{
	return r->failed || r->p == r->end ? '\0' : *r->p;
}

static bool take(struct rust *r, char c)
{
	if (peek(r) != c || !c)
		return false;
	r->p++;
	return true;
}

static char next(struct rust *r)
{
	char c = peek(r);

	if (c)
		r->p++;
	else
		r->failed = true;
	return c;
}

static void print_n(struct rust *r, const char *s, size_t n)
{
	if (r->failed || r->quiet)
		return;
	if (r->out.len + n > OUTPUT_MAX)
		r->failed = true;
	else
		buf_add(&r->out, s, n);
}

static void print(struct rust *r, const char *s)
{
	print_n(r, s, strlen(s));
}

static void print_number(struct rust *r, uint64_t n)
{
	char *s = mem_format("%llu", (unsigned long long)n);

	print(r, s);
	free(s);
}

static bool enter(struct rust *r)
{
	if (++r->depth > DEPTH_MAX || ++r->steps > STEPS_MAX)
		r->failed = true;
	return !r->failed;
}

/* "_" is 0, "0_" is 1, ... */
static uint64_t base62(struct rust *r)
{
	uint64_t n = 0;
	char c;

	if (take(r, '_'))
		return 0;
	while ((c = next(r)) != '_' && !r->failed) {
		unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ?
			c - 'a' + 10 : c >= 'A' && c <= 'Z' ? c - 'A' + 36 : 62;

		if (digit == 62 || n > UINT64_MAX / 62 - 2)
			r->failed = true;
		n = n * 62 + digit;
	}
	return n + 1;
}

/* 0 without the tag, else one more than the number behind it */
static uint64_t optional62(struct rust *r, char tag)
{
	return take(r, tag) ? base62(r) + 1 : 0;
}

/* the bytes of an identifier without its disambiguator; *ret_coded: punycode */
static const char *identifier(struct rust *r, size_t *ret_len, bool *ret_coded)
{
	const char *s;
	size_t len = 0;

	*ret_coded = take(r, 'u');
	if (peek(r) < '0' || peek(r) > '9')
		r->failed = true;
	if (!take(r, '0')) {
		while (peek(r) >= '0' && peek(r) <= '9' && len < OUTPUT_MAX)
			len = len * 10 + (next(r) - '0');
	}
	take(r, '_');
	if (r->failed || (size_t)(r->end - r->p) < len) {
		r->failed = true;
		len = 0;
	}
	s = r->p;
	r->p += len;
	*ret_len = len;
	return s;
}

static void print_bytes(struct rust *r, const char *s, size_t len, bool coded)
{
	if (coded)
		print(r, "punycode{");
	print_n(r, s, len);
	if (coded)
		print(r, "}");
}

static void print_identifier(struct rust *r)
{
	bool coded;
	size_t len;
	const char *s = identifier(r, &len, &coded);

	print_bytes(r, s, len, coded);
}

/* goes on at an earlier place, then comes back behind the reference */
static void follow(struct rust *r, void (*fn)(struct rust *r, bool value), bool value)
{
	const char *tag = r->p - 1, *back;
	uint64_t at = base62(r);

	if (r->failed || at >= (uint64_t)(tag - r->start)) {
		r->failed = true;
		return;
	}
	back = r->p;
	r->p = r->start + at;
	if (!r->quiet)
		fn(r, value);
	r->p = back;
}

static void follow_type(struct rust *r, bool value)
{
	print_type(r);
}

static void follow_const(struct rust *r, bool value)
{
	print_const(r);
}

/* ---- lifetimes ---- */

static void print_lifetime(struct rust *r, uint64_t index)
{
	uint64_t depth = r->lifetimes - index;
	char name[2] = { 'a', '\0' };

	print(r, "'");
	if (index == 0) {
		print(r, "_");
	} else if (index > r->lifetimes) {
		r->failed = true;
	} else if (depth < 26) {
		name[0] += depth;
		print(r, name);
	} else {
		print(r, "_");
		print_number(r, depth);
	}
}

/* "for<'a, 'b> "; how many lifetimes it bound, for unbind */
static uint64_t bind(struct rust *r)
{
	uint64_t n = optional62(r, 'G'), i;

	if (n > 64)
		r->failed = true;
	if (!n || r->failed)
		return 0;
	print(r, "for<");
	for (i = 0; i < n; i++) {
		if (i)
			print(r, ", ");
		r->lifetimes++;
		print_lifetime(r, 1);
	}
	print(r, "> ");
	return n;
}

/* ---- paths ---- */

/* "C 3foo": crate, "Nv path ident": in a namespace, special ones in capitals */
static void print_nested(struct rust *r, bool value)
{
	char space = next(r);
	uint64_t number;
	const char *s;
	bool coded;
	size_t len;

	print_path(r, value);
	number = optional62(r, 's');
	s = identifier(r, &len, &coded);
	if (space >= 'A' && space <= 'Z') {
		print(r, "::{");
		print_n(r, space == 'C' ? "closure" : space == 'S' ? "shim" : &space,
			space == 'C' ? 7 : space == 'S' ? 4 : 1);
		print(r, len ? ":" : "");
		print_bytes(r, s, len, coded);
		print(r, "#");
		print_number(r, number);
		print(r, "}");
	} else if (len) {
		print(r, "::");
		print_bytes(r, s, len, coded);
	}
}

/* "M impl-path type", "X impl-path type path", "Y type path" */
static void print_impl(struct rust *r, char kind)
{
	if (kind != 'Y') {
		optional62(r, 's');
		r->quiet++;
		print_path(r, false);
		r->quiet--;
	}
	print(r, "<");
	print_type(r);
	if (kind != 'M') {
		print(r, " as ");
		print_path(r, false);
	}
	print(r, ">");
}

static void print_arguments(struct rust *r)
{
	const char *separator = "";

	while (!take(r, 'E') && !r->failed) {
		print(r, separator);
		separator = ", ";
		if (take(r, 'L'))
			print_lifetime(r, base62(r));
		else if (take(r, 'K'))
			print_const(r);
		else
			print_type(r);
	}
}

static void print_path(struct rust *r, bool value)
{
	char kind = next(r);

	if (!enter(r))
		return;
	if (kind == 'C') {
		optional62(r, 's');
		print_identifier(r);
	} else if (kind == 'N') {
		print_nested(r, value);
	} else if (kind == 'M' || kind == 'X' || kind == 'Y') {
		print_impl(r, kind);
	} else if (kind == 'I') {
		print_path(r, value);
		print(r, value ? "::<" : "<");
		print_arguments(r);
		print(r, ">");
	} else if (kind == 'B') {
		follow(r, print_path, value);
	} else {
		r->failed = true;
	}
	r->depth--;
}

/* ---- types ---- */

static const char *basic_type(char c)
{
	static const char *const names[26] = {
		"i8", "bool", "char", "f64", "str", "f32", NULL, "u8", "isize", "usize", NULL,
		"i32", "u32", "i128", "u128", "_", NULL, NULL, "i16", "u16", "()", "...", NULL,
		"i64", "u64", "!",
	};

	return c >= 'a' && c <= 'z' ? names[c - 'a'] : NULL;
}

static void print_reference(struct rust *r, bool mutable)
{
	uint64_t lifetime;

	print(r, "&");
	if (take(r, 'L') && (lifetime = base62(r))) {
		print_lifetime(r, lifetime);
		print(r, " ");
	}
	print(r, mutable ? "mut " : "");
	print_type(r);
}

static void print_tuple(struct rust *r)
{
	unsigned n;

	print(r, "(");
	for (n = 0; !take(r, 'E') && !r->failed; n++) {
		print(r, n ? ", " : "");
		print_type(r);
	}
	print(r, n == 1 ? ",)" : ")");
}

static void print_abi(struct rust *r)
{
	const char *s = "C";
	bool coded = false;
	size_t len = 1, i;

	if (!take(r, 'C'))
		s = identifier(r, &len, &coded);
	print(r, "extern \"");
	for (i = 0; i < len; i++)
		print_n(r, s[i] == '_' ? "-" : s + i, 1);
	print(r, "\" ");
}

static void print_function(struct rust *r)
{
	uint64_t bound = bind(r);
	unsigned n;

	if (take(r, 'U'))
		print(r, "unsafe ");
	if (take(r, 'K'))
		print_abi(r);
	print(r, "fn(");
	for (n = 0; !take(r, 'E') && !r->failed; n++) {
		print(r, n ? ", " : "");
		print_type(r);
	}
	print(r, ")");
	if (!take(r, 'u')) {	/* the unit type is not written */
		print(r, " -> ");
		print_type(r);
	}
	r->lifetimes -= bound;
}

/* the path of a trait; true if its "<" was left open for the bindings */
static bool print_open_trait(struct rust *r)
{
	if (!take(r, 'I')) {
		print_path(r, false);
		return false;
	}
	print_path(r, false);
	print(r, "<");
	print_arguments(r);
	return true;
}

static void print_dyn(struct rust *r)
{
	uint64_t bound, lifetime;
	unsigned n;

	print(r, "dyn ");
	bound = bind(r);
	for (n = 0; !take(r, 'E') && !r->failed; n++) {
		bool open;

		print(r, n ? " + " : "");
		open = print_open_trait(r);
		while (take(r, 'p')) {
			print(r, open ? ", " : "<");
			open = true;
			print_identifier(r);
			print(r, " = ");
			print_type(r);
		}
		print(r, open ? ">" : "");
	}
	r->lifetimes -= bound;
	if (!take(r, 'L')) {
		r->failed = true;
	} else if ((lifetime = base62(r))) {
		print(r, " + ");
		print_lifetime(r, lifetime);
	}
}

static void print_array(struct rust *r, bool sized)
{
	print(r, "[");
	print_type(r);
	if (sized) {
		print(r, "; ");
		print_const(r);
	}
	print(r, "]");
}

static void print_compound(struct rust *r)
{
	char kind = next(r);

	switch (kind) {
	case 'A': print_array(r, true); break;
	case 'S': print_array(r, false); break;
	case 'T': print_tuple(r); break;
	case 'R': print_reference(r, false); break;
	case 'Q': print_reference(r, true); break;
	case 'P': print(r, "*const "); print_type(r); break;
	case 'O': print(r, "*mut "); print_type(r); break;
	case 'F': print_function(r); break;
	case 'D': print_dyn(r); break;
	case 'B': follow(r, follow_type, false); break;
	default: r->failed = true;
	}
}

static void print_type(struct rust *r)
{
	char kind = peek(r);
	const char *basic = basic_type(kind);

	if (!enter(r))
		return;
	if (basic) {
		r->p++;
		print(r, basic);
	} else if (kind && strchr("CNMXYI", kind)) {
		print_path(r, false);
	} else {
		print_compound(r);
	}
	r->depth--;
}

/* ---- constants ---- */

/* hexadecimal digits and "_"; long ones are printed as they are */
static void print_integer(struct rust *r)
{
	const char *digits = r->p;
	uint64_t value = 0;
	size_t n;

	while (peek(r) && strchr("0123456789abcdef", peek(r)))
		next(r);
	n = r->p - digits;
	if (!take(r, '_') || r->failed) {
		r->failed = true;
	} else if (n > 16) {
		print(r, "0x");
		print_n(r, digits, n);
	} else {
		for (; n; n--, digits++)
			value = value * 16 + (*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
		print_number(r, value);
	}
}

static void print_bool(struct rust *r)
{
	char c = next(r);

	if ((c != '0' && c != '1') || !take(r, '_'))
		r->failed = true;
	print(r, c == '1' ? "true" : "false");
}

/* the code point, as \u{...}, unless it is plain ASCII */
static void print_char(struct rust *r)
{
	const char *digits = r->p;
	char *end, c;
	unsigned long code = strtoul(digits, &end, 16);

	if (end == digits || *end != '_' || end >= r->end || code > 0x10ffff) {
		r->failed = true;
		return;
	}
	r->p = end + 1;
	c = code;
	print(r, "'");
	if (code >= 0x20 && code < 0x7f) {
		print_n(r, &c, 1);
	} else {
		print(r, "\\u{");
		print_n(r, digits, end - digits);
		print(r, "}");
	}
	print(r, "'");
}

static void print_const(struct rust *r)
{
	char type = next(r);

	if (!enter(r))
		return;
	if (type == 'B') {
		follow(r, follow_const, false);
	} else if (type == 'p') {
		print(r, "_");
	} else if (type == 'b') {
		print_bool(r);
	} else if (type == 'c') {
		print_char(r);
	} else if (strchr("aslxnihtmyoj", type)) {
		if (take(r, 'n'))
			print(r, "-");
		print_integer(r);
	} else {
		r->failed = true;
	}
	r->depth--;
}

char *demangle_rust_v0(const char *name)
{
	struct rust r = { .out = BUF_INIT };

	/* ".llvm.123" and the like come from later stages of the compiler */
	if (!str_starts(name, "_R") || name[2] < 'A' || name[2] > 'Z')
		return NULL;
	r.start = r.p = name + 2;
	r.end = r.start + strcspn(r.start, ".$");
	print_path(&r, true);
	if (peek(&r) && !r.failed) {	/* the crate that asked for the instance */
		r.quiet++;
		print_path(&r, false);
	}
	if (!r.failed && r.p == r.end && r.out.len)
		return buf_take(&r.out, NULL);
	buf_release(&r.out);
	return NULL;
}
