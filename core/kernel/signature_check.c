/* SPDX-License-Identifier: Apache-2.0 */
/* Declared parameters against known ones. */
#include "kernel/signature.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kernel/signature_internal.h"

enum base {
	BASE_UNKNOWN,		/* a typedef, or what this does not understand */
	BASE_VOID,
	BASE_INTEGER,
	BASE_TAGGED,		/* struct or union */
};

struct shape {
	enum base base;
	unsigned pointers;
	char *tag;		/* "struct sock" */
};

static bool in_list(const char *const *list, const char *word, size_t len)
{
	for (; *list; list++) {
		if (strlen(*list) == len && memcmp(*list, word, len) == 0)
			return true;
	}
	return false;
}

static bool is_qualifier(const char *word, size_t len)
{
	static const char *const list[] = { "const", "volatile", "restrict", "__restrict",
		"register", "__user", "__rcu", "__kernel", "__percpu", "__iomem", NULL };

	return in_list(list, word, len);
}

/* integers whatever the kernel; uintptr_t is not here: it may well be a pointer */
static bool is_integer(const char *word, size_t len)
{
	static const char *const list[] = { "char", "short", "int", "long", "unsigned", "signed",
		"bool", "_Bool", "enum", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
		"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
		"uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t",
		"int64_t", "u_int8_t", "u_int16_t", "u_int32_t", "__be16", "__be32", "__be64",
		"__le16", "__le32", "__le64", "size_t", "ssize_t", "loff_t", "off_t", "gfp_t",
		"umode_t", "pid_t", "uid_t", "gid_t", "dev_t", "sector_t", "pgoff_t",
		"netdev_features_t", "__wsum", "__sum16", "__poll_t", "rwf_t", "gva_t", "gpa_t",
		NULL };

	return in_list(list, word, len);
}

/* one word of a type; the tag's own name is read together with its keyword */
static const char *take_word(struct shape *s, const char *p)
{
	size_t len = 0, space, tag;

	while (isalnum((unsigned char)p[len]) || p[len] == '_')
		len++;
	if (is_qualifier(p, len))
		return p + len;
	if ((len == 6 && memcmp(p, "struct", 6) == 0) || (len == 5 && memcmp(p, "union", 5) == 0)) {
		space = strspn(p + len, " \t\n");
		for (tag = 0; isalnum((unsigned char)p[len + space + tag]) ||
			p[len + space + tag] == '_'; tag++)
			;
		s->base = BASE_TAGGED;
		free(s->tag);
		s->tag = mem_format("%.*s %.*s", (int)len, p, (int)tag, p + len + space);
		return p + len + space + tag;
	}
	if (s->base != BASE_TAGGED && is_integer(p, len))
		s->base = BASE_INTEGER;
	else if (len == 4 && memcmp(p, "void", 4) == 0)
		s->base = BASE_VOID;
	return p + len;
}

static void shape_init(struct shape *s, const char *type)
{
	const char *p = type;

	memset(s, 0, sizeof(*s));
	while (*p) {
		if (*p == '(') {	/* a function pointer: any */
			s->base = BASE_VOID;
			s->pointers = 1;
			return;
		}
		if (*p == '*' || *p == '[') {
			s->pointers++;
			p++;
		} else if (isalpha((unsigned char)*p) || *p == '_') {
			p = take_word(s, p);
		} else {
			p++;
		}
	}
}

static bool contradicts(const struct shape *a, const struct shape *b)
{
	if (a->base == BASE_UNKNOWN || b->base == BASE_UNKNOWN)	{
		/* "foo_t" may be a pointer, "foo_t *" is no integer */
		return (a->pointers > 0 && b->base == BASE_INTEGER && b->pointers == 0) ||
			(b->pointers > 0 && a->base == BASE_INTEGER && a->pointers == 0);
	}
	if ((a->pointers > 0) != (b->pointers > 0))
		return true;
	if (a->base == BASE_VOID || b->base == BASE_VOID)
		return false;
	if (a->base == BASE_TAGGED && b->base == BASE_TAGGED)
		return a->pointers != b->pointers || strcmp(a->tag, b->tag) != 0;
	return false;
}

static bool types_contradict(const char *declared, const char *known)
{
	struct shape a, b;
	bool answer;

	shape_init(&a, declared);
	shape_init(&b, known);
	answer = contradicts(&a, &b);
	free(a.tag);
	free(b.tag);
	return answer;
}

static int refuse(const struct signature *s, struct error *err)
{
	struct buf b = BUF_INIT;

	signature_add_params_text(s, &b);
	error_hint(err, "on this kernel it is %s%s (%s)", s->function, b.data, s->source);
	buf_release(&b);
	return -1;
}

int signature_check(const struct signature *s, const char *const *types, size_t n,
	struct error *err)
{
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < n && i < s->n; i++) {
		if (!types[i] || !types_contradict(types[i], s->params[i].type))
			continue;
		signature_add_declaration(s->params[i].type, s->params[i].name, &b);
		error_set(err, "E-SIGNATURE", "parameter %zu of '%s' is declared '%s', but is '%s'",
			i + 1, s->function, types[i], b.data);
		buf_release(&b);
		return refuse(s, err);
	}
	if (n <= s->n || s->variadic)
		return 0;
	error_set(err, "E-SIGNATURE", "%zu parameters of '%s' are declared, but it has %zu", n,
		s->function, s->n);
	return refuse(s, err);
}
