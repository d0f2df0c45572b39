/* SPDX-License-Identifier: Apache-2.0 */
/* Where control goes in a program, and what became of its context on the way. */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object/object.h"

enum { FLOW_CALL_LOCAL = 1, FLOW_CALL_KFUNC = 2 };	/* src_reg of a call */

/* 2 for both halves of a 64-bit constant */
size_t insn_slots(const struct bpf_insn *insn, size_t left);
/* where control goes from instruction i, as the kernel's check_cfg() has it: 0 to 2 places */
unsigned insn_successors(const struct object_program *prog, size_t i, int64_t *ret);

/*
 * Does the program look into its context, the pointer in r1 at its start?
 * Copies are followed through registers and the stack.  Handing it to
 * helpers as their context (perf_event_output, get_stackid, get_stack) is
 * no reading; whatever else may be one counts as one: arithmetic, storing
 * it elsewhere, passing it to other helpers and functions, tail calls.
 * *ret_insn is the first instruction that does.
 */
bool flow_reads_context(const struct object_program *prog, size_t *ret_insn);

#endif
