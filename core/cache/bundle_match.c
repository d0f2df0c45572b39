/* SPDX-License-Identifier: Apache-2.0 */
/* Which object of a bundle is for the kernel that runs, and with which values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cache/bundle.h"
#include "object/usdt_spec.h"

/* ---- facts ---- */

static void set_string(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

/* the text decides by the kernel's version */
static bool asks_version(const char *text)
{
	return strstr(text, "LINUX_VERSION_CODE") || strstr(text, "linux/version.h") ||
		strstr(text, "UTS_RELEASE") || strstr(text, "utsrelease.h");
}

/* a define or flag that a kernel gave, not the script */
static bool is_kernels(const char *text)
{
	return str_starts(text, "CONFIG_") || str_starts(text, "MOONTRACE_") ||
		str_starts(text, "-DMOONTRACE_");
}

/* the text's digest, and of the flags that its script gives */
static void digest_text(const struct request *req, char ret[DIGEST_HEX])
{
	struct digest d;
	size_t i;

	digest_init(&d);
	digest_update(&d, req->text, strlen(req->text) + 1);
	for (i = 0; i < req->n_cflags; i++) {
		if (is_kernels(req->cflags[i]))
			continue;
		digest_update(&d, req->cflags[i], strlen(req->cflags[i]) + 1);
	}
	digest_final_hex(&d, ret);
}

/* the lines with fields: ids and print formats differ from kernel to kernel */
static void add_format(struct request *ret, const struct request_format *f)
{
	const char *line = f->text, *end;
	struct buf fields = BUF_INIT;

	for (; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		if (str_starts(line, "\tfield:"))
			buf_add(&fields, line, end - line);
	}
	request_add_format(ret, f->category, f->event, fields.len ? fields.data : "");
	buf_release(&fields);
}

enum whose { OF_ALL, OF_SCRIPT, OF_KERNEL };

static void copy_list(char **from, size_t n_from, enum whose whose, char ***list, size_t *n)
{
	size_t i;

	for (i = 0; i < n_from; i++) {
		if (whose == OF_ALL || (whose == OF_KERNEL) == is_kernels(from[i]))
			*MEM_GROW(*list, *n) = mem_string(from[i]);
	}
}

void bundle_facts(const struct request *req, struct request *ret)
{
	bool bound = *req->headers_id || asks_version(req->text);
	char digest[DIGEST_HEX];
	size_t i;

	request_init(ret);
	digest_text(req, digest);
	set_string(&ret->text, digest);
	set_string(&ret->machine, req->machine);
	copy_list(req->defines, req->n_defines, bound ? OF_SCRIPT : OF_ALL, &ret->defines,
		&ret->n_defines);
	copy_list(req->params, req->n_params, OF_ALL, &ret->params, &ret->n_params);
	copy_list(req->args, req->n_args, OF_ALL, &ret->args, &ret->n_args);
	copy_list(req->usdt, req->n_usdt, OF_ALL, &ret->usdt, &ret->n_usdt);
	if (!bound)
		copy_list(req->cflags, req->n_cflags, OF_KERNEL, &ret->cflags, &ret->n_cflags);
	for (i = 0; i < req->n_formats; i++)
		add_format(ret, &req->formats[i]);
	ret->ringbuf = req->ringbuf;
	ret->zero_stack = req->zero_stack;
	if (!bound)
		return;
	set_string(&ret->release, req->release);
	set_string(&ret->headers_id, req->headers_id);
	ret->version_code = req->version_code;
}

/* ---- which kernel ---- */

static bool same_formats(const struct request *a, const struct request *b)
{
	size_t i;

	for (i = 0; i < a->n_formats && a->n_formats == b->n_formats; i++) {
		if (strcmp(a->formats[i].category, b->formats[i].category) != 0 ||
		    strcmp(a->formats[i].event, b->formats[i].event) != 0 ||
		    strcmp(a->formats[i].text, b->formats[i].text) != 0)
			return false;
	}
	return a->n_formats == b->n_formats;
}

static bool same_list(char **a, size_t n_a, char **b, size_t n_b)
{
	size_t i;

	for (i = 0; i < n_a && n_a == n_b; i++) {
		if (strcmp(a[i], b[i]) != 0)
			return false;
	}
	return n_a == n_b;
}

/* each of the kernel's defines of `a` is in b */
static bool has_defines(const struct request *a, const struct request *b)
{
	size_t i, j;

	for (i = 0; i < a->n_defines; i++) {
		for (j = 0; j < b->n_defines; j++) {
			if (strcmp(a->defines[i], b->defines[j]) == 0)
				break;
		}
		if (is_kernels(a->defines[i]) && j == b->n_defines)
			return false;
	}
	return true;
}

/* what a release stands for, where none is named */
static bool same_kernel(const struct request *has, const struct request *here)
{
	return has_defines(has, here) && has_defines(here, has) &&
		same_list(has->cflags, has->n_cflags, here->cflags, here->n_cflags);
}

/* a perf buffer and a stack of zeros do on each kernel */
static bool fits_kernel(const struct request *has, const struct request *here, const char *release)
{
	return (*has->release ? strcmp(has->release, release) == 0 : same_kernel(has, here)) &&
		strcmp(has->machine, here->machine) == 0 && has->ringbuf <= here->ringbuf &&
		has->zero_stack >= here->zero_stack && same_formats(has, here) &&
		same_list(has->args, has->n_args, here->args, here->n_args);
}

/* ---- where arguments of USDT probes are ---- */

/* of "FUNCTION usdt:PATH:PROVIDER:NAME(ARGUMENTS)" what is in front of the arguments */
static size_t usdt_name(const char *usdt)
{
	struct usdt_spec spec;
	size_t len = strcspn(usdt, " "), all = strlen(usdt);

	if (!str_starts(usdt + len, " usdt:") ||
	    !usdt_spec_parse(usdt + len + strlen(" usdt:"), &spec))
		return all;
	len = all - (spec.args ? strlen(spec.args) + strlen("()") : 0);
	usdt_spec_release(&spec);
	return len;
}

static bool has_usdt(const struct request *req, const char *usdt, size_t len)
{
	size_t i;

	for (i = 0; i < req->n_usdt; i++) {
		if (strncmp(req->usdt[i], usdt, len) == 0 &&
		    (!usdt[len] || usdt_name(req->usdt[i]) == len))
			return true;
	}
	return false;
}

/* each place of `a` is in b, but for probes that b has not at all: those are optional there */
static int covers_usdt(const struct request *a, const struct request *b, struct error *err)
{
	const char *where;
	size_t i, len;

	for (i = 0; i < a->n_usdt; i++) {
		len = usdt_name(a->usdt[i]);
		if (has_usdt(b, a->usdt[i], strlen(a->usdt[i])) || !has_usdt(b, a->usdt[i], len))
			continue;
		where = strchr(a->usdt[i], ' ') + 1;
		error_set(err, "E-PROBE", "the binary has the arguments of %.*s in other places "
			"than the one that the bundle was built with",
			(int)(a->usdt[i] + len - where), where);
		return error_hint(err, "only one of them has %s; build the bundle with the same "
			"binary", a->usdt[i] + len);
	}
	return 0;
}

static int check_usdt(const struct request *has, const struct request *here, struct error *err)
{
	return covers_usdt(here, has, err) || covers_usdt(has, here, err) ? -1 : 0;
}

static int goodness(const struct request *has, const struct request *here)
{
	return 4 * (*has->release != '\0') + 2 * (has->ringbuf == here->ringbuf) +
		(has->zero_stack == here->zero_stack);
}

static void add_tracepoints(const struct request *facts, struct buf *out)
{
	size_t i;

	for (i = 0; i < facts->n_formats; i++)
		buf_addf(out, "%s%s:%s", i ? ", " : " with the fields of ",
			facts->formats[i].category, facts->formats[i].event);
}

void bundle_describe(const struct bundle_object *o, struct buf *out)
{
	const struct request *facts = &o->facts;
	size_t i;

	if (*facts->release) {
		buf_adds(out, facts->release);
	} else {
		buf_adds(out, "any kernel");
		add_tracepoints(facts, out);
		for (i = 0; i < facts->n_args; i++)
			buf_addf(out, "%s%.*s", i ? ", " : " with the arguments of ",
				(int)strcspn(facts->args[i], " "), facts->args[i]);
	}
	if (facts->ringbuf)
		buf_adds(out, ", ring buffers");
	if (!facts->zero_stack)
		buf_adds(out, ", a verifier that takes uninitialised stack");
	for (i = 0; i < o->n_targets; i++)
		buf_addf(out, "%s%s", i ? ", " : " (built for ", o->targets[i]);
	buf_adds(out, ")");
}

/* ---- which values ---- */

static bool names(const char *define, const char *name)
{
	size_t n = strlen(name);

	return strncmp(define, name, n) == 0 && (define[n] == '=' || !define[n]);
}

static const char *find_define(const struct request *req, const char *name)
{
	size_t i;

	for (i = 0; i < req->n_defines; i++) {
		if (names(req->defines[i], name))
			return req->defines[i];
	}
	return NULL;
}

static const char *value_of(const char *define)
{
	const char *equals = strchr(define, '=');

	return equals ? equals + 1 : "1";
}

/* why it is fixed, as the build said */
static int add_reason(const struct bundle_object *o, const char *name, struct error *err)
{
	size_t i, n = strlen(name);

	for (i = 0; i < o->object->n_facts; i++) {
		const struct object_fact *f = &o->object->facts[i];

		if (strcmp(f->key, "fixed") == 0 && strncmp(f->value, name, n) == 0 &&
		    f->value[n] == ' ')
			return error_hint(err, "%s", f->value);
	}
	return -1;
}

static int to_number(const char *name, const char *text, int64_t *ret, struct error *err)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (!errno && *text && !*end)
		return 0;
	return error_set(err, "E-BUNDLE", "define '%s' is a whole number in this bundle, not '%s'",
		name, text);
}

