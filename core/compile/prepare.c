/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/prepare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "compile/diagnose.h"
#include "compile/prepare_internal.h"
#include "compile/tracepoint.h"

/* layout of the loss map, as the loader reads it: attempts, failures, kinds */
enum { EVENTS_MAX = 8, FAILED = EVENTS_MAX, KINDS = 2 * EVENTS_MAX };
static const char *const loss_kinds[] = {
	"map_full", "stack", "negative", "unmatched", "other",
};

/* ---- edits ---- */

static struct prepared_edit *add_edit(struct preparation *p, const struct ctoken *t, size_t skip)
{
	struct prepared_edit *e = MEM_GROW(p->out->edits, p->out->n_edits);

	e->at = t->at + skip - p->req->text;
	e->line = t->line;
	e->column = t->column + skip;
	return e;
}

void prepare_before(struct preparation *p, const struct ctoken *t, char *text)
{
	add_edit(p, t, 0)->added = text;
}

void prepare_behind(struct preparation *p, const struct ctoken *t, char *text)
{
	add_edit(p, t, t->len)->added = text;
}

void prepare_replace(struct preparation *p, const struct ctoken *t, const char *text)
{
	struct prepared_edit *e = add_edit(p, t, 0);

	e->removed = t->len;
	e->added = mem_string(text);
}

/* what follows is at `line`; ends the physical line unless the token begins one */
static void add_resync(struct preparation *p, const struct ctoken *t, size_t skip, uint32_t line)
{
	struct prepared_edit *e = add_edit(p, t, skip);
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s#line %u \"%s\"\n%*s", e->column > 1 ? "\n" : "",
		p->req->line - 1 + line, SCRIPT_NAME, (int)e->column - 1, "");
	e->added = buf_take(&b, NULL);
	e->resync = line;
}

