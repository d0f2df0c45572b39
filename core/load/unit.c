/* SPDX-License-Identifier: Apache-2.0 */
/* A unit: the maps and programs of one object in the kernel. */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
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

/* ---- opening and closing ---- */

/* templates of maps in maps must exist before the outer maps */
static int create_maps(struct unit *u, bool outer, struct error *err)
{
	size_t i;

	for (i = 0; i < u->obj->n_maps; i++) {
		struct map *m = &u->maps[i];

		if ((m->def->inner >= 0) == outer && map_create(m, err))
			return -1;
	}
	return 0;
}

/* closes what belongs to the unit but the unit itself, newest first */
static void undo_members(struct unit *u)
{
	struct undo *undo = u->session->newest, *older;

	links_stop(u->session, u);
	for (; undo; undo = older) {
		older = undo->older;
		if (undo->unit == u && undo != &u->undo)
			undo_run(u->session, undo);
	}
}

static void unit_undo(struct undo *undo)
{
	struct unit *u = CONTAINER(undo, struct unit, undo);
	struct error ignored = ERROR_INIT;
	size_t i;

	unit_losses(u, u->session->drained, &u->session->gone, &ignored);
	error_clear(&ignored);
	while (u->n_loaded > 0)
		close(u->loaded[--u->n_loaded].fd);
	for (i = u->obj->n_maps; i-- > 0;)
		map_release(&u->maps[i]);
	free(u->loaded);
	free(u->optional);
	free(u->maps);
	object_free(u->obj);
	free(u);
}

struct unit *unit_open(struct session *s, struct object *obj, struct error *err)
{
	struct unit *u = mem_alloc(sizeof(*u));
	size_t i;

	u->session = s;
	u->obj = obj;
	u->maps = mem_array(obj->n_maps, sizeof(*u->maps));
	u->optional = mem_array(obj->n_programs, sizeof(*u->optional));
	for (i = 0; i < obj->n_maps; i++) {
		u->maps[i].unit = u;
		u->maps[i].def = &obj->maps[i];
		u->maps[i].fd = -1;
	}
	undo_push(s, &u->undo, u, unit_undo);
	if (create_maps(u, false, err) || create_maps(u, true, err)) {
		undo_run(s, &u->undo);
		return NULL;
	}
	return u;
}

void unit_close(struct unit *u)
{
	if (!u)
		return;
	undo_members(u);
	undo_run(u->session, &u->undo);
}

const struct object *unit_object(const struct unit *u)
{
	return u->obj;
}

void unit_set_optional(struct unit *u, size_t index)
{
	if (index < u->obj->n_programs)
		u->optional[index] = true;
}

struct map *unit_map(struct unit *u, const char *name)
{
	int index = object_find_map(u->obj, name);

	return index < 0 ? NULL : &u->maps[index];
}

struct map *unit_map_at(struct unit *u, size_t index)
{
	return index < u->obj->n_maps ? &u->maps[index] : NULL;
}

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

/* a copy of the instructions for this kernel and these maps; caller frees */
static struct bpf_insn *prepare(struct unit *u, const struct object_program *prog,
	struct error *err)
{
	struct bpf_insn *insns = mem_array(prog->n_insns, sizeof(*insns));
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
			free(insns);
			error_set(err, "E-OBJECT", "program '%s': relocation out of range",
				prog->name);
			return NULL;
		}
		insns[r->insn].src_reg = BPF_PSEUDO_MAP_FD;
		insns[r->insn].imm = u->maps[r->map].fd;
		insns[r->insn + 1].imm = 0;
	}
	return insns;
}

/* ---- loading ---- */

struct load {
	const struct object_program *prog;
	const struct loaded *as;
	const struct bpf_insn *insns;
	const char *license;
};

/* the descriptor or -errno */
static int try_load(const struct load *load, char *log, uint32_t log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = log_size,
		.log_level = log ? 1 : 0, .attach_btf_id = load->as->btf_id,
		.expected_attach_type = load->as->expected_attach);
	char name[BPF_OBJ_NAME_LEN];
	int fd;

	name_for_kernel(load->prog->name, name);
	/* compared by kernels before 5.0 */
	if (load->as->type == BPF_PROG_TYPE_KPROBE)
		opts.kern_version = kernel_version_code();
	fd = bpf_prog_load(load->as->type, name, load->license, load->insns,
		load->prog->n_insns, &opts);
	return fd < 0 ? -errno : fd;
}

/* once more with a log, in a buffer that grows until all of it fits */
static int load_with_log(const struct load *load, char **ret_log)
{
	uint32_t size = LOG_FIRST;
	char *log = mem_alloc(size);
	int fd;

	while ((fd = try_load(load, log, size)) == -ENOSPC && size < LOG_LAST) {
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

static int load_program(struct unit *u, const struct load *load, struct error *err)
{
	struct error perm = ERROR_INIT;
	char *log = NULL;
	int fd = try_load(load, NULL, 0);

	if (fd == -EPERM && kernel_raise_memlock())
		fd = try_load(load, NULL, 0);
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
			l->expected_attach == as->expected_attach)
			return l;
	}
	return NULL;
}

int unit_load(struct unit *u, size_t index, uint32_t type, uint32_t expected_attach,
	uint32_t attach_btf_id, struct error *err)
{
	struct loaded as = { index, type, expected_attach, attach_btf_id, -1 };
	struct loaded *done = find_loaded(u, &as);
	struct load load = { .as = &as, .license = u->obj->license ? u->obj->license : "GPL" };
	struct bpf_insn *insns;

	if (done)
		return done->fd;
	if (index >= u->obj->n_programs)
		return error_set(err, "E-PROGRAM", "the object has no program %zu", index);
	load.prog = &u->obj->programs[index];
	if (check_destructive(u, load.prog, err))
		return -1;
	insns = prepare(u, load.prog, err);
	if (!insns)
		return -1;
	load.insns = insns;
	as.fd = load_program(u, &load, err);
	free(insns);
	if (as.fd < 0)
		return -1;
	*MEM_GROW(u->loaded, u->n_loaded) = as;
	return as.fd;
}
