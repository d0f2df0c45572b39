/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forward analysis: a register or a stack slot "may hold the context"
 * where it does so on any path; states of paths that meet are united until
 * nothing changes.
 */
#include "load/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { STACK_SIZE = 512, SLOT = 8, ARGUMENTS = 5 };

size_t insn_slots(const struct bpf_insn *insn, size_t left)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && left > 1 ? 2 : 1;
}

unsigned insn_successors(const struct object_program *prog, size_t i, int64_t *ret)
{
	const struct bpf_insn *insn = &prog->insns[i];
	unsigned class = BPF_CLASS(insn->code), op = BPF_OP(insn->code), n = 0;
	bool jumps = class == BPF_JMP || class == BPF_JMP32;

	if (jumps && op == BPF_EXIT)
		return 0;
	if (!jumps || op != BPF_JA)
		ret[n++] = i + insn_slots(insn, prog->n_insns - i);
	if (!jumps)
		return n;
	if (op != BPF_CALL)
		ret[n++] = (int64_t)i + 1 + (class == BPF_JMP32 && op == BPF_JA ?
			insn->imm : insn->off);
	else if (insn->src_reg == FLOW_CALL_LOCAL)
		ret[n++] = (int64_t)i + 1 + insn->imm;
	return n;
}

/* ---- the context ---- */

struct state {
	uint64_t slots, frame_slots;	/* of the stack: may hold the one or the other */
	uint16_t context, frame;	/* registers: may hold the context, point into the stack */
	bool seen;
};

#define BIT(reg) (1u << (reg))

static bool has(uint16_t set, unsigned reg)
{
	return set & BIT(reg);
}

static void put(uint16_t *set, unsigned reg, bool on)
{
	*set = on ? *set | BIT(reg) : *set & ~BIT(reg);
}

/* all slots that `size` bytes at an offset from r10 touch; 0: none of the stack's */
static uint64_t slots_at(int off, unsigned size)
{
	int first = STACK_SIZE + off, last = first + (int)size - 1;
	uint64_t set = 0;
	int i;

	if (first < 0 || last >= STACK_SIZE)
		return 0;
	for (i = first / SLOT; i <= last / SLOT; i++)
		set |= 1ull << i;
	return set;
}

static unsigned access_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* helpers that take the context first, for what is behind it rather than in it */
static bool takes_context(int32_t helper)
{
	return helper == BPF_FUNC_perf_event_output || helper == BPF_FUNC_get_stackid ||
		helper == BPF_FUNC_get_stack;
}

/* helpers without arguments: registers hold what they held before */
static bool takes_nothing(int32_t helper)
{
	static const int32_t helpers[] = {
		BPF_FUNC_ktime_get_ns, BPF_FUNC_get_prandom_u32, BPF_FUNC_get_smp_processor_id,
		BPF_FUNC_get_current_pid_tgid, BPF_FUNC_get_current_uid_gid,
		BPF_FUNC_get_current_task, BPF_FUNC_get_numa_node_id,
		BPF_FUNC_get_current_cgroup_id, BPF_FUNC_jiffies64, BPF_FUNC_ktime_get_boot_ns,
		BPF_FUNC_get_current_task_btf, BPF_FUNC_ktime_get_coarse_ns,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(helpers); i++) {
		if (helpers[i] == helper)
			return true;
	}
	return false;
}

static bool call_reads(const struct state *s, const struct bpf_insn *insn)
{
	uint16_t handed = s->context & (BIT(ARGUMENTS + 1) - BIT(1));

	if (insn->src_reg == 0 && takes_nothing(insn->imm))
		return false;
	if (insn->src_reg == 0 && takes_context(insn->imm))
		handed &= ~BIT(BPF_REG_1);
	return handed != 0;
}

/* is the instruction, in this state, one that reads it or loses sight of it? */
static bool reads(const struct state *s, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		return has(s->context, insn->src_reg);
	case BPF_ST:
		return has(s->context, insn->dst_reg);
	case BPF_STX:
		return has(s->context, insn->dst_reg) || (has(s->context, insn->src_reg) &&
			(insn->dst_reg != BPF_REG_10 || BPF_MODE(insn->code) != BPF_MEM));
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(insn->code) == BPF_MOV)
			return BPF_SRC(insn->code) == BPF_X && has(s->context, insn->src_reg) &&
				insn->code != (BPF_ALU64 | BPF_MOV | BPF_X);
		return has(s->context, insn->dst_reg) ||
			(BPF_SRC(insn->code) == BPF_X && has(s->context, insn->src_reg));
	case BPF_JMP:
		return BPF_OP(insn->code) == BPF_CALL && call_reads(s, insn);
	default:
		return false;
	}
}

