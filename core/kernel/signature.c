/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the arguments of a kernel function, and shows them. */
#include "kernel/signature.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/signature_internal.h"

void signature_release(struct signature *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->params[i].type);
		free(s->params[i].name);
	}
	free(s->params);
	free(s->function);
	free(s->type);
	free(s->source);
	memset(s, 0, sizeof(*s));
}

void signature_add_param(struct signature *s, char *type, char *name)
{
	struct signature_param *p = MEM_GROW(s->params, s->n);

	p->type = type;
	p->name = name;
}

/* a function pointer's name stands within its type: "int (*fn)(void *)" */
void signature_add_declaration(const char *type, const char *name, struct buf *out)
{
	const char *star = strstr(type, "(*");
	size_t len = strlen(type);

	if (star) {
		buf_add(out, type, star + 2 - type);
		buf_addf(out, "%s%s", name, star + 2);
		return;
	}
	buf_adds(out, type);
	if (*name && len && type[len - 1] != '*')
		buf_addc(out, ' ');
	buf_adds(out, name);
}

void signature_add_params_text(const struct signature *s, struct buf *out)
{
	size_t i;

	buf_addc(out, '(');
	for (i = 0; i < s->n; i++) {
		if (i > 0)
			buf_adds(out, ", ");
		signature_add_declaration(s->params[i].type, s->params[i].name, out);
	}
	if (s->variadic)
		buf_adds(out, s->n > 0 ? ", ..." : "...");
	else if (s->n == 0)
		buf_adds(out, "void");
	buf_addc(out, ')');
}

char *signature_text(const struct signature *s)
{
	struct buf b = BUF_INIT;

	signature_add_declaration(s->type, s->function, &b);
	signature_add_params_text(s, &b);
	return buf_take(&b, NULL);
}

/* "mod:ip_fragment.constprop.0": takes it apart; each part is owned by the caller */
static void split_name(const char *name, char **ret_module, char **ret_base, bool *ret_clone)
{
	const char *colon = strchr(name, ':'), *base = colon ? colon + 1 : name;
	size_t len = strcspn(base, ".");

	*ret_module = colon ? mem_string_n(name, colon - name) : NULL;
	*ret_base = mem_string_n(base, len);
	*ret_clone = base[len] != '\0' && !str_starts(base + len, ".llvm.");
}

static int not_known(const char *base, const struct signature_target *target, struct error *err)
{
	struct buf ranges = BUF_INIT;

	if (signature_ranges(base, &ranges, err) < 0)
		return -1;
	error_set(err, "E-SIGNATURE", "the arguments of '%s' are not known for kernel %s: %s%s%s",
		base, target->release,
		target->btf ? "its BTF has no such function, " : "it has no BTF, ",
		ranges.len ? "the table of signatures has it for " :
			"the table of signatures does not have it", ranges.data);
	if (ranges.len == 0)
		error_take_hint(err, signature_nearest(base));
	buf_release(&ranges);
	return -1;
}

int signature_find(const char *function, const struct signature_target *target,
	struct signature *ret, struct error *err)
{
	struct signature found = { 0 };
	char *module, *base;
	bool clone;
	int r = 0;

	split_name(function, &module, &base, &clone);
	if (target->btf)
		r = signature_from_btf(target->btf, module, base, &found, err);
	if (r == 0)
		r = signature_from_table(base, target, &found, err);
	if (r == 0)
		r = not_known(base, target, err);
	if (r > 0) {
		found.function = mem_string(base);
		found.clone = clone;
		*ret = found;
	}
	free(module);
	free(base);
	return r > 0 ? 0 : -1;
}

int signature_param(const struct signature *s, const char *name, struct error *err)
{
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (*name && strcmp(s->params[i].name, name) == 0)
			return (int)i;
	}
	signature_add_params_text(s, &b);
	error_set(err, "E-SIGNATURE", "'%s' has no parameter '%s' on this kernel: it is %s%s (%s)",
		s->function, name, s->function, b.data, s->source);
	buf_release(&b);
	return -1;
}
