/* SPDX-License-Identifier: Apache-2.0 */
#include "object/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"

/*
 * The fields in their order on the wire.  A reader expects exactly this
 * order and one spelling of each number, so that equal requests are equal
 * bytes.
 */
enum kind { FIELD_STRING, FIELD_NUMBER, FIELD_LIST, FIELD_FORMATS };
struct field {
	const char *key;
	enum kind kind;
	size_t at, count_at;	/* in struct request; count_at: of lists */
	uint64_t max;		/* of numbers */
};
#define AT(member) offsetof(struct request, member)
static const struct field fields[] = {
	{ "text", FIELD_STRING, AT(text) },
	{ "file", FIELD_STRING, AT(file) },
	{ "line", FIELD_NUMBER, AT(line), 0, 1 << 30 },
	{ "define", FIELD_LIST, AT(defines), AT(n_defines) },
	{ "param", FIELD_LIST, AT(params), AT(n_params) },
	{ "cflag", FIELD_LIST, AT(cflags), AT(n_cflags) },
	{ "include", FIELD_LIST, AT(includes), AT(n_includes) },
	{ "release", FIELD_STRING, AT(release) },
	{ "machine", FIELD_STRING, AT(machine) },
	{ "version_code", FIELD_NUMBER, AT(version_code), 0, UINT32_MAX },
	{ "ringbuf", FIELD_NUMBER, AT(ringbuf), 0, 1 },
	{ "zero_stack", FIELD_NUMBER, AT(zero_stack), 0, 1 },
	{ "headers", FIELD_STRING, AT(headers) },
	{ "headers_source", FIELD_STRING, AT(headers_source) },
	{ "headers_id", FIELD_STRING, AT(headers_id) },
	{ "types", FIELD_STRING, AT(types) },
	{ "format", FIELD_FORMATS, AT(formats), AT(n_formats) },
	{ "arg", FIELD_LIST, AT(args), AT(n_args) },
	{ "usdt", FIELD_LIST, AT(usdt), AT(n_usdt) },
};

static char **string_at(const struct request *req, size_t at)
{
	return (char **)((char *)req + at);
}

static char ***list_at(const struct request *req, size_t at)
{
	return (char ***)((char *)req + at);
}

static size_t *count_at(const struct request *req, size_t at)
{
	return (size_t *)((char *)req + at);
}

/* every number field is 32 bits wide */
static uint32_t *number_at(const struct request *req, size_t at)
{
	return (uint32_t *)((char *)req + at);
}

void request_init(struct request *req)
{
	size_t i;

	memset(req, 0, sizeof(*req));
	req->line = 1;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].kind == FIELD_STRING)
			*string_at(req, fields[i].at) = mem_string("");
	}
}

static void release_list(char **list, size_t n)
{
	while (n--)
		free(list[n]);
	free(list);
}

void request_release(struct request *req)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];

		if (f->kind == FIELD_STRING)
			free(*string_at(req, f->at));
		else if (f->kind == FIELD_LIST)
			release_list(*list_at(req, f->at), *count_at(req, f->count_at));
	}
	for (i = 0; i < req->n_formats; i++) {
		free(req->formats[i].category);
		free(req->formats[i].event);
		free(req->formats[i].text);
	}
	free(req->formats);
	memset(req, 0, sizeof(*req));
}

void request_add_define(struct request *req, const char *name, const char *value)
{
	*MEM_GROW(req->defines, req->n_defines) =
		value ? mem_format("%s=%s", name, value) : mem_string(name);
}

void request_add_param(struct request *req, const char *name, bool optional)
{
	*MEM_GROW(req->params, req->n_params) = mem_format("%s%s", name, optional ? "?" : "");
}

void request_add_arg(struct request *req, const char *function, const char *name,
	unsigned position, const char *type)
{
	char *arg = mem_format("%s %s %u %s", function, name, position, type);
	size_t i;

	for (i = 0; i < req->n_args; i++) {
		if (strcmp(req->args[i], arg) == 0) {
			free(arg);
			return;
		}
	}
	*MEM_GROW(req->args, req->n_args) = arg;
}

