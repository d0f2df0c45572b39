/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel functions that probes name: which one is meant, and why there is none. */
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/mem.h"
#include "base/table.h"
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

static int several(const char *name, enum function_state state, const char *detail,
	struct error *err)
{
	switch (state) {
	case FUNCTION_COPIES:
		return error_set(err, "E-PROBE", "the kernel has %s functions '%s', and a name "
			"does not tell which", detail, name);
	case FUNCTION_MODULES:
		error_set(err, "E-PROBE", "several modules have a function '%s': %s", name, detail);
		return error_hint(err, "write MODULE:%s", name);
	case FUNCTION_CLONES:
		error_set(err, "E-PROBE", "the compiler has made several functions of '%s': %s",
			name, detail);
		return error_hint(err, "a probe at each is needed: name them");
	default:
		error_set(err, "E-PROBE", "'%s' is inlined, only a part of it is a function: %s",
			name, detail);
		return error_hint(err, "a probe at that name sees the calls that get there");
	}
}

/* takes near_hint */
static int absent(struct session *s, const char *name, char *near_hint, struct error *err)
{
	const char *colon = strchr(name, ':');
	char *module = colon ? mem_string_n(name, colon - name) : NULL;

	if (module && !kernel_has_module(s->symbols, module))
		error_set(err, "E-PROBE", "no kernel function '%s': there is no module '%s'", name,
			module);
	else
		error_set(err, "E-PROBE", "no kernel function '%s'%s", name, is_known(s, name) ?
			": it is inlined, not built into this kernel, "
			"or in a module that is not loaded" : "");
	free(module);
	return error_take_hint(err, near_hint);
}

/* the kernel's own one is meant where modules have one of the name, too: said once */
static void note_modules(struct session *s, const char *name, const char *modules)
{
	static char present;
	char *text;

	if (!s->options.note)
		return;
	if (!s->noted)
		s->noted = table_new();
	if (table_get(s->noted, name))
		return;
	table_set(s->noted, name, &present);
	text = mem_format("'%s' is probed in the kernel itself; there is one in %s, too: "
		"MODULE:%s", name, modules, name);
	s->options.note(s->options.note_arg, text);
	free(text);
}

const char *function_find(struct session *s, const struct probe *p, struct error *err)
{
	enum function_state state;
	const char *found = NULL;
	char *detail = NULL;

	if (!p->name || !*p->name) {
		error_set(err, "E-PROBE", "%s: a function's name is missing", p->provider);
		return NULL;
	}
	state = kernel_function_find(s->symbols, p->name, &found, &detail);
	if (state == FUNCTION_ABSENT) {
		absent(s, p->name, detail, err);
		return NULL;
	}
	if (state != FUNCTION_THERE)
		several(p->name, state, detail, err);
	else if (detail)
		note_modules(s, p->name, detail);
	free(detail);
	return state == FUNCTION_THERE ? found : NULL;
}
