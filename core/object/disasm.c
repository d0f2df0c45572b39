/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF instructions as text, in the C-like notation of LLVM 14's objdump,
 * with names where that has bare numbers (helpers, maps).
 */
#include "disasm.h"

#include "base/mem.h"

/* what linux/bpf.h of an older kernel may lack */
enum {
	MODE_MEMSX = 0x80,		/* sign-extending load, 6.6 */
	MODE_ATOMIC = 0xc0,
	OP_XCHG = 0xe0 | BPF_FETCH,
	OP_CMPXCHG = 0xf0 | BPF_FETCH,
	CALL_LOCAL = 1,
	CALL_KFUNC = 2,
};

#define HELPER_NAME(x) [BPF_FUNC_##x] = #x
static const char *const helper_names[] = {
	__BPF_FUNC_MAPPER(HELPER_NAME)
};

const char *helper_name(uint32_t id)
{
	return id && id < ARRAY_SIZE(helper_names) ? helper_names[id] : NULL;
}

static void add_unknown(const struct bpf_insn *insn, struct buf *out)
{
	buf_addf(out, "unknown instruction %02x", insn->code);
}

/* "u32" of a load or store; sign 's' or 'u' */
static void add_type(const struct bpf_insn *insn, char sign, struct buf *out)
{
	static const unsigned bits[] = {
		[BPF_W >> 3] = 32, [BPF_H >> 3] = 16, [BPF_B >> 3] = 8, [BPF_DW >> 3] = 64,
	};

	buf_addf(out, "%c%u", sign, bits[BPF_SIZE(insn->code) >> 3]);
}

/* "r10 - 8" */
static void add_address(unsigned reg, int off, struct buf *out)
{
	buf_addf(out, "r%u %c %d", reg, off < 0 ? '-' : '+', off < 0 ? -off : off);
}

/* "*(u32 *)(r10 - 8)" */
static void add_memory(const struct bpf_insn *insn, char sign, unsigned reg, struct buf *out)
{
	buf_adds(out, "*(");
	add_type(insn, sign, out);
	buf_adds(out, " *)(");
	add_address(reg, insn->off, out);
	buf_addc(out, ')');
}

/* ---- arithmetic ---- */

static void add_source(const struct bpf_insn *insn, char width, struct buf *out)
{
	if (BPF_SRC(insn->code) == BPF_X)
		buf_addf(out, "%c%u", width, insn->src_reg);
	else
		buf_addf(out, "%d", insn->imm);
}

static void dis_swap(const struct bpf_insn *insn, struct buf *out)
{
	const char *how = BPF_SRC(insn->code) == BPF_TO_BE ? "be" : "le";

	if (BPF_CLASS(insn->code) == BPF_ALU64)
		how = "bswap";
	buf_addf(out, "r%u = %s%d r%u", insn->dst_reg, how, insn->imm, insn->dst_reg);
}

static void dis_move(const struct bpf_insn *insn, char width, struct buf *out)
{
	buf_addf(out, "%c%u = ", width, insn->dst_reg);
	if (insn->off && BPF_SRC(insn->code) == BPF_X)
		buf_addf(out, "(s%d)", insn->off);
	add_source(insn, width, out);
}

static void dis_alu(const struct bpf_insn *insn, struct buf *out)
{
	static const char *const ops[] = {
		"+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", NULL, "%=", "^=", NULL, "s>>=",
	};
	unsigned op = BPF_OP(insn->code) >> 4;
	char width = BPF_CLASS(insn->code) == BPF_ALU64 ? 'r' : 'w';

	if (BPF_OP(insn->code) == BPF_END) {
		dis_swap(insn, out);
	} else if (BPF_OP(insn->code) == BPF_MOV) {
		dis_move(insn, width, out);
	} else if (BPF_OP(insn->code) == BPF_NEG) {
		buf_addf(out, "%c%u = -%c%u", width, insn->dst_reg, width, insn->dst_reg);
	} else if (op < ARRAY_SIZE(ops) && ops[op]) {
		bool divides = BPF_OP(insn->code) == BPF_DIV || BPF_OP(insn->code) == BPF_MOD;

		buf_addf(out, "%c%u %s%s ", width, insn->dst_reg,
			divides && insn->off == 1 ? "s" : "", ops[op]);
		add_source(insn, width, out);
	} else {
		add_unknown(insn, out);
	}
}