void request_add_usdt(struct request *req, const char *function, const char *spec)
{
	*MEM_GROW(req->usdt, req->n_usdt) = mem_format("%s %s", function, spec);
}

char *request_usdt_program(const struct request *req, size_t i)
{
	size_t n = strcspn(req->usdt[i], " "), k, number = 1;

	for (k = 0; k < i; k++)
		number += strncmp(req->usdt[k], req->usdt[i], n + 1) == 0;
	return mem_format("%.*s__%zu", (int)n, req->usdt[i], number);
}

const char *request_usdt_probe(const struct request *req, size_t i)
{
	const char *space = strchr(req->usdt[i], ' ');

	return space ? space + 1 : "";
}

void request_add_format(struct request *req, const char *category, const char *event,
	const char *text)
{
	struct request_format *f = MEM_GROW(req->formats, req->n_formats);

	f->category = mem_string(category);
	f->event = mem_string(event);
	f->text = mem_string(text);
}

static void write_record(struct buf *out, const char *key, const char *bytes)
{
	buf_addf(out, "%s %zu\n", key, strlen(bytes));
	buf_adds(out, bytes);
	buf_addc(out, '\n');
}

static void write_format(struct buf *out, const char *key, const struct request_format *f)
{
	char *bytes = mem_format("%s:%s\n%s", f->category, f->event, f->text);

	write_record(out, key, bytes);
	free(bytes);
}

static void write_field(struct buf *out, const struct request *req, const struct field *f)
{
	char number[16];
	size_t i;

	switch (f->kind) {
	case FIELD_STRING:
		write_record(out, f->key, *string_at(req, f->at));
		break;
	case FIELD_NUMBER:
		snprintf(number, sizeof(number), "%u", *number_at(req, f->at));
		write_record(out, f->key, number);
		break;
	case FIELD_LIST:
		for (i = 0; i < *count_at(req, f->count_at); i++)
			write_record(out, f->key, (*list_at(req, f->at))[i]);
		break;
	case FIELD_FORMATS:
		for (i = 0; i < req->n_formats; i++)
			write_format(out, f->key, &req->formats[i]);
		break;
	}
}

void request_write(const struct request *req, struct buf *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		write_field(out, req, &fields[i]);
	write_record(out, "end", "");
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	/* the current record */
	char key[24];
	const char *bytes;
	size_t len;
};

static bool to_number(const char *s, size_t n, uint64_t max, uint64_t *ret)
{
	char copy[24];

	if (!n || n >= sizeof(copy) || (s[0] == '0' && n > 1) || s[0] < '0' || s[0] > '9')
		return false;
	memcpy(copy, s, n);
	copy[n] = 0;
	return str_to_u64(copy, 0, max, ret);
}

/* reads the head and the bytes of one record */
static int next_record(struct reader *r, struct error *err)
{
	const char *lf = memchr(r->at, '\n', r->end - r->at);
	const char *space = lf ? memchr(r->at, ' ', lf - r->at) : NULL;
	uint64_t len;

	if (!space || space == r->at || (size_t)(space - r->at) >= sizeof(r->key))
		return error_set(err, "E-REQUEST", "a record has no 'KEY LENGTH' line");
	memcpy(r->key, r->at, space - r->at);
	r->key[space - r->at] = 0;
	if (!to_number(space + 1, lf - space - 1, 1 << 30, &len))
		return error_set(err, "E-REQUEST", "the length of a record is no number");
	if (len >= (uint64_t)(r->end - lf - 1) || lf[1 + len] != '\n')
		return error_set(err, "E-REQUEST", "a record is shorter or longer than it says");
	r->bytes = lf + 1;
	r->len = len;
	r->at = r->bytes + len + 1;
	if (memchr(r->bytes, 0, len))
		return error_set(err, "E-REQUEST", "'%s' has a NUL byte", r->key);
	return 0;
}