static int compare_edits(const void *va, const void *vb)
{
	const struct prepared_edit *a = va, *b = vb;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* stable for edits at the same place: there are few */
static void sort_edits(struct prepared *out)
{
	size_t i, j;

	for (i = 1; i < out->n_edits; i++) {
		struct prepared_edit e = out->edits[i];

		for (j = i; j && compare_edits(&out->edits[j - 1], &e) > 0; j--)
			out->edits[j] = out->edits[j - 1];
		out->edits[j] = e;
	}
}

static void apply_edits(struct preparation *p)
{
	const char *text = p->req->text;
	size_t i, at = 0;

	for (i = 0; i < p->out->n_edits; i++) {
		const struct prepared_edit *e = &p->out->edits[i];

		buf_add(&p->out->text, text + at, e->at - at);
		buf_adds(&p->out->text, e->added);
		at = e->at + e->removed;
	}
	buf_adds(&p->out->text, text + at);
}

uint32_t prepared_column(const struct prepared *p, uint32_t line, uint32_t column)
{
	uint32_t at = column;	/* in the user's text, as far as edits are undone */
	size_t i;

	for (i = 0; i < p->n_edits; i++) {
		const struct prepared_edit *e = &p->edits[i];
		size_t added = e->resync ? 0 : strlen(e->added);

		if (e->line != line)
			continue;
		if (e->column >= at)
			break;
		if (at < e->column + added)
			return e->column;
		at -= added;
		at += e->removed;
	}
	return at;
}

/* ---- what the text declares ---- */

static struct prepared_event *find_event(struct prepared *out, const struct ctoken *name)
{
	size_t i;

	for (i = 0; i < out->n_events; i++) {
		if (name->kind == CTOKEN_IDENT && ctoken_is(name, out->events[i].name))
			return &out->events[i];
	}
	return NULL;
}

static bool is_absent(const struct preparation *p, const struct ctoken *name)
{
	size_t i;

	for (i = 0; i < p->n_absent; i++) {
		if (ctoken_is(name, p->absent[i]))
			return true;
	}
	return false;
}

static int add_event(struct preparation *p, const struct ctoken *name, bool declared)
{
	struct prepared *out = p->out;
	struct prepared_event *event;

	if (find_event(out, name) || is_absent(p, name))
		return 0;
	if (out->n_events == EVENTS_MAX) {
		diagnose(p->diag, p->req, name->line, name->column,
			"more than %d maps of events", EVENTS_MAX);
		return -1;
	}
	event = MEM_GROW(out->events, out->n_events);
	event->name = ctoken_string(name);
	event->declared = declared;
	return 0;
}

static int check_loss(struct preparation *p, const struct ctoken *kind)
{
	size_t i;

	p->out->losses = true;
	for (i = 0; i < ARRAY_SIZE(loss_kinds); i++) {
		if (ctoken_is(kind, loss_kinds[i]))
			return 0;
	}
	diagnose(p->diag, p->req, kind->line, kind->column,
		"LOSS() knows map_full, stack, negative, unmatched and other");
	return -1;
}

/* words of libbcc that would read this machine or change it */
static int check_refused(struct preparation *p, const struct ctoken *t)
{
	static const struct { const char *name, *why; } refused[] = {
		{ "bpf_num_cpus", "it would be the number of this machine's CPUs" },
		{ "BPF_TABLE_PINNED", "maps are not pinned" },
		{ "BPF_QUEUESTACK_PINNED", "maps are not pinned" },
		{ "BPF_TABLE_PUBLIC", "maps belong to one program text" },
		{ "BPF_TABLE_SHARED", "maps belong to one program text" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		if (ctoken_is(t, refused[i].name)) {
			diagnose(p->diag, p->req, t->line, t->column, "%s is not supported: %s",
				refused[i].name, refused[i].why);
			return -1;
		}
	}
	return 0;
}

static int scan_declarations(struct preparation *p)
{
	size_t i;
	int ret = 0;

	for (i = 0; i + 2 < p->n_tokens; i++) {
		const struct ctoken *t = &p->tokens[i];
		bool call = t->kind == CTOKEN_IDENT && ctoken_is(&t[1], "(");

		if (!call)
			continue;
		if (ctoken_is(t, "EVENTS")) {
			p->out->losses = true;
			ret |= add_event(p, &t[2], true);
		} else if (ctoken_is(t, "BPF_PERF_OUTPUT") || ctoken_is(t, "BPF_RINGBUF_OUTPUT")) {
			ret |= add_event(p, &t[2], false);
		} else if (ctoken_is(t, "LOSS")) {
			ret |= check_loss(p, &t[2]);
		}
		ret |= check_refused(p, t);
	}
	return ret;
}

/* ---- the prelude ---- */

static int add_defines(struct preparation *p)
{
	struct buf *out = &p->out->text;
	size_t i;
	int ret = 0;

	for (i = 0; i < p->req->n_defines; i++) {
		const char *define = p->req->defines[i], *value = strchr(define, '=');
		char *name = value ? mem_string_n(define, value - define) : mem_string(define);

		if (!ctoken_is_name(name)) {
			diagnose_file(p->diag, p->req, "define '%s': not a C identifier", name);
			ret = -1;
		} else if (value && strchr(value, '\n')) {
			diagnose_file(p->diag, p->req, "define '%s': more than one line", name);
			ret = -1;
		}
		buf_addf(out, "#define %s %s\n", name, value ? value + 1 : "1");
		free(name);
	}
	return ret;
}

static const struct request_format *find_format(const struct request *req, const char *category,
	const char *event)
{
	size_t i;

	for (i = 0; i < req->n_formats; i++) {
		if (strcmp(req->formats[i].category, category) == 0 &&
		    strcmp(req->formats[i].event, event) == 0)
			return &req->formats[i];
	}
	return NULL;
}

/* the text itself says what is in the struct */
static bool defines_tracepoint(const struct preparation *p, const char *category,
	const char *event)
{
	char *name = mem_format("tracepoint__%s__%s", category, event);
	bool found = false;
	size_t i;

	for (i = 0; i + 2 < p->n_tokens && !found; i++)
		found = ctoken_is(&p->tokens[i], "struct") && ctoken_is(&p->tokens[i + 1], name) &&
			ctoken_is(&p->tokens[i + 2], "{");
	free(name);
	return found;
}

/* t is the first to name the tracepoint */
static int add_tracepoint(struct preparation *p, const struct ctoken *t, const char *category,
	const char *event)
{
	const struct request_format *format = find_format(p->req, category, event);
	struct error err = ERROR_INIT;

	if (defines_tracepoint(p, category, event))
		return 0;
	if (!format)
		diagnose(p->diag, p->req, t->line, t->column,
			"no format for tracepoint %s:%s on this kernel", category, event);
	else if (!tracepoint_struct(format, &p->out->text, &err))
		return 0;
	else
		diagnose(p->diag, p->req, t->line, t->column, "%s", err.text);
	error_clear(&err);
	return -1;
}

static bool seen_tracepoint(const struct request_needs *seen, const char *category,
	const char *event)
{
	size_t i;

	for (i = 0; i < seen->n_tracepoints; i++) {
		if (strcmp(seen->tracepoints[i].category, category) == 0 &&
		    strcmp(seen->tracepoints[i].event, event) == 0)
			return true;
	}
	return false;
}

static int add_tracepoints(struct preparation *p)
{
	struct request_needs seen = { 0 };
	char *category, *event;
	size_t i, n;
	int ret = 0;

	for (i = 0; i < p->n_tokens; i++) {
		if (!request_tracepoint(&p->tokens[i], &category, &event))
			continue;
		if (seen_tracepoint(&seen, category, event)) {
			free(category);
			free(event);
			continue;
		}
		n = seen.n_tracepoints;
		(void)MEM_GROW(seen.tracepoints, seen.n_tracepoints);
		seen.tracepoints[n].category = category;
		seen.tracepoints[n].event = event;
		ret |= add_tracepoint(p, &p->tokens[i], category, event);
	}
	request_needs_release(&seen);
	return ret;
}

/*
 * EVENTS declares the map and, in a section that nobody reads, a variable
 * whose only purpose is its type in BTF.
 */
static void add_events(struct preparation *p)
{
	struct buf *out = &p->out->text;

	buf_addf(out, "#define MOONTRACE_OUTPUT(name, pages) %s\n", p->req->ringbuf ?
		"BPF_RINGBUF_OUTPUT(name, pages)" : "BPF_PERF_OUTPUT(name)");
	buf_adds(out, "#define MOONTRACE_EVENTS3(name, type, pages) "
		"MOONTRACE_OUTPUT(name, pages); "
		"struct " PREPARED_EVENT "##name { type value; }; struct " PREPARED_EVENT
		"##name " PREPARED_EVENT "##name "
		"__attribute__((section(\".moontrace.\" #name), used)) = {}\n"
		"#define MOONTRACE_EVENTS2(name, type) MOONTRACE_EVENTS3(name, type, 64)\n"
		"#define MOONTRACE_EVENTSN(a, b, c, macro, ...) macro\n"
		"#define EVENTS(...) MOONTRACE_EVENTSN(__VA_ARGS__, MOONTRACE_EVENTS3, "
		"MOONTRACE_EVENTS2)(__VA_ARGS__)\n");
}

/*
 * A ring buffer that is full says -EAGAIN, a perf buffer -ENOSPC: that event
 * is lost, which attempts minus received tells.  Only other errors count as
 * failed.
 */
static void add_losses(struct preparation *p)
{
	struct buf *out = &p->out->text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(loss_kinds); i++)
		buf_addf(out, "#define MOONTRACE_LOSS_%s %zu\n", loss_kinds[i], KINDS + i);
	buf_adds(out, "#define LOSS(kind) moontrace_count(MOONTRACE_LOSS_##kind)\n");
	buf_addf(out, "BPF_PERCPU_ARRAY(%s, u64, %zu);\n", PREPARED_LOSSES,
		KINDS + ARRAY_SIZE(loss_kinds));
	buf_addf(out,
		"static inline void moontrace_count(int slot)\n"
		"{\n"
		"	u64 *count = %s.lookup(&slot);\n"
		"	if (count)\n"
		"		*count += 1;\n"
		"}\n"
		"static inline long moontrace_submitted(int slot, long ret)\n"
		"{\n"
		"	moontrace_count(slot);\n"
		"	if (ret != 0 && ret != %d)\n"
		"		moontrace_count(slot + %d);\n"
		"	return ret;\n"
		"}\n", PREPARED_LOSSES, p->req->ringbuf ? -EAGAIN : -ENOSPC, FAILED);
	maps_declare(p);
}

/*
 * libbcc brings a uapi/linux/bpf.h of its own in place of the kernel's; include/linux/bpf.h of
 * later kernels takes the size of structs that it has not.  Their names become ours, so that
 * one which has them does no harm.
 */
static const struct {
	const char *name, *member;
} later_structs[] = {
	{ "bpf_rb_root", "__u64 __opaque[2]" },		/* 6.3 */
	{ "bpf_rb_node", "__u64 __opaque[4]" },
	{ "bpf_refcount", "__u32 __opaque[1]" },	/* 6.4 */
	{ "bpf_wq", "__u64 __opaque[2]" },		/* 6.10 */
	{ "bpf_task_work", "__u64 __opaque" },		/* 6.18 */
};

static void add_later_structs(struct buf *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(later_structs); i++)
		buf_addf(out, "#define %s moontrace_%s\nstruct %s { %s; };\n",
			later_structs[i].name, later_structs[i].name, later_structs[i].name,
			later_structs[i].member);
}