/* ---- jumps and calls ---- */

static void dis_call(const struct bpf_insn *insn, struct buf *out)
{
	const char *name = helper_name(insn->imm);

	if (BPF_SRC(insn->code) == BPF_X)
		buf_addf(out, "callx r%u", insn->dst_reg);
	else if (insn->src_reg == CALL_LOCAL)
		buf_addf(out, "call pc%+d", insn->imm);
	else if (insn->src_reg == CALL_KFUNC)
		buf_addf(out, "call kfunc#%d", insn->imm);
	else if (name)
		buf_addf(out, "call %s#%d", name, insn->imm);
	else
		buf_addf(out, "call %d", insn->imm);
}

static void dis_branch(const struct bpf_insn *insn, struct buf *out)
{
	static const char *const ops[] = {
		NULL, "==", ">", ">=", "&", "!=", "s>", "s>=", NULL, NULL, "<", "<=", "s<", "s<=",
	};
	unsigned op = BPF_OP(insn->code) >> 4;
	char width = BPF_CLASS(insn->code) == BPF_JMP ? 'r' : 'w';

	if (op >= ARRAY_SIZE(ops) || !ops[op]) {
		add_unknown(insn, out);
		return;
	}
	buf_addf(out, "if %c%u %s ", width, insn->dst_reg, ops[op]);
	add_source(insn, width, out);
	buf_addf(out, " goto %+d", insn->off);
}

static void dis_jump(const struct bpf_insn *insn, struct buf *out)
{
	bool wide = BPF_CLASS(insn->code) == BPF_JMP;

	if (BPF_OP(insn->code) == BPF_JA && wide)
		buf_addf(out, "goto %+d", insn->off);
	else if (BPF_OP(insn->code) == BPF_JA)
		buf_addf(out, "gotol %+d", insn->imm);
	else if (BPF_OP(insn->code) == BPF_CALL && wide)
		dis_call(insn, out);
	else if (BPF_OP(insn->code) == BPF_EXIT && wide)
		buf_adds(out, "exit");
	else
		dis_branch(insn, out);
}

/* ---- memory ---- */

static void dis_fetch(const struct bpf_insn *insn, const char *op, struct buf *out)
{
	char width = BPF_SIZE(insn->code) == BPF_DW ? 'r' : 'w';

	buf_addf(out, "%c%u = atomic_fetch_%s((", width, insn->src_reg, op);
	add_type(insn, 'u', out);
	buf_adds(out, " *)(");
	add_address(insn->dst_reg, insn->off, out);
	buf_addf(out, "), %c%u)", width, insn->src_reg);
}

/* "xchg_64(r1 + 0, r2)": 32-bit ones are spelled "xchg32_32" */
static void dis_exchange(const struct bpf_insn *insn, struct buf *out)
{
	bool wide = BPF_SIZE(insn->code) == BPF_DW, compares = insn->imm == OP_CMPXCHG;
	char width = wide ? 'r' : 'w';

	buf_addf(out, "%c%u = %sxchg%s(", width, compares ? 0 : insn->src_reg,
		compares ? "cmp" : "", wide ? "_64" : "32_32");
	add_address(insn->dst_reg, insn->off, out);
	if (compares)
		buf_addf(out, ", %c0", width);
	buf_addf(out, ", %c%u)", width, insn->src_reg);
}