/* "category:event\n" and the file's text */
static int read_format(struct request *req, const struct reader *r, struct error *err)
{
	const char *lf = memchr(r->bytes, '\n', r->len);
	const char *colon = lf ? memchr(r->bytes, ':', lf - r->bytes) : NULL;
	struct request_format *f;

	if (!colon)
		return error_set(err, "E-REQUEST", "'format' does not start with CATEGORY:EVENT");
	f = MEM_GROW(req->formats, req->n_formats);
	f->category = mem_string_n(r->bytes, colon - r->bytes);
	f->event = mem_string_n(colon + 1, lf - colon - 1);
	f->text = mem_string_n(lf + 1, r->bytes + r->len - lf - 1);
	if (!ctoken_is_name(f->category) || !ctoken_is_name(f->event))
		return error_set(err, "E-REQUEST", "'%s:%s' is no name of a tracepoint",
			f->category, f->event);
	return 0;
}

static int read_value(struct request *req, const struct field *f, const struct reader *r,
	struct error *err)
{
	uint64_t number;

	switch (f->kind) {
	case FIELD_STRING:
		free(*string_at(req, f->at));
		*string_at(req, f->at) = mem_string_n(r->bytes, r->len);
		return 0;
	case FIELD_NUMBER:
		if (!to_number(r->bytes, r->len, f->max, &number))
			return error_set(err, "E-REQUEST", "'%s' is no number up to %llu",
				f->key, (unsigned long long)f->max);
		*number_at(req, f->at) = number;
		return 0;
	case FIELD_LIST:
		*MEM_GROW(*list_at(req, f->at), *count_at(req, f->count_at)) =
			mem_string_n(r->bytes, r->len);
		return 0;
	case FIELD_FORMATS:
		return read_format(req, r, err);
	}
	return 0;
}

/* all records of field f, which are at the reader's record; leaves it behind them */
static int read_field(struct request *req, const struct field *f, struct reader *r,
	struct error *err)
{
	bool list = f->kind == FIELD_LIST || f->kind == FIELD_FORMATS;

	if (!list && strcmp(r->key, f->key) != 0)
		return error_set(err, "E-REQUEST", "'%s' where '%s' should be", r->key, f->key);
	while (strcmp(r->key, f->key) == 0) {
		if (read_value(req, f, r, err) || next_record(r, err))
			return -1;
		if (!list)
			break;
	}
	return 0;
}

static int read_all(struct request *req, struct reader *r, struct error *err)
{
	size_t i;

	if (next_record(r, err))
		return -1;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (read_field(req, &fields[i], r, err))
			return -1;
	}
	if (strcmp(r->key, "end") != 0 || r->len)
		return error_set(err, "E-REQUEST", "'%s' where 'end' should be", r->key);
	return 0;
}

int request_read(struct request *req, const void *data, size_t size, size_t *ret_used,
	struct error *err)
{
	struct reader r = { .at = data, .end = (const char *)data + size };

	request_init(req);
	if (read_all(req, &r, err)) {
		request_release(req);
		return error_wrap(err, "compile request");
	}
	*ret_used = r.at - (const char *)data;
	return 0;
}

/* ---- what a text asks for ---- */

/*
 * Headers that moontrace's stub tree has (core/compile/stub; a test compares
 * the two), and the one that libbcc brings along.
 */
static const char *const stub_headers[] = {
	"asm/page.h", "asm/ptrace.h", "asm/types.h", "bcc/helpers.h", "linux/bpf.h",
	"linux/bpf_common.h", "linux/bpf_perf_event.h", "linux/errno.h", "linux/fs.h",
	"linux/if_packet.h", "linux/in.h", "linux/in6.h", "linux/kconfig.h", "linux/kernel.h",
	"linux/log2.h", "linux/ptrace.h", "linux/sched.h", "linux/socket.h", "linux/stddef.h",
	"linux/types.h", "linux/version.h", "uapi/asm/ptrace.h", "uapi/linux/bpf.h",
	"uapi/linux/bpf_common.h", "uapi/linux/bpf_perf_event.h", "uapi/linux/errno.h",
	"uapi/linux/if_packet.h", "uapi/linux/in.h", "uapi/linux/in6.h", "uapi/linux/ptrace.h",
	"uapi/linux/types.h",
};

/* first directories of kernel header names */
static const char *const kernel_dirs[] = {
	"acpi/", "asm/", "asm-generic/", "block/", "crypto/", "drm/", "generated/", "kvm/",
	"linux/", "media/", "memory/", "net/", "rdma/", "scsi/", "sound/", "soc/", "target/",
	"trace/", "uapi/", "video/", "xen/",
};