/* what a text may use without an #include of its own */
static const struct {
	const char *name, *text;
} implied[] = {
	{ "pt_regs", "#include <uapi/linux/ptrace.h>\n" },
	{ "TASK_COMM_LEN", "#include <linux/sched.h>\n" },
	/* slot of v in a log2 histogram: 0 for 0, else its bit length */
	{ "LOG2_SLOT", "#define LOG2_SLOT(v) ({ u64 _v = (v); _v ? bpf_log2l(_v) : 0; })\n" },
};

bool prepare_names(const struct preparation *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n_tokens; i++) {
		if (ctoken_is(&p->tokens[i], name))
			return true;
	}
	return false;
}

/*
 * ARG(f, n) becomes MOONTRACE_ARG__f__n, which reads the register that the
 * request names. `ctx` is the probe function's context by that name.
 */
static int add_args(struct preparation *p)
{
	struct buf *out = &p->out->text;
	char function[128], name[128];
	unsigned position;
	int used;
	size_t i;

	if (prepare_names(p, "ARG"))
		buf_adds(out, "#define ARG(function, name) MOONTRACE_ARG__##function##__##name\n");
	for (i = 0; i < p->req->n_args; i++) {
		const char *arg = p->req->args[i];

		if (sscanf(arg, "%127s %127s %u %n", function, name, &position, &used) != 3 ||
		    !ctoken_is_name(function) || !ctoken_is_name(name) || position < 1 ||
		    position > 6 || strchr(arg, '\n')) {
			diagnose_file(p->diag, p->req, "arg '%s': malformed", arg);
			return -1;
		}
		buf_addf(out, "#define MOONTRACE_ARG__%s__%s ((%s)PT_REGS_PARM%u(ctx))\n",
			function, name, arg + used, position);
	}
	return 0;
}

