/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: from the instructions of an object to what the kernel has loaded. */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/mem.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"
#include "load/substitutes.h"

enum {
	LOG_FIRST = 256 << 10,		/* bytes of the first verifier log */
	LOG_LAST = (16 << 20) - 1,	/* the most that kernels up to 5.1 take */
	INSNS_OLD = 4096,		/* limit of a program before 5.2 */
};

/* ---- preparing instructions ---- */

static bool is_helper_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0;
}

static int check_destructive(const struct unit *u, const struct object_program *prog,
	struct error *err)
{
	size_t i;

	for (i = 0; i < prog->n_insns && !u->session->options.destructive; i++) {
		const struct bpf_insn *insn = &prog->insns[i];
		const char *what = insn->imm == BPF_FUNC_probe_write_user ?
			"write into processes (probe_write_user)" :
			insn->imm == BPF_FUNC_override_return ?
			"change results of kernel functions (override_return)" : NULL;

		if (!is_helper_call(insn) || !what)
			continue;
		error_set(err, "E-PERM", "program '%s' wants to %s", prog->name, what);
		return error_hint(err, "--destructive allows it");
	}
	return 0;
}

static void substitute(struct bpf_insn *insn)
{
	size_t i;

	for (i = 0; substitutes[i].helper; i++) {
		if (insn->imm == substitutes[i].helper &&
			feature_answer(substitutes[i].feature, NULL) == ANSWER_NO) {
			insn->imm = substitutes[i].older;
			return;
		}
	}
}

/*
 * A copy of the instructions for this kernel and these maps, behind room for
 * those of a gate; caller frees.
 */
static struct bpf_insn *prepare(struct unit *u, const struct object_program *prog,
	struct error *err)
{
	struct bpf_insn *room = mem_array(GATE_INSNS + prog->n_insns, sizeof(*room));
	struct bpf_insn *insns = room + GATE_INSNS;
	size_t i;

	if (prog->n_insns)
		memcpy(insns, prog->insns, prog->n_insns * sizeof(*insns));
	for (i = 0; i < prog->n_insns; i++) {
		if (is_helper_call(&insns[i]))
			substitute(&insns[i]);
	}
	for (i = 0; i < prog->n_relocs; i++) {
		const struct object_reloc *r = &prog->relocs[i];

		if (r->insn + 1ul >= prog->n_insns || r->map >= u->obj->n_maps) {
			free(room);
			error_set(err, "E-OBJECT", "program '%s': relocation out of range",
				prog->name);
			return NULL;
		}
		insns[r->insn].src_reg = BPF_PSEUDO_MAP_FD;
		insns[r->insn].imm = u->maps[r->map].fd;
		insns[r->insn + 1].imm = 0;
	}
	return room;
}

/* ---- loading ---- */

struct load {
	const struct object_program *prog;
	const struct loaded *as;
	const struct bpf_insn *insns;
	size_t n_gate;			/* instructions of its gate in front of them */
	const char *license;
};

/* the descriptor or -errno */
static int try_load(const struct load *load, size_t n_gate, char *log, uint32_t log_size)
{
	struct new_program p = {
		.name = load->prog->name, .license = load->license,
		.type = load->as->type, .expected_attach = load->as->expected_attach,
		.btf_id = load->as->btf_id,
		.insns = load->insns - n_gate, .n_insns = load->prog->n_insns + n_gate,
		.log = log, .log_size = log_size,
	};

	return create_program(&p);
}

/*
 * Once more with a log, in a buffer that grows until all of it fits.  It is
 * about the program as it was written: without a gate.
 */
static int load_with_log(const struct load *load, char **ret_log)
{
	uint32_t size = LOG_FIRST;
	char *log = mem_alloc(size);
	int fd;

	while ((fd = try_load(load, 0, log, size)) == -ENOSPC && size < LOG_LAST) {
		size = size >= LOG_LAST / 4 ? LOG_LAST : size * 4;
		log = mem_resize(log, size, 1);
		log[0] = '\0';
	}
	log[size - 1] = '\0';
	*ret_log = log;
	return fd;
}

const char *program_type_name(uint32_t type)
{
	switch (type) {
	case BPF_PROG_TYPE_KPROBE:
		return "kprobe";
	case BPF_PROG_TYPE_TRACEPOINT:
		return "tracepoint";
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return "raw tracepoint";
	case BPF_PROG_TYPE_PERF_EVENT:
		return "perf event";
	case BPF_PROG_TYPE_TRACING:
		return "fentry/fexit";
	default:
		return "such";
	}
}