bool request_kernel_header(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stub_headers); i++) {
		if (strcmp(name, stub_headers[i]) == 0)
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(kernel_dirs); i++) {
		if (str_starts(name, kernel_dirs[i]))
			return true;
	}
	return false;
}

/* what linux/kconfig.h of the stub tree decides; a test compares the two */
static const char *const stub_configs[] = {
	"CONFIG_64BIT", "CONFIG_ARCH_HAS_SYSCALL_WRAPPER", "CONFIG_ARM64", "CONFIG_BPF",
	"CONFIG_BPF_EVENTS", "CONFIG_BPF_SYSCALL", "CONFIG_MMU", "CONFIG_SMP", "CONFIG_X86",
	"CONFIG_X86_64",
};

bool request_stub_config(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stub_configs); i++) {
		if (strcmp(stub_configs[i], name) == 0)
			return true;
	}
	return false;
}

const char *const *request_stub_headers(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(stub_headers);
	return stub_headers;
}

static void add_tracepoint(struct request_needs *needs, char *category, char *event)
{
	size_t i;

	for (i = 0; i < needs->n_tracepoints; i++) {
		if (strcmp(needs->tracepoints[i].category, category) == 0 &&
		    strcmp(needs->tracepoints[i].event, event) == 0) {
			free(category);
			free(event);
			return;
		}
	}
	(void)MEM_GROW(needs->tracepoints, needs->n_tracepoints);
	needs->tracepoints[i].category = category;
	needs->tracepoints[i].event = event;
}

bool request_tracepoint(const struct ctoken *t, char **ret_category, char **ret_event)
{
	static const char prefix[] = "tracepoint__";
	const char *name, *gap;

	if (t[0].kind != CTOKEN_IDENT)
		return false;
	if (ctoken_is(&t[0], "TRACEPOINT_PROBE")) {
		if (!ctoken_is(&t[1], "(") || t[2].kind != CTOKEN_IDENT ||
		    !ctoken_is(&t[3], ",") || t[4].kind != CTOKEN_IDENT)
			return false;
		*ret_category = ctoken_string(&t[2]);
		*ret_event = ctoken_string(&t[4]);
		return true;
	}
	if (!ctoken_is(&t[0], "struct") || t[1].kind != CTOKEN_IDENT ||
	    t[1].len <= strlen(prefix) || memcmp(t[1].at, prefix, strlen(prefix)) != 0)
		return false;
	name = t[1].at + strlen(prefix);
	gap = memmem(name, t[1].at + t[1].len - name, "__", 2);
	if (!gap || gap == name || gap + 2 == t[1].at + t[1].len)
		return false;
	*ret_category = mem_string_n(name, gap - name);
	*ret_event = mem_string_n(gap + 2, t[1].at + t[1].len - gap - 2);
	return true;
}

static struct request_argument *add_argument(struct request_needs *needs, char *function,
	uint32_t line)
{
	struct request_argument *a = MEM_GROW(needs->arguments, needs->n_arguments);

	a->function = function;
	a->line = line;
	return a;
}

/* ARG(function, name) */
static bool scan_arg(const struct ctoken *t, struct request_needs *needs)
{
	if (t->kind != CTOKEN_IDENT || !ctoken_is(t, "ARG") || !ctoken_is(&t[1], "(") ||
	    t[2].kind != CTOKEN_IDENT || !ctoken_is(&t[3], ",") || t[4].kind != CTOKEN_IDENT ||
	    !ctoken_is(&t[5], ")"))
		return false;
	add_argument(needs, ctoken_string(&t[2]), t->line)->name = ctoken_string(&t[4]);
	return true;
}

/* the type of a parameter: its text without the name at the end */
static char *parameter_type(const struct ctoken *from, const struct ctoken *to)
{
	struct buf b = BUF_INIT;
	const struct ctoken *t;

	if (to > from + 1 && to[-1].kind == CTOKEN_IDENT && !ctoken_is(&to[-2], "struct") &&
	    !ctoken_is(&to[-2], "union") && !ctoken_is(&to[-2], "enum"))
		to--;
	for (t = from; t < to; t++) {
		if (b.len)
			buf_addc(&b, ' ');
		buf_add(&b, t->at, t->len);
	}
	return buf_take(&b, NULL);
}

