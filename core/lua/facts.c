/* SPDX-License-Identifier: Apache-2.0 */
/* What a text asks of the running kernel goes into its compile request, and no more. */
#include "lua/facts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "kernel/signature.h"
#include "lua/embedded.h"
#include "lua/internal.h"

static void set_string(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

static int add_headers(struct host *h, struct request *req, struct error *err)
{
	struct kernel_headers headers = { 0 };

	if (kernel_headers_find(h->opts->headers, &headers, err))
		return -1;
	set_string(&req->headers, headers.build);
	set_string(&req->headers_source, headers.source);
	set_string(&req->headers_id, headers.id);
	if (!*headers.build) {
		error_set(err, "E-HEADERS", "no kernel headers for %s", kernel_release());
		error_hint(err, "looked at %s\n  install the package kernel-devel-%s (RHEL, "
			"CentOS) or linux-headers-%s (Debian, Ubuntu), or give a tree with "
			"--headers", headers.tried, kernel_release(), kernel_release());
	}
	kernel_headers_release(&headers);
	return *req->headers ? 0 : -1;
}

/* ---- arguments of kernel functions ---- */

static const char *kernel_btf(void)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";

	return access(path, R_OK) == 0 ? path : NULL;
}

static int find_signature(struct host *h, const char *function, struct signature *ret,
	struct error *err)
{
	struct signature_target target = {
		.release = kernel_release(),
		.version_code = kernel_version_code(),
		.btf = kernel_btf(),
	};
	const char *here = kernel_function(h->symbols, function, NULL);
	static bool table_set;

	if (!table_set) {
		signature_table_set(embedded_find(embedded_data, "signatures")->text);
		table_set = true;
	}
	/* under the name that it has here: a compiler clone says so */
	return signature_find(here ? here : function, &target, ret, err);
}

static int resolve_arg(struct request *req, const struct request_argument *a,
	const struct signature *sig, struct buf *warnings, struct error *err)
{
	int i = signature_param(sig, a->name, err);

	if (i < 0)
		return -1;
	if (i >= 6)
		return error_set(err, "E-SIGNATURE", "'%s' is argument %d of %s: only the first 6 "
			"are in registers", a->name, i + 1, a->function);
	if (sig->clone)
		buf_addf(warnings, "moontrace: warning: %s:%u: %s is a compiler clone here: its "
			"arguments may have been changed\n", req->file, req->line + a->line - 1,
			a->function);
	request_add_arg(req, a->function, a->name, i + 1, sig->params[i].type);
	return 0;
}

/* by name they must be known; by position they must not contradict what is known */
static int add_argument(struct host *h, struct request *req, const struct request_argument *a,
	struct buf *warnings, struct error *err)
{
	struct signature sig = { 0 };
	int bad = 0;

	if (!a->name && !a->n_types)
		return 0;
	if (find_signature(h, a->function, &sig, err)) {
		bad = a->name ? -1 : 0;
		if (!bad)
			error_clear(err);
	} else if (a->name) {
		bad = resolve_arg(req, a, &sig, warnings, err);
	} else {
		bad = signature_check(&sig, (const char *const *)a->types, a->n_types, err);
	}
	signature_release(&sig);
	return bad ? error_wrap(err, "%s:%u", req->file, req->line + a->line - 1) : 0;
}

static int add_formats(struct request *req, const struct request_needs *needs,
	struct error *err)
{
	struct buf format = BUF_INIT;
	int bad = 0;
	size_t i;

	for (i = 0; i < needs->n_tracepoints && !bad; i++) {
		const char *category = needs->tracepoints[i].category;
		const char *event = needs->tracepoints[i].event;

		buf_clear(&format);
		bad = tracefs_format(category, event, &format, err);
		if (!bad)
			request_add_format(req, category, event, format.data);
	}
	buf_release(&format);
	return bad ? error_wrap(err, "%s", req->file) : 0;
}

/* said before headers are asked for, which would not help */
static int check_kprobes(const struct request *req, const struct request_needs *needs,
	struct error *err)
{
	const char *reason;
	size_t i;

	for (i = 0; i < needs->n_arguments && needs->arguments[i].name; i++)
		;
	if (i == needs->n_arguments || feature_answer(FEATURE_KPROBES, &reason) != ANSWER_NO)
		return 0;
	error_set(err, "E-FEATURE", "%s: this kernel has no kprobes, which %s needs", req->file,
		needs->arguments[i].function);
	return error_hint(err, "tracepoints, uprobes and perf events may work");
}

int facts_add(struct host *h, struct request *req, struct buf *warnings, struct error *err)
{
	struct request_needs needs;
	int bad;
	size_t i;

	set_string(&req->release, kernel_release());
	set_string(&req->machine, kernel_machine());
	req->version_code = kernel_version_code();
	request_scan(req->text, &needs);
	bad = add_formats(req, &needs, err);
	for (i = 0; i < needs.n_arguments && !bad; i++)
		bad = add_argument(h, req, &needs.arguments[i], warnings, err);
	bad = bad || check_kprobes(req, &needs, err);
	if (!bad && needs.events)
		req->ringbuf = feature_have(FEATURE_RINGBUF);
	if (!bad && needs.kernel_types && add_headers(h, req, err))
		bad = error_wrap(err, "%s", req->file);
	request_needs_release(&needs);
	return bad ? -1 : 0;
}
