/* SPDX-License-Identifier: Apache-2.0 */
/* uprobe, uretprobe: entry and return of functions of programs and libraries. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "load/internal.h"

/* "PATH:SYMBOL" or "PATH:0xOFFSET"; names of C++ functions may have colons */
static int split_place(const char *spec, struct probe *ret, struct error *err)
{
	const char *colon = strchr(spec, ':');

	if (!colon || colon == spec || !colon[1])
		return error_set(err, "E-PROBE", "write PATH:FUNCTION or PATH:0xOFFSET");
	ret->path = mem_string_n(spec, colon - spec);
	if (!str_to_u64(colon + 1, 0, INT64_MAX, &ret->address))
		ret->name = mem_string(colon + 1);
	return 0;
}

static int uprobe_parse(const char *spec, struct probe *ret, struct error *err)
{
	char *copy = mem_string(spec);
	int bad = parse_filters(copy, ret, err) || split_place(copy, ret, err);

	free(copy);
	return bad ? -1 : 0;
}

static void uprobe_format(const struct probe *p, struct buf *out)
{
	buf_addf(out, "%s:", p->path ? p->path : "");
	if (p->name)
		buf_adds(out, p->name);
	else
		buf_addf(out, "0x%llx", (unsigned long long)p->address);
	format_filters(p, out);
}

char *uprobe_path(const struct probe *p, struct error *err)
{
	if (p->path)
		return binary_path(p->path, p->pid > 0 ? p->pid : 0, err);
	error_set(err, "E-PROBE", "%s: a path is missing", p->provider);
	return NULL;
}

int uprobes_here(struct error *err)
{
	if (feature_answer(FEATURE_UPROBES, NULL) != ANSWER_NO)
		return 0;
	return error_set(err, "E-FEATURE", "this kernel has no uprobes (CONFIG_UPROBE_EVENTS)");
}

/* the file, and where in it. Caller frees *ret_path */
static int find_place(const struct probe *p, char **ret_path, uint64_t *ret_offset,
	struct error *err)
{
	char *path = uprobe_path(p, err);

	if (!path)
		return -1;
	*ret_offset = p->address;
	if (p->name && symbol_file_offset(path, p->name, ret_offset, err)) {
		free(path);
		return -1;
	}
	*ret_path = path;
	return 0;
}

static int uprobe_check(struct session *s, const struct probe *p, struct error *err)
{
	uint64_t offset;
	char *path;

	if (uprobes_here(err) || find_place(p, &path, &offset, err))
		return -1;
	free(path);
	return 0;
}

static int uprobe_failed(struct error *err, int sys, const struct dynamic *d)
{
	char *what;

	switch (sys) {
	case ESRCH:
		return error_set(err, "E-ATTACH", "no process %d", d->pid);
	case EINVAL:
	case EOPNOTSUPP:
	case EIO:
		error_set(err, "E-ATTACH", "the kernel takes no probe at offset 0x%llx of '%s'",
			(unsigned long long)d->offset, d->where);
		err->sys = sys;
		return error_hint(err, "is it the start of an instruction in a regular file?");
	default:
		what = mem_format("open the probe in '%s'", d->where);
		attach_failed(err, sys, what);
		free(what);
		return -1;
	}
}

int uprobe_attach_at(struct link *l, const struct dynamic *d, int prog_fd, struct error *err)
{
	int fd = dynamic_open(l, d);

	return fd < 0 ? uprobe_failed(err, -fd, d) : link_bind_perf(l, fd, prog_fd, err);
}

static int attach(struct link *l, const struct probe *p, int prog_fd, bool ret,
	struct error *err)
{
	struct dynamic d = { .user = true, .ret = ret, .pid = p->pid };
	char *path;
	int bad;

	if (find_place(p, &path, &d.offset, err))
		return -1;
	d.where = path;
	bad = uprobe_attach_at(l, &d, prog_fd, err);
	free(path);
	return bad;
}

static int uprobe_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	return attach(l, p, prog_fd, false, err);
}

static int uretprobe_attach(struct link *l, const struct probe *p, int prog_fd,
	struct error *err)
{
	return attach(l, p, prog_fd, true, err);
}

struct lister {
	bool (*fn)(void *arg, const char *name);
	void *arg;
};

static bool pass_name(void *arg, const char *name, uint64_t offset)
{
	struct lister *lister = arg;

	return lister->fn(lister->arg, name);
}

static int uprobe_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	struct lister lister = { fn, arg };
	char *path = uprobe_path(p, err);
	int bad;

	if (!path)
		return -1;
	bad = symbol_file_functions(path, p->name ? p->name : "*", pass_name, &lister, err);
	free(path);
	return bad;
}

const struct provider provider_uprobe = {
	.name = "uprobe",
	.description = "entry of a function of a program or library",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = uprobe_parse,
	.format = uprobe_format,
	.check = uprobe_check,
	.attach = uprobe_attach,
	.list = uprobe_list,
};

const struct provider provider_uretprobe = {
	.name = "uretprobe",
	.description = "return of a function of a program or library",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = uprobe_parse,
	.format = uprobe_format,
	.check = uprobe_check,
	.attach = uretprobe_attach,
	.list = uprobe_list,
};