/* kprobe__FUNCTION(struct pt_regs *ctx, TYPE a, ...) { : a definition */
static bool scan_positional(const struct ctoken *t, struct request_needs *needs)
{
	static const char prefix[] = "kprobe__";
	const struct ctoken *start, *end;
	struct request_argument *a = NULL;
	size_t depth = 0;

	if (t->kind != CTOKEN_IDENT || t->len <= strlen(prefix) ||
	    memcmp(t->at, prefix, strlen(prefix)) != 0 || !ctoken_is(&t[1], "("))
		return false;
	for (end = start = &t[2]; end->kind != CTOKEN_END; end++) {
		if (ctoken_is(end, "("))
			depth++;
		if (depth && ctoken_is(end, ")")) {
			depth--;
			continue;
		}
		if (depth || (!ctoken_is(end, ",") && !ctoken_is(end, ")")))
			continue;
		/* the first parameter is the context */
		if (start == &t[2])
			a = add_argument(needs, mem_string_n(t->at + strlen(prefix),
				t->len - strlen(prefix)), t->line);
		else
			*MEM_GROW(a->types, a->n_types) = parameter_type(start, end);
		start = end + 1;
		if (ctoken_is(end, ")"))
			break;
	}
	return true;
}

/* ---- does it look into structs of the kernel ---- */

/* structs that the stub tree and the compiler library define */
static const char *const stub_structs[] = {
	"bpf_perf_event_data", "bpf_raw_tracepoint_args", "in6_addr", "in_addr", "pt_regs",
	"sockaddr", "sockaddr_in", "sockaddr_in6",
};

static bool names_tag(const struct ctoken *t)
{
	return t->kind == CTOKEN_IDENT && (ctoken_is(t, "struct") || ctoken_is(t, "union")) &&
		t[1].kind == CTOKEN_IDENT;
}

/* the tags that the text defines itself, and the stub's */
static struct table *own_tags(const struct ctoken *tokens, size_t n)
{
	static char own;
	struct table *tags = table_new();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stub_structs); i++)
		table_set(tags, stub_structs[i], &own);
	for (i = 0; i + 2 < n; i++) {
		if (names_tag(&tokens[i]) && ctoken_is(&tokens[i + 2], "{")) {
			char *tag = ctoken_string(&tokens[i + 1]);

			table_set(tags, tag, &own);
			free(tag);
		}
	}
	return tags;
}

static bool is_foreign(const struct ctoken *t, const struct table *own)
{
	static const char tracepoint[] = "tracepoint__";
	char *tag;
	bool foreign;

	if (!names_tag(t) || (t[1].len > strlen(tracepoint) &&
		memcmp(t[1].at, tracepoint, strlen(tracepoint)) == 0))
		return false;
	tag = ctoken_string(&t[1]);
	foreign = !table_get(own, tag);
	free(tag);
	return foreign;
}

/* is what the cast `(struct X *)` at t yields looked into: ((struct X *)p)->m */
static bool cast_is_used(const struct ctoken *tokens, size_t open)
{
	size_t i, close;

	for (i = open; i-- > 0 && ctoken_is(&tokens[i], "("); ) {
		close = ctoken_close(tokens, i);
		if (ctoken_is(&tokens[close], ")") && (ctoken_is(&tokens[close + 1], "->") ||
			ctoken_is(&tokens[close + 1], ".")))
			return true;
	}
	return false;
}

/* struct X *a, v; of a struct that is not ours: a and v go to `names`.
 * True if the size of the struct is needed, or a cast to it is looked into */