static int add_prelude(struct preparation *p)
{
	struct buf *out = &p->out->text;
	size_t i;
	int ret;

	if (*p->req->headers)
		add_later_structs(out);
	for (i = 0; i < ARRAY_SIZE(implied); i++) {
		if (prepare_names(p, implied[i].name))
			buf_adds(out, implied[i].text);
	}
	ret = add_defines(p) | params_declare(p) | add_tracepoints(p) | add_args(p);
	if (p->out->losses) {
		add_losses(p);
		add_events(p);
	}
	buf_addf(out, "#line %u \"%s\"\n", p->req->line, SCRIPT_NAME);
	return ret;
}

/* ---- calls of NAME.submit and of bcc's methods of events ---- */

static bool split_arguments(struct preparation *p, struct call *call)
{
	const struct ctoken *t, *start = call->open + 1;

	call->close = &p->tokens[ctoken_close(p->tokens, call->open - p->tokens)];
	if (call->close->kind == CTOKEN_END)
		return false;
	for (t = start; t <= call->close; t++) {
		if (t->kind == CTOKEN_DIRECTIVE)
			return false;
		if (t == call->close || ctoken_is(t, ",")) {
			if (call->n_args == ARRAY_SIZE(call->args) || t == start)
				return false;
			call->args[call->n_args] = start;
			call->ends[call->n_args++] = t;
			start = t + 1;
		} else if (t->kind == CTOKEN_PUNCT && strchr("([{", *t->at)) {
			t = &p->tokens[ctoken_close(p->tokens, t - p->tokens)];
		}
	}
	return true;
}

