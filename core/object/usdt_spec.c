/* SPDX-License-Identifier: Apache-2.0 */
#include "object/usdt_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "object/object_format.h"

/* ---- the spec ---- */

/* letters of a provider and of a name, and of patterns for them */
static size_t word(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_.$*?[]-");
}

/* bytes of "PROVIDER:NAME" at s if that is what stands up to the end, or "(...)" behind it */
static size_t full_name(const char *s)
{
	size_t provider = word(s), name;

	if (!provider || s[provider] != ':')
		return 0;
	name = word(s + provider + 1);
	s += provider + 1 + name;
	if (!name || !(!*s || (*s == '(' && s[strlen(s) - 1] == ')')))
		return 0;
	return provider + 1 + name;
}

bool usdt_spec_parse(const char *text, struct usdt_spec *ret)
{
	const char *colon = text, *args;
	size_t n;

	memset(ret, 0, sizeof(*ret));
	while ((colon = strchr(colon, ':')) && !full_name(colon + 1))
		colon++;
	if (!colon || colon == text)
		return false;
	n = full_name(colon + 1);
	args = colon + 1 + n;
	ret->path = mem_string_n(text, colon - text);
	ret->name = mem_string_n(colon + 1, n);
	if (*args)
		ret->args = mem_string_n(args + 1, strlen(args) - 2);
	return true;
}

void usdt_spec_release(struct usdt_spec *s)
{
	free(s->path);
	free(s->name);
	free(s->args);
	memset(s, 0, sizeof(*s));
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	}
	return true;
}

bool usdt_spec_fits(const struct usdt_spec *s)
{
	size_t len = strlen("usdt:") + strlen(s->path) + 1 + strlen(s->name) +
		(s->args ? strlen(s->args) + 2 : 0);

	return len <= OBJECT_PROBE_MAX && is_printable(s->path) && is_printable(s->name) &&
		(!s->args || is_printable(s->args));
}

void usdt_spec_format(const struct usdt_spec *s, struct buf *out)
{
	buf_addf(out, "%s:%s", s->path, s->name);
	if (s->args)
		buf_addf(out, "(%s)", s->args);
}

/* ---- arguments ---- */

static const char malformed[] = "in no known form";

/* bytes of the argument at s: up to a space that is not in brackets */
static size_t extent(const char *s)
{
	size_t depth = 0, i;

	for (i = 0; s[i] && (s[i] != ' ' || depth); i++) {
		depth += s[i] == '(' || s[i] == '[';
		if (depth)
			depth -= s[i] == ')' || s[i] == ']';
	}
	return i;
}

/* "-4@": what stands in front of the operand, which is returned; NULL: malformed */
static const char *size_of(const char *s, struct usdt_arg *ret)
{
	bool floats;

	ret->is_signed = *s == '-';
	s += ret->is_signed;
	if (!*s || !strchr("1248", *s))
		return NULL;
	ret->size = *s++ - '0';
	floats = *s == 'f';
	s += floats;
	if (*s != '@')
		return NULL;
	if (floats)
		ret->unread = "a floating-point number";
	return s + 1;
}

static void read_arg(const char *text, const struct machine *m, struct usdt_arg *ret)
{
	const char *operand = size_of(text, ret);

	if (!operand)
		ret->unread = malformed;
	else if (!ret->unread)
		ret->unread = m->place(operand, &ret->place);
}

size_t usdt_args(const char *text, const struct machine *m, struct usdt_arg ret[USDT_ARGS_MAX])
{
	size_t n = 0, len;

	memset(ret, 0, USDT_ARGS_MAX * sizeof(*ret));
	for (text += strspn(text, " "); *text; text += len, text += strspn(text, " ")) {
		len = extent(text);
		if (n < USDT_ARGS_MAX) {
			char *one = mem_string_n(text, len);

			read_arg(one, m, &ret[n]);
			free(one);
		}
		n++;
	}
	return n;
}