static bool scan_foreign(const struct ctoken *tokens, size_t i, struct table *names)
{
	static char named;
	const struct ctoken *t = &tokens[i + 2];
	char *name;

	if (ctoken_is(t, "*") && i > 0 && ctoken_is(&tokens[i - 1], "(") && ctoken_is(&t[1], ")"))
		return cast_is_used(tokens, i - 1);
	/* by value: a variable, a member, sizeof */
	if (t->kind == CTOKEN_IDENT || (ctoken_is(t, ")") && i > 0))
		return true;
	while (ctoken_is(t, "*") || ctoken_is(t, "const")) {
		while (ctoken_is(t, "*") || ctoken_is(t, "const"))
			t++;
		if (t->kind != CTOKEN_IDENT)
			return false;
		name = ctoken_string(t);
		table_set(names, name, &named);
		free(name);
		/* to the next declarator, if there is one */
		while (t->kind != CTOKEN_END && !ctoken_is(t, ",") && !ctoken_is(t, ";") &&
			!ctoken_is(t, ")") && !ctoken_is(t, "{"))
			t++;
		if (ctoken_is(t, ","))
			t++;
	}
	return false;
}

static bool looks_into(const struct ctoken *t, const struct table *names)
{
	char *name;
	bool yes;

	if (t->kind != CTOKEN_IDENT || !ctoken_is(&t[1], "->"))
		return false;
	name = ctoken_string(t);
	yes = table_get(names, name) != NULL;
	free(name);
	return yes;
}

/* no more than a guess: types behind macros and typedefs are not seen */
static bool scan_members(const struct ctoken *tokens, size_t n)
{
	struct table *own = own_tags(tokens, n), *names = table_new();
	bool found = false;
	size_t i;

	for (i = 0; i + 2 < n && !found; i++)
		found = is_foreign(&tokens[i], own) && scan_foreign(tokens, i, names);
	for (i = 0; i + 1 < n && !found; i++)
		found = looks_into(&tokens[i], names);
	table_free(names, NULL);
	table_free(own, NULL);
	return found;
}

/* anywhere in the text: a preprocessor line is one token, and a name in a comment does no harm */
static void scan_configs(const char *text, struct request_needs *needs)
{
	static const char prefix[] = "CONFIG_", rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz_0123456789";
	const char *at;
	size_t i, len;

	for (at = text; (at = strstr(at, prefix)) != NULL; at += len) {
		len = strspn(at, rest);
		if (len == strlen(prefix) || (at > text && strchr(rest, at[-1])))
			continue;
		for (i = 0; i < needs->n_configs; i++) {
			if (strncmp(needs->configs[i], at, len) == 0 && !needs->configs[i][len])
				break;
		}
		if (i == needs->n_configs)
			*MEM_GROW(needs->configs, needs->n_configs) = mem_string_n(at, len);
	}
}

static void scan_token(const struct ctoken *t, struct request_needs *needs)
{
	char *category, *event, *include;
	bool angle;

	if (scan_arg(t, needs) || scan_positional(t, needs))
		return;

	if (request_tracepoint(t, &category, &event))
		add_tracepoint(needs, category, event);
	else if (t->kind == CTOKEN_IDENT && ctoken_is(t, "EVENTS") && ctoken_is(&t[1], "("))
		needs->events = 1;
	include = ctoken_include(t, &angle);
	if (include && request_kernel_header(include))
		needs->kernel_types = 1;
	free(include);
}

void request_scan(const char *text, struct request_needs *ret)
{
	struct ctoken *tokens;
	size_t n, i;

	memset(ret, 0, sizeof(*ret));
	tokens = ctoken_all(text, &n);
	for (i = 0; i < n; i++)
		scan_token(&tokens[i], ret);
	ret->kernel_members = scan_members(tokens, n);
	scan_configs(text, ret);
	free(tokens);
}

void request_needs_release(struct request_needs *needs)
{
	size_t i;

	for (i = 0; i < needs->n_tracepoints; i++) {
		free(needs->tracepoints[i].category);
		free(needs->tracepoints[i].event);
	}
	free(needs->tracepoints);
	release_list(needs->configs, needs->n_configs);
	for (i = 0; i < needs->n_arguments; i++) {
		free(needs->arguments[i].function);
		free(needs->arguments[i].name);
		release_list(needs->arguments[i].types, needs->arguments[i].n_types);
	}
	free(needs->arguments);
	memset(needs, 0, sizeof(*needs));
}