static bool read_call(struct preparation *p, const struct ctoken *t, struct call *call)
{
	memset(call, 0, sizeof(*call));
	if (t->kind != CTOKEN_IDENT || !ctoken_is(&t[1], ".") || t[2].kind != CTOKEN_IDENT ||
	    !ctoken_is(&t[3], "("))
		return false;
	if (t > p->tokens && (ctoken_is(&t[-1], ".") || ctoken_is(&t[-1], "->")))
		return false;
	call->name = t;
	call->method = &t[2];
	call->open = &t[3];
	return split_arguments(p, call);
}

/* the argument again, on one line */
static char *argument(const struct call *call, size_t i)
{
	struct buf b = BUF_INIT;
	const struct ctoken *t;

	for (t = call->args[i]; t < call->ends[i]; t++) {
		if (b.len)
			buf_addc(&b, ' ');
		buf_add(&b, t->at, t->len);
	}
	return buf_take(&b, NULL);
}

/* NAME.submit(ctx, pointer[, size]) */
static void rewrite_submit(struct preparation *p, const struct call *call)
{
	char *pointer = argument(call, 1);
	char *size = call->n_args == 2 ? mem_format(",sizeof(*(%s))", pointer) : mem_string("");
	const struct ctoken *t;

	prepare_before(p, call->name, mem_format("moontrace_submitted(%zu,", call->slot));
	if (p->req->ringbuf) {
		prepare_replace(p, call->method, "ringbuf_output");
		for (t = call->args[0]; t <= call->ends[0]; t++)
			prepare_replace(p, t, "");
		prepare_before(p, call->close, mem_format("%s,0", size));
	} else {
		prepare_replace(p, call->method, "perf_submit");
		prepare_before(p, call->close, mem_string(size));
	}
	prepare_behind(p, call->close, mem_string(")"));
	free(pointer);
	free(size);
}

/* a type that says nothing of what is behind a pointer to it */
static bool is_opaque(const struct ctoken *type)
{
	static const char *const opaque[] = { "void", "char", "u8", "__u8", "uint8_t", "return" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(opaque); i++) {
		if (ctoken_is(type, opaque[i]))
			return true;
	}
	return false;
}

/* a pointer whose target's type typeof() can take: &x, or declared as TYPE *x */
static bool has_type(const struct preparation *p, const struct call *call, size_t i)
{
	const struct ctoken *arg = call->args[i], *t;

	if (ctoken_is(arg, "&"))
		return true;
	if (arg->kind != CTOKEN_IDENT || arg + 1 != call->ends[i])
		return false;
	for (t = p->tokens + 2; t->kind != CTOKEN_END; t++) {
		if (t->len == arg->len && memcmp(t->at, arg->at, t->len) == 0 &&
		    ctoken_is(&t[-1], "*") && t[-2].kind == CTOKEN_IDENT && !is_opaque(&t[-2]))
			return true;
	}
	return false;
}

