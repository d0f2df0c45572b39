/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel functions that probes name: which one is meant, and why there is none. */
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "kernel/signature.h"
#include "load/internal.h"
#include "symbol/symbol.h"

struct btf *session_btf(struct session *s)
{
	if (!s->btf)
		s->btf = btf__load_vmlinux_btf();
	return s->btf;
}

struct wanted {
	const char *function;
	bool found;
};

static bool compare_row(void *arg, const struct signature_row *row)
{
	struct wanted *w = arg;

	w->found = strcmp(row->function, w->function) == 0;
	return !w->found;
}

/* is it a function of some kernel, though this one has no symbol of the name? */
static bool is_known(struct session *s, const char *name)
{
	struct wanted w = { name, false };
	struct error ignored = ERROR_INIT;
	struct btf *btf = session_btf(s);

	if (btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0)
		return true;
	signature_table_each(compare_row, &w, &ignored);
	error_clear(&ignored);
	return w.found;
}

static int copies(const char *name, const char *detail, struct error *err)
{
	/* a count, or the names of clones */
	if (detail[0] >= '1' && detail[0] <= '9')
		return error_set(err, "E-PROBE", "the kernel has %s functions '%s', and a name "
			"does not tell which", detail, name);
	error_set(err, "E-PROBE", "the compiler has made several functions of '%s': %s", name,
		detail);
	return error_hint(err, "a probe at each is needed: name them");
}

const char *function_find(struct session *s, const struct probe *p, struct error *err)
{
	const char *found = NULL;
	char *detail = NULL;

	if (!p->name || !*p->name) {
		error_set(err, "E-PROBE", "%s: a function's name is missing", p->provider);
		return NULL;
	}
	switch (kernel_function_find(s->symbols, p->name, &found, &detail)) {
	case FUNCTION_THERE:
		return found;
	case FUNCTION_COPIES:
		copies(p->name, detail, err);
		break;
	case FUNCTION_PART:
		error_set(err, "E-PROBE", "'%s' is inlined, only a part of it is a function: %s",
			p->name, detail);
		error_hint(err, "a probe at that name sees the calls that get there");
		break;
	case FUNCTION_ABSENT:
		error_set(err, "E-PROBE", "no kernel function '%s'%s", p->name,
			is_known(s, p->name) ? ": it is inlined, or not built into this kernel" :
			"");
		error_take_hint(err, detail);
		return NULL;
	}
	free(detail);
	return NULL;
}