static void dis_atomic(const struct bpf_insn *insn, struct buf *out)
{
	static const struct {
		int op;
		const char *sign, *word;
	} ops[] = {
		{ BPF_ADD, "+=", "add" }, { BPF_OR, "|=", "or" },
		{ BPF_AND, "&=", "and" }, { BPF_XOR, "^=", "xor" },
	};
	size_t i;

	if (BPF_SIZE(insn->code) != BPF_DW && BPF_SIZE(insn->code) != BPF_W) {
		add_unknown(insn, out);
		return;
	}
	if (insn->imm == OP_XCHG || insn->imm == OP_CMPXCHG) {
		dis_exchange(insn, out);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(ops) && (insn->imm & ~BPF_FETCH) != ops[i].op; i++)
		;
	if (i == ARRAY_SIZE(ops)) {
		add_unknown(insn, out);
	} else if (insn->imm & BPF_FETCH) {
		dis_fetch(insn, ops[i].word, out);
	} else {
		buf_adds(out, "lock ");
		add_memory(insn, 'u', insn->dst_reg, out);
		buf_addf(out, " %s r%u", ops[i].sign, insn->src_reg);
	}
}

static void dis_load(const struct bpf_insn *insn, struct buf *out)
{
	unsigned mode = BPF_MODE(insn->code);

	if (mode != BPF_MEM && (mode != MODE_MEMSX || BPF_SIZE(insn->code) == BPF_DW)) {
		add_unknown(insn, out);
		return;
	}
	buf_addf(out, "r%u = ", insn->dst_reg);
	add_memory(insn, mode == MODE_MEMSX ? 's' : 'u', insn->src_reg, out);
}

static void dis_store(const struct bpf_insn *insn, struct buf *out)
{
	bool immediate = BPF_CLASS(insn->code) == BPF_ST;

	if (!immediate && BPF_MODE(insn->code) == MODE_ATOMIC) {
		dis_atomic(insn, out);
		return;
	}
	if (BPF_MODE(insn->code) != BPF_MEM) {
		add_unknown(insn, out);
		return;
	}
	add_memory(insn, 'u', insn->dst_reg, out);
	if (immediate)
		buf_addf(out, " = %d", insn->imm);
	else
		buf_addf(out, " = r%u", insn->src_reg);
}

/* loads of packet bytes, from the time of sockets only */
static void dis_packet(const struct bpf_insn *insn, struct buf *out)
{
	unsigned mode = BPF_MODE(insn->code);

	if ((mode != BPF_ABS && mode != BPF_IND) || BPF_SIZE(insn->code) == BPF_DW) {
		add_unknown(insn, out);
		return;
	}
	buf_adds(out, "r0 = *(");
	add_type(insn, 'u', out);
	buf_adds(out, " *)skb[");
	if (mode == BPF_IND)
		buf_addf(out, insn->imm ? "r%u + " : "r%u", insn->src_reg);
	if (mode == BPF_ABS || insn->imm)
		buf_addf(out, "%d", insn->imm);
	buf_addc(out, ']');
}

/* ---- two instructions in one ---- */

static void dis_wide(const struct bpf_insn *insn, const char *map, struct buf *out)
{
	uint64_t value = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;

	buf_addf(out, "r%u = ", insn->dst_reg);
	switch (insn->src_reg) {
	case 0:
		buf_addf(out, "%llu ll", (unsigned long long)value);
		break;
	case BPF_PSEUDO_MAP_FD:
		if (map)
			buf_addf(out, "map %s", map);
		else
			buf_addf(out, "map fd %d", insn->imm);
		break;
	case BPF_PSEUDO_MAP_VALUE:
		buf_addf(out, "map fd %d value + %d", insn[0].imm, insn[1].imm);
		break;
	case BPF_PSEUDO_FUNC:
		buf_addf(out, "function pc%+d", insn->imm);
		break;
	default:
		buf_addf(out, "%llu ll (kind %u)", (unsigned long long)value, insn->src_reg);
	}
}

size_t disasm_map_insn(const struct bpf_insn *insn, size_t left, const char *map,
	struct buf *out)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		dis_alu(insn, out);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		dis_jump(insn, out);
		break;
	case BPF_LDX:
		dis_load(insn, out);
		break;
	case BPF_ST:
	case BPF_STX:
		dis_store(insn, out);
		break;
	default:
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && left >= 2) {
			dis_wide(insn, map, out);
			return 2;
		}
		dis_packet(insn, out);
	}
	return 1;
}

size_t disasm_insn(const struct bpf_insn *insn, size_t left, struct buf *out)
{
	return disasm_map_insn(insn, left, NULL, out);
}