static void load_value(struct state *s, const struct bpf_insn *insn)
{
	uint64_t from = 0;

	if (insn->src_reg == BPF_REG_10)
		from = slots_at(insn->off, access_size(insn));
	else if (has(s->frame, insn->src_reg))
		from = ~0ull;			/* somewhere in the stack */
	put(&s->context, insn->dst_reg, s->slots & from);
	put(&s->frame, insn->dst_reg, s->frame_slots & from);
}

static void store_into(uint64_t *slots, uint64_t at, bool whole, bool on)
{
	if (on)
		*slots |= at;
	else if (whole)
		*slots &= ~at;
}

static void store_value(struct state *s, const struct bpf_insn *insn)
{
	bool from = BPF_CLASS(insn->code) == BPF_STX, whole;
	uint64_t at;

	if (insn->dst_reg != BPF_REG_10)
		return;
	at = slots_at(insn->off, access_size(insn));
	whole = access_size(insn) == SLOT && insn->off % SLOT == 0 &&
		BPF_MODE(insn->code) == BPF_MEM;
	store_into(&s->slots, at, whole, from && has(s->context, insn->src_reg));
	store_into(&s->frame_slots, at, whole, from && has(s->frame, insn->src_reg));
}

static void compute(struct state *s, const struct bpf_insn *insn)
{
	bool with = BPF_SRC(insn->code) == BPF_X;

	if (BPF_OP(insn->code) == BPF_MOV) {
		put(&s->context, insn->dst_reg, with && has(s->context, insn->src_reg));
		put(&s->frame, insn->dst_reg, with && has(s->frame, insn->src_reg));
	} else if (with && has(s->frame, insn->src_reg)) {
		put(&s->frame, insn->dst_reg, true);
	}
}

static void step(struct state *s, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		put(&s->context, insn->dst_reg, false);
		put(&s->frame, insn->dst_reg, false);
		break;
	case BPF_LDX:
		load_value(s, insn);
		break;
	case BPF_ST:
	case BPF_STX:
		store_value(s, insn);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		compute(s, insn);
		break;
	case BPF_JMP:
		if (BPF_OP(insn->code) == BPF_CALL) {
			s->context &= ~(BIT(BPF_REG_6) - 1);
			s->frame &= ~(BIT(BPF_REG_6) - 1);
		}
		break;
	}
}

/* true if that told anything new of the place */
static bool unite(struct state *at, const struct state *s)
{
	struct state old = *at;

	at->slots |= s->slots;
	at->frame_slots |= s->frame_slots;
	at->context |= s->context;
	at->frame |= s->frame;
	at->seen = true;
	return !old.seen || old.slots != at->slots || old.frame_slots != at->frame_slots ||
		old.context != at->context || old.frame != at->frame;
}

/* from the first instruction on, until no state changes any more */
static void follow(const struct object_program *prog, struct state *states)
{
	size_t *todo = NULL, n = 0;

	states[0] = (struct state){ .context = BIT(BPF_REG_1), .frame = BIT(BPF_REG_10),
		.seen = true };
	*MEM_GROW(todo, n) = 0;
	while (n > 0) {
		size_t i = todo[--n];
		struct state s = states[i];
		int64_t next[2];
		unsigned k = insn_successors(prog, i, next);

		step(&s, &prog->insns[i]);
		while (k-- > 0) {
			if (next[k] >= 0 && next[k] < (int64_t)prog->n_insns &&
				unite(&states[next[k]], &s))
				*MEM_GROW(todo, n) = next[k];
		}
	}
	free(todo);
}

bool flow_reads_context(const struct object_program *prog, size_t *ret_insn)
{
	struct state *states = mem_array(prog->n_insns + 1, sizeof(*states));
	bool found = false;
	size_t i;

	if (prog->n_insns)
		follow(prog, states);
	for (i = 0; i < prog->n_insns && !found; i++) {
		found = states[i].seen && reads(&states[i], &prog->insns[i]);
		if (found)
			*ret_insn = i;
	}
	free(states);
	return found;
}
