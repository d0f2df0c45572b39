/* SPDX-License-Identifier: Apache-2.0 */
/* BPF instructions by hand, and objects made of them: no compiler is needed. */
#ifndef INSNS_H
#define INSNS_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "object/object.h"

#define R(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), \
	.off = (o), .imm = (i) })
#define MOV(d, s) R(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i) R(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADDI(d, i) R(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define RSHI(d, i) R(BPF_ALU64 | BPF_RSH | BPF_K, d, 0, 0, i)
#define LDX(d, s, o) R(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STX(d, s, o) R(BPF_STX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STW(d, o, i) R(BPF_ST | BPF_MEM | BPF_W, d, 0, o, i)
#define STDW(d, o, i) R(BPF_ST | BPF_MEM | BPF_DW, d, 0, o, i)
#define XADD(d, s, o) R(BPF_STX | BPF_XADD | BPF_DW, d, s, o, 0)
#define JEQI(d, i, o) R(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define JNEI(d, i, o) R(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define JA(o) R(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define CALL(i) R(BPF_JMP | BPF_CALL, 0, 0, 0, i)
#define EXIT R(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define IMM64(d, low, high) R(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, low), R(0, 0, 0, 0, high)
/* two instructions; the address of map number m of the object */
#define MAP(d, m) R(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, m), R(0, 0, 0, 0, 0)

/* jumps over `skip` instructions unless the process runs that is meant; 3 instructions */
#define ONLY_TGID(tgid, skip) CALL(BPF_FUNC_get_current_pid_tgid), RSHI(0, 32), \
	JNEI(0, tgid, skip)
/* adds 1 to u64 number `slot` of array map m: 9 instructions */
#define COUNT(m, slot) STW(10, -4, slot), MOV(2, 10), ADDI(2, -4), MAP(1, m), \
	CALL(BPF_FUNC_map_lookup_elem), JEQI(0, 0, 2), MOVI(1, 1), XADD(0, 1, 0)
enum { COUNT_LEN = 9 };
#define RETURN MOVI(0, 0), EXIT

static inline struct object_program *add_program(struct object *obj, const char *name,
	const char *probe, const struct bpf_insn *insns, size_t n)
{
	struct object_program *prog = object_add_program(obj, name);
	size_t i;

	prog->probe = mem_string(probe);
	prog->insns = mem_copy(insns, n * sizeof(*insns));
	prog->n_insns = n;
	for (i = 0; i < n; i++) {
		struct object_reloc *r;

		if (insns[i].code != (BPF_LD | BPF_DW | BPF_IMM) || !insns[i].src_reg)
			continue;
		r = MEM_GROW(prog->relocs, prog->n_relocs);
		r->insn = i++;
		r->map = insns[r->insn].imm;
		prog->insns[r->insn].src_reg = 0;
		prog->insns[r->insn].imm = 0;
	}
	return prog;
}

static inline struct object_map *add_map(struct object *obj, const char *name, uint32_t type,
	uint32_t key, uint32_t value, uint32_t entries)
{
	struct object_map *map = object_add_map(obj, name);

	map->type = type;
	map->key_size = key;
	map->value_size = value;
	map->max_entries = entries;
	return map;
}

#endif