/* bcc's own methods: the event's type goes to BTF, and the attempt is counted */
static void annotate(struct preparation *p, const struct call *call, size_t pointer)
{
	struct buf before = BUF_INIT;
	bool typed = !p->out->events[call->slot].declared && has_type(p, call, pointer);
	bool is_void = ctoken_is(call->method, "ringbuf_submit");
	char *arg = argument(call, pointer);

	if (!typed && !p->out->losses)
		goto out;
	buf_adds(&before, "({");
	if (typed)
		buf_addf(&before, "static struct " PREPARED_EVENT "%s{typeof(*(%s)) value;} "
			"moontrace_type __attribute__((section(\".moontrace.%s\"),used));",
			p->out->events[call->slot].name, arg, p->out->events[call->slot].name);
	if (p->out->losses && !is_void)
		buf_addf(&before, "moontrace_submitted(%zu,", call->slot);
	prepare_before(p, call->name, buf_take(&before, NULL));
	if (p->out->losses)
		prepare_behind(p, call->close, is_void ?
			mem_format(";moontrace_submitted(%zu,0);})", call->slot) :
			mem_string(");})"));
	else
		prepare_behind(p, call->close, mem_string(";})"));
out:
	free(arg);
}

static int rewrite_call(struct preparation *p, const struct call *call)
{
	const struct ctoken *m = call->method;

	if (ctoken_is(m, "submit")) {
		if (call->n_args != 2 && call->n_args != 3) {
			diagnose(p->diag, p->req, m->line, m->column,
				"submit() takes the context, a pointer and perhaps a size");
			return -1;
		}
		rewrite_submit(p, call);
	} else if (ctoken_is(m, "perf_submit") && call->n_args == 3) {
		annotate(p, call, 1);
	} else if ((ctoken_is(m, "ringbuf_output") && call->n_args == 3) ||
		   (ctoken_is(m, "ringbuf_submit") && call->n_args == 2)) {
		annotate(p, call, 0);
	}
	return 0;
}

static int rewrite_calls(struct preparation *p)
{
	struct prepared_event *event;
	struct call call;
	size_t i;
	int ret = 0;

	for (i = 0; i + 3 < p->n_tokens; i++) {
		if (!read_call(p, &p->tokens[i], &call))
			continue;
		event = find_event(p->out, call.name);
		if (event) {
			call.slot = event - p->out->events;
			ret |= rewrite_call(p, &call);
		} else {
			maps_rewrite(p, &call);
		}
	}
	return ret;
}

/* ---- lines ---- */

/* only space between the start of the token's line and the token */
static bool begins_line(const struct ctoken *t)
{
	const char *s = t->at - (t->column - 1);

	return strspn(s, " \t") >= t->column - 1;
}

/*
 * The body's '{' at tokens[open] belongs to a function: finds its name and
 * the first token of its definition.
 */
static bool function_head(const struct preparation *p, size_t open, const struct ctoken **ret_name,
	const struct ctoken **ret_first)
{
	const struct ctoken *tokens = p->tokens;
	size_t i = open, depth = 0;

	if (!i || !ctoken_is(&tokens[i - 1], ")"))
		return false;
	do {
		i--;
		depth += ctoken_is(&tokens[i], ")");
		depth -= ctoken_is(&tokens[i], "(");
	} while (i && depth);
	if (!i || tokens[i - 1].kind != CTOKEN_IDENT)
		return false;
	*ret_name = &tokens[--i];
	while (i && tokens[i - 1].kind != CTOKEN_DIRECTIVE && !ctoken_is(&tokens[i - 1], ";") &&
	       !ctoken_is(&tokens[i - 1], "}"))
		i--;
	*ret_first = &tokens[i];
	return true;
}