/* what is given is either a parameter or what it was at the build */
static int check_given(const struct bundle_object *o, const char *define, struct error *err)
{
	char *name = mem_string_n(define, strcspn(define, "="));
	const char *fixed = find_define(&o->facts, name), *value = value_of(define);
	int64_t number;
	int ret = 0;

	if (is_kernels(name))
		; /* see same_kernel */
	else if (object_find_param(o->object, name) >= 0) {
		ret = to_number(name, value, &number, err);
	} else if (!fixed) {
		error_set(err, "E-BUNDLE", "define '%s' is absent in this bundle and cannot be %s",
			name, value);
		ret = add_reason(o, name, err);
	} else if (strcmp(value_of(fixed), value) != 0) {
		error_set(err, "E-BUNDLE", "define '%s' is fixed to %s in this bundle and cannot "
			"be %s", name, value_of(fixed), value);
		ret = add_reason(o, name, err);
	}
	free(name);
	return ret;
}

static int check_missing(const struct bundle_object *o, const struct request *req,
	struct error *err)
{
	size_t i;

	for (i = 0; i < o->object->n_params; i++) {
		const struct object_param *param = &o->object->params[i];

		if (!param->optional && !find_define(req, param->name))
			return error_set(err, "E-BUNDLE", "define '%s' must be given in this "
				"bundle", param->name);
	}
	for (i = 0; i < o->facts.n_defines; i++) {
		const char *define = o->facts.defines[i];
		char *name = mem_string_n(define, strcspn(define, "="));
		bool given = is_kernels(name) || find_define(req, name);

		if (!given) {
			error_set(err, "E-BUNDLE", "define '%s' is fixed to %s in this bundle and "
				"cannot be absent", name, value_of(define));
			add_reason(o, name, err);
		}
		free(name);
		if (!given)
			return -1;
	}
	return 0;
}