/* the kernel refused without saying why */
static int explain_silence(const struct load *load, int sys, struct error *err)
{
	const char *name = load->prog->name;
	uint32_t version = kernel_version_code();

	if (sys == E2BIG && load->prog->n_insns > INSNS_OLD) {
		error_set(err, "E-VERIFIER", "program '%s' is too large: %zu instructions, this "
			"kernel takes %d", name, load->prog->n_insns, INSNS_OLD);
		return error_hint(err, "unroll fewer loops, or split it with tail calls");
	}
	if (sys == EINVAL && libbpf_probe_bpf_prog_type(load->as->type, NULL) == 0)
		return error_set(err, "E-FEATURE", "program '%s': this kernel has no %s programs",
			name, program_type_name(load->as->type));
	if (sys == EINVAL && load->as->type == BPF_PROG_TYPE_KPROBE)
		return error_set(err, "E-VERIFIER", "program '%s' refused by the kernel without a "
			"reason; before Linux 5.0 that is a wrong version (it was loaded as "
			"%u.%u.%u)", name, version >> 16, version >> 8 & 255, version & 255);
	return error_sys(err, "E-VERIFIER", sys, "program '%s' refused by the kernel", name);
}

static int explain(struct unit *u, const struct load *load, int sys, const char *log,
	struct error *err)
{
	struct error perm = ERROR_INIT;
	char *what;

	if (log[0])
		return verifier_explain(u->obj, load->prog, log, sys,
			u->session->options.verbose, err);
	if (sys != EPERM && sys != EACCES)
		return explain_silence(load, sys, err);
	what = mem_format("load program '%s'", load->prog->name);
	kernel_refused(&perm, sys, what);
	error_move(err, &perm);
	free(what);
	return -1;
}

/* *ret_gated: its gate is in front of it, unless the kernel takes it only without */
static int load_program(struct unit *u, const struct load *load, bool *ret_gated,
	struct error *err)
{
	struct error perm = ERROR_INIT;
	char *log = NULL;
	int fd = try_load(load, load->n_gate, NULL, 0);

	*ret_gated = fd >= 0 && load->n_gate > 0;
	if (fd >= 0)
		return fd;
	if (fd == -EPERM && kernel_may_trace(&perm)) {
		error_move(err, &perm);
		return error_wrap(err, "load program '%s'", load->prog->name);
	}
	fd = load_with_log(load, &log);
	if (fd < 0)
		fd = explain(u, load, -fd, log, err);
	free(log);
	return fd;
}

static struct loaded *find_loaded(struct unit *u, const struct loaded *as)
{
	size_t i;

	for (i = 0; i < u->n_loaded; i++) {
		struct loaded *l = &u->loaded[i];

		if (l->index == as->index && l->type == as->type && l->btf_id == as->btf_id &&
			l->expected_attach == as->expected_attach && l->for_link == as->for_link)
			return l;
	}
	return NULL;
}

/* sampling events end at once: their programs need no gate */
static void add_gate(struct unit *u, struct load *load, struct loaded *as,
	struct bpf_insn *insns)
{
	if (!as->for_link || as->type == BPF_PROG_TYPE_PERF_EVENT)
		return;
	as->gate = gate_take(u->session, &as->slot);
	if (as->gate)
		load->n_gate = gate_put(as->gate, as->slot, insns);
}

/* as->fd or -1 */
static int load_as(struct unit *u, struct loaded *as, struct error *err)
{
	struct load load = { .as = as, .license = u->obj->license ? u->obj->license : "GPL" };
	struct loaded *done = find_loaded(u, as);
	struct bpf_insn *room;
	bool gated;

	if (done)
		return done->fd;
	if (as->index >= u->obj->n_programs)
		return error_set(err, "E-PROGRAM", "the object has no program %zu", as->index);
	load.prog = &u->obj->programs[as->index];
	if (check_destructive(u, load.prog, err))
		return -1;
	room = prepare(u, load.prog, err);
	if (!room)
		return -1;
	load.insns = room + GATE_INSNS;
	add_gate(u, &load, as, room + GATE_INSNS);
	as->fd = load_program(u, &load, &gated, err);
	free(room);
	if (as->fd < 0)
		return -1;
	if (!gated)
		as->gate = NULL;
	*MEM_GROW(u->loaded, u->n_loaded) = *as;
	return as->fd;
}

int unit_load(struct unit *u, size_t index, uint32_t type, uint32_t expected_attach,
	uint32_t attach_btf_id, struct error *err)
{
	struct loaded as = { .index = index, .type = type, .expected_attach = expected_attach,
		.btf_id = attach_btf_id };

	return load_as(u, &as, err);
}

int unit_load_for_link(struct unit *u, size_t index, uint32_t type, uint32_t expected_attach,
	uint32_t attach_btf_id, struct error *err)
{
	struct loaded as = { .index = index, .type = type, .expected_attach = expected_attach,
		.btf_id = attach_btf_id, .for_link = true };

	return load_as(u, &as, err);
}

/* ---- programs of links ---- */

struct loaded *unit_loaded(struct unit *u, int prog_fd)
{
	size_t i;

	for (i = 0; i < u->n_loaded; i++) {
		if (u->loaded[i].fd == prog_fd)
			return &u->loaded[i];
	}
	return NULL;
}

void unit_retire(struct unit *u, struct loaded *l)
{
	gate_shut(l->gate, l->slot);
	u->missed += recursion_misses(l->fd);
	close(l->fd);
	*l = u->loaded[--u->n_loaded];
}
