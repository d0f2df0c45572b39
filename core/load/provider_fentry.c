/* SPDX-License-Identifier: Apache-2.0 */
/* fentry, fexit: kernel functions by trampoline; needs the kernel's BTF (5.5). */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/mem.h"
#include "kernel/feature.h"
#include "load/internal.h"

enum { ENOTSUPP_KERNEL = 524 };

static int find_id(struct session *s, const struct probe *p, uint32_t *ret, struct error *err)
{
	struct btf *btf = session_btf(s);
	const char *function;
	int id;

	if (!btf)
		return error_set(err, "E-FEATURE", "this kernel has no BTF, so no %s", p->provider);
	function = function_find(s, p, err);
	if (!function)
		return -1;
	id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	if (id <= 0)
		return error_set(err, "E-PROBE", "the kernel's BTF does not describe '%s'",
			function);
	*ret = id;
	return 0;
}

static int fentry_check(struct session *s, const struct probe *p, struct error *err)
{
	const char *reason;
	uint32_t id;

	if (feature_answer(FEATURE_TRACING_PROGS, &reason) == ANSWER_NO) {
		error_set(err, "E-FEATURE", "this kernel has no %s (%s)", p->provider, reason);
		return error_hint(err, "use kprobe and kretprobe");
	}
	return find_id(s, p, &id, err);
}

static int fentry_target(struct session *s, const struct probe *p, uint32_t *ret_attach,
	uint32_t *ret_btf_id, struct error *err)
{
	*ret_attach = strcmp(p->provider, "fexit") == 0 ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
	return find_id(s, p, ret_btf_id, err);
}

static int fentry_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog_fd), sys = fd < 0 ? errno : 0;

	if (sys == ENOTSUPP_KERNEL || sys == EOPNOTSUPP)
		return error_set(err, "E-PROBE", "'%s' takes no %s here", p->name, p->provider);
	if (sys)
		return attach_failed(err, sys, "open the trampoline");
	link_add_fd(l, fd);
	return 0;
}

static int fentry_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	return provider_kprobe.list(s, p, fn, arg, err);
}

const struct provider provider_fentry = {
	.name = "fentry",
	.description = "entry of a kernel function, by trampoline",
	.prog_type = BPF_PROG_TYPE_TRACING,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = fentry_check,
	.target = fentry_target,
	.attach = fentry_attach,
	.list = fentry_list,
};

const struct provider provider_fexit = {
	.name = "fexit",
	.description = "return of a kernel function, by trampoline",
	.prog_type = BPF_PROG_TYPE_TRACING,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = fentry_check,
	.target = fentry_target,
	.attach = fentry_attach,
	.list = fentry_list,
};