static int check_defines(const struct bundle_object *o, const struct request *req,
	struct error *err)
{
	size_t i;

	for (i = 0; i < req->n_defines; i++) {
		if (check_given(o, req->defines[i], err))
			return -1;
	}
	return check_missing(o, req, err);
}

static int set_params(struct object *obj, const struct request *req, struct error *err)
{
	size_t i;

	for (i = 0; i < obj->n_params; i++) {
		const char *name = obj->params[i].name, *define = find_define(req, name);
		int64_t value;

		if (define && to_number(name, value_of(define), &value, err))
			return -1;
		if (object_set_param(obj, i, define ? &value : NULL, err))
			return -1;
	}
	return 0;
}

/* ---- together ---- */

static void add_line(struct buf *list, const struct bundle_object *o)
{
	struct buf line = BUF_INIT;

	bundle_describe(o, &line);
	buf_addc(&line, '\n');
	/* variants of a text are for the same kernels */
	if (!list->len || !strstr(list->data, line.data))
		buf_addf(list, "%s  %s", list->len ? "" : "the bundle has:\n", line.data);
	buf_release(&line);
}

static int no_object(const struct bundle *b, const struct request *req, bool has_text,
	const char *digest, struct error *err)
{
	struct buf list = BUF_INIT;
	size_t i;

	if (has_text)
		error_set(err, "E-BUNDLE", "%s:%u: no object for kernel %s in this bundle",
			req->file, req->line, req->release);
	else
		error_set(err, "E-BUNDLE", "%s:%u: this text was not built: the script makes "
			"another for this kernel or these arguments", req->file, req->line);
	for (i = 0; i < b->n_objects; i++) {
		if (!has_text || strcmp(b->objects[i].facts.text, digest) == 0)
			add_line(&list, &b->objects[i]);
	}
	if (list.len)
		list.data[--list.len] = '\0';
	error_hint(err, "%s", list.len ? list.data : "the bundle has no objects");
	buf_release(&list);
	return -1;
}

static struct object *use_object(const struct bundle_object *o, const struct request *req,
	struct error *err)
{
	struct object *obj = object_copy(o->object, err);

	if (obj && set_params(obj, req, err)) {
		error_wrap(err, "%s:%u", req->file, req->line);
		object_free(obj);
		return NULL;
	}
	return obj;
}

struct object *bundle_object(const struct bundle *b, const struct request *req,
	struct error *err)
{
	const struct bundle_object *best = NULL;
	struct error why = ERROR_INIT;
	struct object *obj = NULL;
	struct request here;
	bool has_text = false;
	size_t i;

	bundle_facts(req, &here);
	for (i = 0; i < b->n_objects; i++) {
		const struct bundle_object *o = &b->objects[i];
		bool same = strcmp(o->facts.text, here.text) == 0;

		has_text |= same;
		if (!same || !fits_kernel(&o->facts, &here, req->release) ||
		    (best && goodness(&o->facts, &here) <= goodness(&best->facts, &here)) ||
		    check_usdt(&o->facts, &here, &why) || check_defines(o, req, &why))
			continue;
		best = o;
	}
	if (best) {
		obj = use_object(best, req, err);
	} else if (why.tag) {
		error_move(err, &why);
		error_wrap(err, "%s:%u", req->file, req->line);
	} else {
		no_object(b, req, has_text, here.text, err);
	}
	error_clear(&why);
	request_release(&here);
	return obj;
}
