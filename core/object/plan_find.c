/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the operation behind a path like "in[1].addr.v4". */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct walk {
	const struct plan *plan;
	const char *path, *at;		/* at: what is still to go */
	uint32_t base;			/* start of the innermost array element */
	struct plan_op op;
	size_t index;			/* of op in plan, unless op is an element's copy */
	struct error *err;
};

static size_t after(const struct plan *plan, size_t i)
{
	const struct plan_op *op = &plan->ops[i];

	return op->code == PLAN_OPEN_STRUCT || op->code == PLAN_OPEN_ARRAY ? op->next : i + 1;
}

static int no_field(const struct walk *w, const char *name, size_t len)
{
	char *want = mem_string_n(name, len);
	struct nearest near;
	size_t i;

	nearest_init(&near, want);
	if (w->op.code == PLAN_OPEN_STRUCT) {
		for (i = w->index + 1; i + 1 < w->op.next; i = after(w->plan, i))
			nearest_offer(&near, w->plan->ops[i].name);
	}
	if (name == w->path)
		error_set(w->err, "E-FIELD", "no field '%s'", want);
	else
		error_set(w->err, "E-FIELD", "no field '%s' in '%.*s'", want,
			(int)(name - w->path - 1), w->path);
	error_take_hint(w->err, nearest_hint(&near));
	free(want);
	return -1;
}

static int step_name(struct walk *w)
{
	size_t len = strcspn(w->at, ".["), i;

	if (w->op.code == PLAN_OPEN_STRUCT && len) {
		for (i = w->index + 1; i + 1 < w->op.next; i = after(w->plan, i)) {
			const char *name = w->plan->ops[i].name;

			if (strncmp(name, w->at, len) == 0 && !name[len]) {
				w->index = i;
				w->op = w->plan->ops[i];
				w->at += len;
				return 0;
			}
		}
	}
	return no_field(w, w->at, len);
}

static int take_index(struct walk *w, uint32_t *ret)
{
	const char *start = w->at + 1, *end = strchr(start, ']');
	char *digits = mem_string_n(start, end ? (size_t)(end - start) : 0);
	uint64_t v;
	bool good = end && str_to_u64(digits, 0, UINT32_MAX, &v);

	free(digits);
	if (!good)
		return error_set(w->err, "E-FIELD", "malformed index in '%s'", w->path);
	*ret = v;
	return 0;
}

static int step_index(struct walk *w)
{
	int before = w->at - w->path;
	uint32_t i = 0;

	if (take_index(w, &i))
		return -1;
	if (!w->op.is_array)
		return error_set(w->err, "E-FIELD", "'%.*s' is no array", before, w->path);
	if (i >= w->op.count)
		return error_set(w->err, "E-FIELD", "'%.*s' has %u elements, not [%u]", before,
			w->path, w->op.count, i);
	if (w->op.code == PLAN_OPEN_ARRAY) {
		w->base += w->op.offset + i * w->op.stride;
		w->index++;
		w->op = w->plan->ops[w->index];
	} else {
		w->op.offset += i * w->op.size;
		w->op.count = 1;
		w->op.is_array = 0;
		w->op.name = NULL;
	}
	w->at = strchr(w->at, ']') + 1;
	return 0;
}

int plan_find(const struct plan *plan, const char *path, struct plan_op *ret_op,
	struct error *err)
{
	struct walk w = { .plan = plan, .path = path, .at = path, .op = plan->ops[0],
		.err = err };
	int rc = 0;

	while (*w.at && rc == 0) {
		if (*w.at == '[') {
			rc = step_index(&w);
		} else {
			if (*w.at == '.' && w.at != path)
				w.at++;
			else if (w.at != path)
				return error_set(err, "E-FIELD", "malformed field path '%s'",
					path);
			rc = step_name(&w);
		}
	}
	if (rc)
		return -1;
	*ret_op = w.op;
	ret_op->offset += w.base;
	return 0;
}
