/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gates: a byte for each program that it looks at first.  Detaching many
 * programs takes the kernel seconds, as it waits for one after the other;
 * once the gates of all are shut, by one write, they do nothing any more.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum {
	SLOTS = 4096,
	CMD_GLOBAL = 1,				/* MEMBARRIER_CMD_GLOBAL, once _SHARED */
	VERSION_PREEMPTED = 5 << 16 | 7 << 8,	/* tasks may be, in a program; not before */
};

/* one entry: the kernel gives programs the address of no other */
struct gate {
	struct gate *older;
	int fd;
	uint32_t used;
	bool changed;			/* shut has what the map has not */
	unsigned char shut[SLOTS];
};

static struct gate *gate_new(struct session *s)
{
	struct new_map m = { .name = "moontrace_gate", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		.value_size = SLOTS, .max_entries = 1 };
	struct gate *g;
	int fd = create_map(&m);

	if (fd < 0)
		return NULL;
	g = mem_alloc(sizeof(*g));
	g->fd = fd;
	g->older = s->gates;
	s->gates = g;
	return g;
}

struct gate *gate_take(struct session *s, uint32_t *ret_slot)
{
	struct gate *g = s->gates;

	if (!g || g->used == SLOTS)
		g = gate_new(s);
	if (g)
		*ret_slot = g->used++;
	return g;
}

void gate_shut(struct gate *g, uint32_t slot)
{
	g->shut[slot] = 1;
	g->changed = true;
}

bool gates_apply(struct session *s)
{
	uint32_t zero = 0;
	bool all = true;
	struct gate *g;

	for (g = s->gates; g; g = g->older) {
		if (g->changed && bpf_map_update_elem(g->fd, &zero, g->shut, BPF_ANY) < 0)
			all = false;
		else
			g->changed = false;
	}
	return all;
}

void gates_free(struct session *s)
{
	struct gate *g;

	while ((g = s->gates) != NULL) {
		s->gates = g->older;
		close(g->fd);
		free(g);
	}
}

bool wait_by_update(void)
{
	struct new_map inner = { .name = "moontrace_wait", .type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4, .value_size = 4, .max_entries = 1 };
	struct new_map outer = { .name = "moontrace_wait", .type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
		.key_size = 4, .value_size = 4, .max_entries = 1 };
	int in = create_map(&inner), out = -1;
	uint32_t zero = 0;
	bool done;

	outer.inner_fd = in;
	if (in >= 0)
		out = create_map(&outer);
	done = out >= 0 && bpf_map_update_elem(out, &zero, &in, BPF_ANY) == 0;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return done;
}

bool wait_for_programs(void)
{
	/* membarrier() does nothing then, though the one program may be preempted */
	if (kernel_version_code() >= VERSION_PREEMPTED && sysconf(_SC_NPROCESSORS_ONLN) == 1)
		return wait_by_update();
	return syscall(SYS_membarrier, CMD_GLOBAL, 0, 0) == 0;
}

/* ---- the instructions ---- */

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOVE(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MAP_OF(d, kind, fd, slot) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, kind, 0, fd), INSN(0, 0, 0, 0, slot)
#define LOAD_BYTE(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_B, d, s, o, 0)
#define JUMP_IF_0(r, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, r, 0, o, 0)
#define RETURN_0 INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0), \
	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static size_t copy(struct bpf_insn *end, const struct bpf_insn *insns, size_t n)
{
	memcpy(end - n, insns, n * sizeof(*insns));
	return n;
}

/* by address (5.2): three instructions when it is open */
static size_t put_direct(const struct gate *g, uint32_t slot, struct bpf_insn *end)
{
	const struct bpf_insn insns[] = {
		MAP_OF(0, BPF_PSEUDO_MAP_VALUE, g->fd, (int)slot), LOAD_BYTE(0, 0, 0),
		JUMP_IF_0(0, 2), RETURN_0,
	};

	return copy(end, insns, ARRAY_SIZE(insns));
}

static size_t put_lookup(const struct gate *g, uint32_t slot, struct bpf_insn *end)
{
	const struct bpf_insn insns[GATE_INSNS] = {
		MOVE(6, 1), INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0), MOVE(2, 10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		MAP_OF(1, BPF_PSEUDO_MAP_FD, g->fd, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		JUMP_IF_0(0, 2), LOAD_BYTE(0, 0, (short)slot), JUMP_IF_0(0, 2), RETURN_0,
		MOVE(1, 6),
	};

	return copy(end, insns, ARRAY_SIZE(insns));
}

size_t gate_put(const struct gate *g, uint32_t slot, struct bpf_insn *end)
{
	static size_t (*put)(const struct gate *g, uint32_t slot, struct bpf_insn *end);

	if (!put)
		put = !load_as_old_kernel && feature_have(FEATURE_GLOBAL_DATA) ? put_direct :
			put_lookup;
	return put(g, slot, end);
}
