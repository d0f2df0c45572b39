/* SPDX-License-Identifier: Apache-2.0 */
/* kprobe, kretprobe: entry and return of kernel functions. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

/* "vfs_read", "ip_vs:ip_vs_in" of a module, "vfs_read+0x10" */
static int kprobe_parse(const char *spec, struct probe *ret, struct error *err)
{
	const char *plus = strrchr(spec, '+');
	char *name;
	int bad;

	if (!plus)
		return parse_plain_name(spec, ret, err);
	if (!str_to_u64(plus + 1, 0, UINT32_MAX, &ret->address))
		return error_set(err, "E-PROBE", "'%s' is no offset", plus + 1);
	name = mem_string_n(spec, plus - spec);
	bad = parse_plain_name(name, ret, err);
	free(name);
	return bad;
}

static void kprobe_format(const struct probe *p, struct buf *out)
{
	format_plain_name(p, out);
	if (p->address)
		buf_addf(out, "+0x%llx", (unsigned long long)p->address);
}

int kprobes_here(struct error *err)
{
	if (feature_answer(FEATURE_KPROBES, NULL) != ANSWER_NO)
		return 0;
	error_set(err, "E-FEATURE", "this kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
	return error_hint(err, "tracepoints, uprobes and perf events may work");
}

static int kprobe_check(struct session *s, const struct probe *p, struct error *err)
{
	if (kprobes_here(err))
		return -1;
	return function_find(s, p, err) ? 0 : -1;
}

/* does a line of the file end with, or contain as a word, the function? */
static bool file_names(const char *path, const char *function)
{
	FILE *f = fopen(path, "re");
	char line[1024], *word, *rest;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		rest = line;
		while (!found && (word = strsep(&rest, " \t\n")) != NULL)
			found = strcmp(word, function) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

/* why a function that is there takes no probe */
static const char *why_not(const char *function)
{
	const char *root = tracefs_mounted(), *colon = strchr(function, ':');
	char path[PATH_MAX];

	if (colon)
		function = colon + 1;

	/* not there before 4.x, and EL7 has none: then nobody knows */
	if (file_names("/sys/kernel/debug/kprobes/blacklist", function))
		return "it is on the kernel's list of functions that must not be probed";
	if (root) {
		snprintf(path, sizeof(path), "%s/available_filter_functions", root);
		if (!file_names(path, function))
			return "it is not traceable (notrace, or part of the probing itself)";
	}
	return "the kernel refuses it, perhaps because it is part of the probing itself";
}

/* E-PROBE: that function is no place for probes; E-ATTACH: this probe failed */
static int kprobe_failed(struct error *err, int sys, const struct dynamic *d)
{
	switch (sys) {
	case ENOENT:
		return error_set(err, "E-PROBE", "the kernel finds no function '%s'", d->where);
	case EADDRNOTAVAIL:
		return error_set(err, "E-PROBE", "'%s' is not probeable here: the kernel has "
			"several functions of this name", d->where);
	case EILSEQ:
		return error_set(err, "E-ATTACH", "no instruction begins at '%s+0x%llx'",
			d->where, (unsigned long long)d->offset);
	case EINVAL:
	case EOPNOTSUPP:
	case ERANGE:
		error_set(err, "E-PROBE", "'%s' is not probeable here: %s", d->where,
			why_not(d->where));
		err->sys = sys;
		return -1;
	default:
		return attach_failed(err, sys, "open the probe");
	}
}

/*
 * By its name, at best: the kernel knows then what the probe belongs to.  EL7 and 4.19 take no
 * name with a colon (EINVAL: their event would have it); since 6.6 functions of the name are
 * counted, those of modules, too, and in some kernels no function of a module (ENOENT).
 */
static bool takes_no_name(const struct dynamic *d, int err)
{
	return err == -ENOENT || err == -EADDRNOTAVAIL ||
		(err == -EINVAL && strchr(d->where, ':'));
}

static int open_probe(struct link *l, struct dynamic *d)
{
	int fd = dynamic_open(l, d);

	if (fd >= 0 || !takes_no_name(d, fd))
		return fd;
	d->address = kernel_function_address(l->session->symbols, d->where);
	return d->address && dynamic_by_address(d) ? dynamic_open(l, d) : fd;
}

int kprobe_attach_at(struct link *l, const struct probe *p, const char *function, int prog_fd,
	bool ret, struct error *err)
{
	struct dynamic d = { .ret = ret, .offset = p->address, .where = function };
	int fd = open_probe(l, &d);

	if (fd < 0)
		return kprobe_failed(err, -fd, &d);
	return link_bind_perf(l, fd, prog_fd, err);
}

static int attach(struct link *l, const struct probe *p, int prog_fd, bool ret,
	struct error *err)
{
	const char *function = function_find(l->session, p, err);

	return function ? kprobe_attach_at(l, p, function, prog_fd, ret, err) : -1;
}

static int kprobe_attach(struct link *l, const struct probe *p, int prog_fd, struct error *err)
{
	return attach(l, p, prog_fd, false, err);
}

static int kretprobe_attach(struct link *l, const struct probe *p, int prog_fd,
	struct error *err)
{
	return attach(l, p, prog_fd, true, err);
}

struct lister {
	bool (*fn)(void *arg, const char *name);
	void *arg;
};

static bool pass_name(void *arg, const char *name, const char *module)
{
	struct lister *lister = arg;

	return lister->fn(lister->arg, name);
}

static int kprobe_list(struct session *s, const struct probe *p,
	bool (*fn)(void *arg, const char *name), void *arg, struct error *err)
{
	struct lister lister = { fn, arg };

	kernel_functions(s->symbols, p->name ? p->name : "*", pass_name, &lister);
	return 0;
}

const struct provider provider_kprobe = {
	.name = "kprobe",
	.description = "entry of a kernel function",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = kprobe_parse,
	.format = kprobe_format,
	.check = kprobe_check,
	.attach = kprobe_attach,
	.list = kprobe_list,
};

const struct provider provider_kretprobe = {
	.name = "kretprobe",
	.description = "return of a kernel function",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.parse = parse_plain_name,
	.format = format_plain_name,
	.check = kprobe_check,
	.attach = kretprobe_attach,
	.list = kprobe_list,
};
