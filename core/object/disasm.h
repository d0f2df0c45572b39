/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISASM_H
#define DISASM_H

#include "object/object.h"

/* disasm_insn, where `map` (may be NULL) names the map that a ld_imm64 loads */
size_t disasm_map_insn(const struct bpf_insn *insn, size_t left, const char *map,
	struct buf *out);

#endif