/* lines that libbcc adds in front of a function that the macro makes */
static uint32_t added_lines(const struct ctoken *macro)
{
	static const char *const four[] = {
		"KFUNC_PROBE", "KRETFUNC_PROBE", "KMOD_RET", "LSM_PROBE", "BPF_PROG",
	};
	size_t i;

	/* two functions, of which each is declared and defined */
	for (i = 0; i < ARRAY_SIZE(four); i++) {
		if (ctoken_is(macro, four[i]))
			return 4;
	}
	return 1;
}

/*
 * libbcc puts a line with an attribute in front of a function, and breaks
 * the line behind its '{' for the arguments that it fetches from ctx.
 */
static void resync_function(struct preparation *p, size_t open)
{
	const struct ctoken *brace = &p->tokens[open], *next = brace + 1, *name, *first;

	if (!function_head(p, open, &name, &first))
		return;
	if (name != first)
		add_resync(p, name, 0, name->line);
	else if (begins_line(first) && first->line > added_lines(first))
		add_resync(p, first, 0, first->line - added_lines(first));
	if (ctoken_is(first, "static") || brace->line < 2)
		return;
	add_resync(p, brace, 0, brace->line - 1);
	if (next->line == brace->line && next->kind != CTOKEN_END)
		add_resync(p, brace, 1, brace->line);
}

/* behind a statement or declaration the next line may say where it is */
static bool may_resync(const struct ctoken *t, size_t parens)
{
	return t->kind == CTOKEN_PUNCT && strchr("{};", *t->at) && !parens &&
		t[1].kind != CTOKEN_END && t[1].line > t->line && begins_line(&t[1]);
}

static void resync_lines(struct preparation *p)
{
	size_t i, parens = 0, braces = 0;

	for (i = 0; i + 1 < p->n_tokens; i++) {
		const struct ctoken *t = &p->tokens[i];

		if (t->kind != CTOKEN_PUNCT)
			continue;
		/* #if may have hidden a bracket: start anew at a line that begins with one */
		if (t->column == 1 && strchr("{}", *t->at))
			parens = 0, braces = *t->at == '}';
		if (*t->at == '(' || *t->at == '[')
			parens++;
		else if ((*t->at == ')' || *t->at == ']') && parens)
			parens--;
		if (*t->at == '{' && !parens && braces++ == 0)
			resync_function(p, i);
		else if (*t->at == '}' && !parens && braces)
			braces--;
		if (may_resync(t, parens)) {
			struct ctoken start = t[1];

			start.at -= start.column - 1;
			start.column = 1;
			add_resync(p, &start, 0, start.line);
		}
	}
}

int prepare(const struct request *req, char **absent, size_t n_absent, struct prepared *ret,
	struct buf *diag)
{
	struct preparation p = {
		.req = req, .out = ret, .diag = diag, .absent = absent, .n_absent = n_absent,
	};
	int wrong;

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->text);
	p.tokens = ctoken_all(req->text, &p.n_tokens);
	wrong = scan_declarations(&p);
	ret->losses |= usdt_reads_memory(&p) || maps_may_lose(&p);
	wrong |= add_prelude(&p);
	wrong |= rewrite_calls(&p);
	resync_lines(&p);
	wrong |= params_rewrite(&p);
	sort_edits(ret);
	apply_edits(&p);
	buf_addc(&ret->text, '\n');
	wrong |= usdt_append(&p);
	params_guard(&p);
	free(p.tokens);
	return wrong ? -1 : 0;
}

void prepared_release(struct prepared *p)
{
	size_t i;

	for (i = 0; i < p->n_edits; i++)
		free(p->edits[i].added);
	free(p->edits);
	for (i = 0; i < p->n_events; i++)
		free(p->events[i].name);
	free(p->events);
	for (i = 0; i < p->n_params; i++)
		free(p->params[i].name);
	free(p->params);
	buf_release(&p->text);
	memset(p, 0, sizeof(*p));
}
