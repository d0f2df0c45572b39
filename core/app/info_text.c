/* SPDX-License-Identifier: Apache-2.0 */
/* info for people: labels on the left, all text wrapped, nothing cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/info.h"
#include "base/mem.h"
#include "kernel/kernel.h"

enum { NARROW = 50 };

struct page {
	struct buf *out;
	unsigned width;
};

const char *info_answer_name(enum answer a)
{
	static const char *const names[] = {
		[ANSWER_UNASKED] = "not asked",
		[ANSWER_NO] = "no",
		[ANSWER_YES] = "yes",
		[ANSWER_UNKNOWN] = "could not tell",
	};

	return names[a];
}

const char *info_verdict_name(enum info_verdict v)
{
	static const char *const names[] = {
		[INFO_NO] = "no",
		[INFO_YES] = "yes",
		[INFO_PARTLY] = "partly",
		[INFO_UNKNOWN] = "could not tell",
	};

	return names[v];
}

/* words of text from column `at` on, further lines indented; a word that is longer stands out */
static void add_wrapped(struct page *p, const char *text, unsigned at, unsigned indent)
{
	bool first = true;
	size_t n;

	for (; *text; text += n + strspn(text + n, " ")) {
		n = strcspn(text, " ");
		if (!first && at + 1 + n > p->width) {
			buf_addf(p->out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			buf_addc(p->out, ' ');
			at++;
		}
		buf_add(p->out, text, n);
		at += n;
		first = false;
	}
	buf_addc(p->out, '\n');
}

/* LABEL TEXT; where the page is narrow the text goes below a label that is long */
static void add_row(struct page *p, unsigned margin, const char *label, unsigned column,
	const char *text)
{
	unsigned used = margin + strlen(label);

	buf_addf(p->out, "%*s%s", (int)margin, "", label);
	if (p->width < NARROW)
		column = margin + 2;
	if (used + 1 > column) {
		buf_addf(p->out, "\n%*s", (int)column, "");
		used = column;
	}
	buf_addf(p->out, "%*s", (int)(column - used), "");
	add_wrapped(p, text, column, column);
}

static void __attribute__((format(printf, 3, 4))) row(struct page *p, const char *label,
	const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vformat(fmt, ap);
	va_end(ap);
	add_row(p, 0, label, 11, text);
	free(text);
}

/* lines as one, caller owns */
static char *joined(const char *lines)
{
	struct buf out = BUF_INIT;

	for (; *lines; lines++) {
		if (*lines == '\n')
			buf_adds(&out, "; ");
		else
			buf_addc(&out, *lines);
	}
	return out.len ? buf_take(&out, NULL) : mem_string("");
}

static void add_headers(struct page *p, const struct info *info)
{
	const struct kernel_headers *h = &info->headers;

	if (info->headers_error) {
		row(p, "headers", "%s", info->headers_error);
		return;
	}
	row(p, "headers", "%s%s%s%s%s", headers_kind_name(h->kind), *h->path ? ": " : "", h->path,
		*h->source ? " + " : "", h->source);
	if (*h->release && strcmp(h->release, kernel_release()) != 0)
		row(p, "", "of %s, which is not the running kernel: structs may differ",
			h->release);
	if (*h->why)
		row(p, "", "%s", h->why);
}

static void add_privilege(struct page *p, const struct info *info)
{
	size_t i;

	if (info->may_trace)
		row(p, "privilege", "sufficient");
	else
		row(p, "privilege", "%s", info->privilege);
	for (i = 0; i < info->n_capabilities; i++) {
		const struct info_capability *c = &info->capabilities[i];
		char *text = mem_format("%s%s, for %s", c->held ? "held" : "missing",
			c->needed && !c->held ? " (needed)" : "", c->purpose);

		add_row(p, 2, c->name, 24, text);
		free(text);
	}
	if (*info->lockdown)
		row(p, "lockdown", "%s%s", info->lockdown,
			strcmp(info->lockdown, "confidentiality") == 0 ?
			": programs may not read the kernel's memory, and there are no kprobes" :
			"");
	for (i = 0; i < info->n_settings; i++) {
		const struct info_setting *s = &info->settings[i];
		char *text = s->known ? mem_format("%ld%s%s", s->value, s->effect ? ": " : "",
			s->effect ? s->effect : "") : mem_string("not there");

		add_row(p, 2, s->name, 29, text);
		free(text);
	}
}

static void __attribute__((format(printf, 3, 4))) limit(struct page *p, const char *label,
	const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vformat(fmt, ap);
	va_end(ap);
	add_row(p, 2, label, 24, text);
	free(text);
}

static void add_limits(struct page *p, const struct info *info)
{
	static const char *const matters[] = {
		[ANSWER_NO] = "does not matter here: memory is charged to the cgroup",
		[ANSWER_YES] = "maps and programs are charged to it; raised when that may be done",
		[ANSWER_UNKNOWN] = "could not tell whether maps are charged to it",
	};
	char *bytes = info->memlock < 0 ? mem_string("unlimited") :
		mem_format("%lld KiB", (long long)info->memlock / 1024);

	buf_adds(p->out, "\nlimits\n");
	limit(p, "instructions", "%s", info->large == ANSWER_YES ? "1000000 in a program" :
		info->large == ANSWER_NO ? "4096 in a program" :
		"could not tell: 4096 in a program, or 1000000");
	limit(p, "RLIMIT_MEMLOCK", "%s; %s", bytes,
		matters[info->memlock_matters]);
	free(bytes);
	limit(p, "possible CPUs", "%u: per-CPU maps have as many values", info->possible);
	if (info->mlock_kb >= 0)
		limit(p, "perf buffers", "%ld KiB on each CPU without CAP_IPC_LOCK "
			"(perf_event_mlock_kb)", info->mlock_kb);
	limit(p, "stacks", "%ld frames", info->max_stack);
}

static void add_installation(struct page *p, const struct info *info)
{
	if (info->compiler_error)
		row(p, "compiler", "%s", info->compiler_error);
	else
		row(p, "compiler", "%s", info->compiler);
	if (info->compiler_version) {
		char *text = joined(info->compiler_version);

		row(p, "", "%s", text);
		free(text);
	}
	row(p, "cache", "%s", info->cache ? info->cache : info->cache_error);
}

static void add_features(struct page *p)
{
	int i;

	buf_adds(p->out, "\nfeatures\n");
	for (i = 0; i < FEATURE_COUNT; i++) {
		const char *reason = NULL;
		enum answer answer = feature_answer(feature_rows[i].id, &reason);
		char *text = mem_format("%-15s%s%s%s%s", info_answer_name(answer),
			feature_rows[i].description, reason ? " (" : "", reason ? reason : "",
			reason ? ")" : "");

		/* the answers stand below each other while there is room */
		if (p->width < NARROW) {
			free(text);
			text = mem_format("%s: %s%s%s%s", info_answer_name(answer),
				feature_rows[i].description, reason ? " (" : "",
				reason ? reason : "", reason ? ")" : "");
			add_row(p, 2, feature_rows[i].name, 22, text);
		} else {
			buf_addf(p->out, "  %-20s%-15s", feature_rows[i].name,
				info_answer_name(answer));
			add_wrapped(p, text + 15, 37, 37);
		}
		free(text);
	}
}

static void add_scripts(struct page *p, const struct info *info)
{
	size_t i;

	buf_adds(p->out, "\nscripts\n");
	for (i = 0; i < info->n_scripts; i++) {
		const struct info_script *s = &info->scripts[i];
		char *why = joined(s->why);
		char *text = mem_format("%s%s%s", info_verdict_name(s->verdict),
			*why ? ": " : "", why);

		add_row(p, 2, s->name, 22, text);
		free(text);
		free(why);
	}
}

void info_text(const struct info *info, struct buf *out, unsigned width)
{
	struct page page = { out, width < 20 ? 20 : width }, *p = &page;
	uint32_t code = info->version_code;

	row(p, "kernel", "%s %s (version code %u.%u.%u)", kernel_release(), kernel_machine(),
		code >> 16, code >> 8 & 255, code & 255);
	row(p, "system", "%s", *info->distribution ? info->distribution : "does not say its name");
	if (info->taints)
		row(p, "", "the first bpf() call taints this kernel (TECH PREVIEW, flag T)");
	row(p, "cpus", "%u online, %u possible", info->online, info->possible);
	add_headers(p, info);
	row(p, "btf", "%s", info->btf ? info->btf : "none that can be read");
	add_privilege(p, info);
	row(p, "tracefs", "%s", info->tracefs ? info->tracefs : info->tracefs_error);
	add_installation(p, info);
	add_limits(p, info);
	add_features(p);
	add_scripts(p, info);
}
