/* SPDX-License-Identifier: Apache-2.0 */
/* core/kernel/profile and core/load/check: what an object needs and a kernel lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "load/check.h"
#include "load/flow.h"

#define MOV(dst, src) { BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0 }
#define SET(dst, n) { BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, n }
#define ADD(dst, n) { BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, n }
#define CALL(id) { BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##id }
#define JUMP(class, op, off) { (class) | (op) | BPF_K, 0, 0, off, 5 }
#define CONSTANT(source) { BPF_LD | BPF_IMM | BPF_DW, 1, source, 0, 0 }, { 0, 0, 0, 0, 0 }
#define EXIT { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 }
#define ATOMIC(op) { BPF_STX | 0xc0 | BPF_DW, 10, 1, -8, op }

/* one program; its line n + 10 is that of instruction n */
static struct object *make(const char *probe, const struct bpf_insn *insns, size_t n)
{
	struct object *obj = object_new();
	struct object_program *p = object_add_program(obj, "f");
	uint32_t i;

	obj->source_name = mem_string("a.lua");
	p->probe = mem_string(probe);
	p->insns = mem_copy(insns, n * sizeof(*insns));
	p->n_insns = n;
	for (i = 0; i < n; i++)
		*MEM_GROW(p->lines, p->n_lines) = (struct object_line){ i, i + 10, 0 };
	return obj;
}

static const struct profile *target(const char *name)
{
	struct error err = ERROR_INIT;
	const struct profile *p = profile_find(name, &err);

	assert_non_null(p);
	return p;
}

/* all that is said, notes included */
static void assert_said(const struct object *obj, const char *name, const char *expected)
{
	const struct profile *p = target(name);
	struct buf text = BUF_INIT;
	struct check check;
	size_t i;

	check_object(obj, p, &check);
	for (i = 0; i < check.n_findings; i++)
		check_format(obj, p, &check.findings[i], &text);
	assert_string_equal(text.data, expected);
	assert_int_equal(check.n_findings, check.count[FINDING_NO] +
		check.count[FINDING_UNKNOWN] + check.count[FINDING_NOTE]);
	check_release(&check);
	buf_release(&text);
}

/* ---- profiles ---- */

static void test_profiles(void **state)
{
	struct error err = ERROR_INIT;
	size_t i;

	assert_string_equal(profile_name(profile_at(0)), "el7");
	for (i = 0; profile_at(i); i++)
		assert_ptr_equal(target(profile_name(profile_at(i))), profile_at(i));
	assert_int_equal(i, 8);
	assert_null(profile_find("5.1", &err));
	assert_string_equal(err.tag, "E-ARGS");
	assert_non_null(strstr(err.hint, "'5.10'"));
	error_clear(&err);
}

/* the helpers of kprobe programs as a booted kernel answered, and no others */
static void assert_kprobe_helpers(const char *name, const uint8_t *ids, size_t n)
{
	const struct profile *p = target(name);
	unsigned since;
	uint32_t id, next = 0;

	for (id = 1; id < 512; id++) {
		bool there = next < n && ids[next] == id;

		if (profile_helper(p, BPF_PROG_TYPE_KPROBE, id, &since) !=
			(there ? ANSWER_YES : ANSWER_NO))
			fail_msg("%s: helper %u", name, id);
		next += there;
	}
	assert_int_equal(next, n);
}

static void test_measured_helpers(void **state)
{
	static const uint8_t el7[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 15, 16, 22, 25, 27, 35, 36,
		42, 45, 55, 58, 67 };
	static const uint8_t v419[] = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 15, 16, 22, 25, 27, 35, 36,
		37, 42, 45, 55, 58, 67, 80 };

	assert_kprobe_helpers("el7", el7, sizeof(el7));
	assert_kprobe_helpers("4.19", v419, sizeof(v419));
}

static void test_measured_maps(void **state)
{
	unsigned since;
	uint32_t type;

	for (type = 1; type < 64; type++) {
		assert_int_equal(profile_map(target("el7"), type, &since),
			type <= 14 && type != 8 ? ANSWER_YES : ANSWER_NO);
		assert_int_equal(profile_map(target("4.19"), type, &since),
			type <= 20 ? ANSWER_YES : ANSWER_NO);
	}
	assert_int_equal(profile_map(target("4.18-el8"), BPF_MAP_TYPE_RINGBUF, &since),
		ANSWER_UNKNOWN);
	assert_int_equal(since, 0x0508);
}

static void test_features(void **state)
{
	unsigned since;

	assert_int_equal(profile_has(target("el7"), PROFILE_CALLS, &since), ANSWER_YES);
	assert_int_equal(profile_has(target("4.14"), PROFILE_CALLS, &since), ANSWER_NO);
	assert_int_equal(profile_has(target("el7"), PROFILE_ANY_VERSION, &since), ANSWER_NO);
	assert_int_equal(profile_has(target("5.4"), PROFILE_ANY_VERSION, &since), ANSWER_YES);
	assert_int_equal(profile_has(target("el7"), PROFILE_KPROBE_PMU, &since), ANSWER_YES);
	assert_int_equal(profile_has(target("5.10"), PROFILE_ATOMICS, &since), ANSWER_NO);
	assert_int_equal(profile_has(target("6.1"), PROFILE_ATOMICS, &since), ANSWER_YES);
	assert_int_equal(since, 0x050c);
}

/* ---- a finding of each kind ---- */

struct sample {
	const char *probe;
	struct bpf_insn insns[8];
	size_t n;
	const char *target, *expected;
};

static const struct sample samples[] = {
	{ "tracepoint:irq:softirq_entry", { SET(0, 0), ATOMIC(BPF_ADD), EXIT }, 3, "el7", "" },
	{ "tracepoint:a:b", { CALL(ringbuf_output), EXIT }, 2, "el7",
		"a.lua:10: el7: helper ringbuf_output#130 is not there (since 5.8), "
		"program 'f' instruction 0\n" },
	{ "tracepoint:a:b", { CALL(ringbuf_output), EXIT }, 2, "5.10", "" },
	{ "tracepoint:a:b", { CALL(ringbuf_output), EXIT }, 2, "4.18-el8",
		"a.lua:10: 4.18-el8: could not tell whether helper ringbuf_output#130 is there "
		"(since 5.8), program 'f' instruction 0\n" },
	{ "tracepoint:a:b", { CALL(override_return), EXIT }, 2, "el7",
		"a.lua:10: el7: helper override_return#58 for tracepoint programs is not there, "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { SET(0, 0), CALL(probe_read_kernel), EXIT }, 3, "el7",
		"a.lua:11: el7: note: helper probe_read_kernel#113 becomes probe_read#4 where it "
		"is not there, program 'f' instruction 1\n" },
	{ "kprobe:f", { CALL(probe_read_user_str), EXIT }, 2, "4.9",
		"a.lua:10: 4.9: helper probe_read_user_str#114 is not there (since 5.5), "
		"program 'f' instruction 0\n" },
	{ "raw_tracepoint:x", { CALL(ktime_get_ns), EXIT }, 2, "el7",
		"a.lua:10: el7: note: the raw tracepoint becomes a tracepoint where it is not "
		"there (since 4.17), program 'f' instruction 0\n" },
	{ "raw_tracepoint:x", { MOV(6, 1), CALL(ktime_get_ns),
		{ BPF_LDX | BPF_MEM | BPF_DW, 0, 6, 0, 0 }, EXIT }, 4, "el7",
		"a.lua:12: el7: the raw tracepoint is not there (since 4.17), and its arguments "
		"are read here, program 'f' instruction 2\n"
		"  use TRACEPOINT_PROBE(category, event), whose args has the fields by name\n" },
	{ "raw_tracepoint:x", { CALL(get_current_cgroup_id), EXIT }, 2, "el7",
		"a.lua:10: el7: note: the raw tracepoint becomes a tracepoint where it is not "
		"there (since 4.17), program 'f' instruction 0\n"
		"a.lua:10: el7: helper get_current_cgroup_id#80 is not there (since 4.18), "
		"program 'f' instruction 0\n" },
	{ "raw_tracepoint:x", { CALL(ktime_get_ns), EXIT }, 2, "4.18-el8", "" },
	{ "syscall:read", { CALL(ktime_get_ns), EXIT }, 2, "el7", "" },
	{ "kprobe:f", { CALL(ktime_get_boot_ns), EXIT }, 2, "el7",
		"a.lua:10: el7: note: helper ktime_get_boot_ns#125 becomes ktime_get_ns#5 where "
		"it is not there, which stands still while the system sleeps, program 'f' "
		"instruction 0\n" },
	{ "tracepoint:a:b", { CALL(get_stack), EXIT }, 2, "4.14",
		"a.lua:10: 4.14: helper get_stack#67 is not there (since 4.18), program 'f' "
		"instruction 0\n"
		"  use BPF_STACK_TRACE(stacks, N) and stacks.get_stackid(ctx, flags)\n" },
	{ "no_such:x", { EXIT }, 1, "el7",
		"a.lua:10: el7: could not tell what probe 'no_such:x' needs, "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { JUMP(BPF_JMP32, BPF_JEQ, 0), EXIT }, 2, "4.19",
		"a.lua:10: 4.19: the 32-bit jump is not there (since 5.1), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { JUMP(BPF_JMP, BPF_JLT, 0), EXIT }, 2, "el7", "" },
	{ "kprobe:f", { JUMP(BPF_JMP, BPF_JLT, 0), EXIT }, 2, "4.9",
		"a.lua:10: 4.9: the less-than jump is not there (since 4.14), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { ATOMIC(BPF_ADD | 1), EXIT }, 2, "5.10",
		"a.lua:10: 5.10: the atomic operation beyond addition is not there (since 5.12), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { CONSTANT(BPF_PSEUDO_MAP_VALUE), EXIT }, 3, "el7",
		"a.lua:10: el7: global data is not there (since 5.2), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { CONSTANT(4), EXIT }, 3, "5.10",
		"a.lua:10: 5.10: the callback function is not there (since 5.13), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { CONSTANT(BPF_PSEUDO_MAP_FD), EXIT }, 3, "4.9", "" },
	{ "kprobe:f", { { BPF_JMP | BPF_CALL, 0, 1, 0, 1 }, EXIT, SET(0, 0), EXIT }, 4, "4.14",
		"a.lua:10: 4.14: the call between functions is not there (since 4.16), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { { BPF_ALU64 | BPF_DIV | BPF_K, 0, 0, 1, 2 }, EXIT }, 2, "6.1",
		"a.lua:10: 6.1: the instruction of version 4 is not there (since 6.6), "
		"program 'f' instruction 0\n" },
	{ "kprobe:f", { SET(0, 0), ADD(0, 1), JUMP(BPF_JMP, BPF_JNE, -2), EXIT }, 4, "el7",
		"a.lua:12: el7: the bounded loop (a jump from instruction 2 back to 1) is not "
		"there (since 5.3), program 'f' instruction 2\n"
		"  unroll it: #pragma unroll, with a constant bound\n" },
	{ "kprobe:f", { SET(0, 0), ADD(0, 1), JUMP(BPF_JMP, BPF_JNE, -2), EXIT }, 4, "5.4", "" },
	/* backwards in the text, but no loop */
	{ "kprobe:f", { JUMP(BPF_JMP, BPF_JA, 2), SET(0, 1), EXIT,
		JUMP(BPF_JMP, BPF_JEQ, -3), EXIT }, 5, "el7", "" },
	{ "kprobe:f", { MOV(2, 10), ADD(2, -520), EXIT }, 3, "6.1",
		"a.lua:11: 6.1: 520 bytes of stack, of 512, program 'f' instruction 1\n"
		"  put large structs into a per-CPU array\n" },
	{ "kprobe:f", { { BPF_STX | BPF_MEM | BPF_DW, 10, 1, -516, 0 }, EXIT }, 2, "6.1",
		"a.lua:10: 6.1: 516 bytes of stack, of 512, program 'f' instruction 0\n"
		"  put large structs into a per-CPU array\n" },
	/* r2 is r10 on one of two ways only */
	{ "kprobe:f", { JUMP(BPF_JMP, BPF_JEQ, 1), MOV(2, 10), ADD(2, -520), EXIT }, 4, "6.1", "" },
	{ NULL, { CALL(override_return), EXIT }, 2, "el7",
		"a.lua:10: el7: note: attached by hand: checked as program of every tracing type, "
		"program 'f' instruction 0\n"
		"a.lua:10: el7: note: helper override_return#58 is not there for these programs: "
		"tracepoint, perf event, program 'f' instruction 0\n" },
	{ NULL, { SET(0, 0), CALL(send_signal), EXIT }, 3, "4.19",
		"a.lua:10: 4.19: note: attached by hand: checked as program of every tracing type, "
		"program 'f' instruction 0\n"
		"a.lua:11: 4.19: helper send_signal#109 is not there (since 5.3), "
		"program 'f' instruction 1\n" },
};

static void test_samples(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		struct object *obj = make(s->probe, s->insns, s->n);

		assert_said(obj, s->target, s->expected);
		object_free(obj);
	}
}

/* ---- who reads the context ---- */

#define LOAD(size, dst, src, off) { BPF_LDX | BPF_MEM | (size), dst, src, off, 0 }
#define STORE(size, dst, off, src) { BPF_STX | BPF_MEM | (size), dst, src, off, 0 }
enum { NOT_READ = -1 };

static const struct {
	const char *what;
	struct bpf_insn insns[8];
	int n, read_at;
} readers[] = {
	{ "nothing", { SET(0, 0), EXIT }, 2, NOT_READ },
	{ "r1", { LOAD(BPF_DW, 2, 1, 8), EXIT }, 2, 0 },
	{ "a copy", { MOV(6, 1), MOV(1, 2), LOAD(BPF_W, 2, 6, 8), EXIT }, 4, 2 },
	{ "r1 is another value", { SET(1, 0), LOAD(BPF_DW, 2, 1, 8), EXIT }, 3, NOT_READ },
	{ "spilled", { STORE(BPF_DW, 10, -16, 1), CALL(ktime_get_ns), LOAD(BPF_DW, 3, 10, -16),
		LOAD(BPF_B, 0, 3, 0), EXIT }, 5, 3 },
	{ "another slot", { STORE(BPF_DW, 10, -16, 1), STORE(BPF_DW, 10, -8, 2),
		LOAD(BPF_DW, 3, 10, -8), LOAD(BPF_B, 0, 3, 0), EXIT }, 5, NOT_READ },
	{ "a slot written over", { STORE(BPF_DW, 10, -8, 1), STORE(BPF_DW, 10, -8, 2),
		LOAD(BPF_DW, 3, 10, -8), LOAD(BPF_B, 0, 3, 0), EXIT }, 5, NOT_READ },
	{ "spilled, found by a copy of r10", { STORE(BPF_DW, 10, -8, 1), MOV(2, 10), ADD(2, -8),
		LOAD(BPF_DW, 3, 2, 0), LOAD(BPF_B, 0, 3, 0), EXIT }, 6, 4 },
	{ "a helper's context", { MOV(6, 1), CALL(perf_event_output), MOV(1, 6),
		CALL(get_stackid), MOV(1, 6), CALL(get_stack), EXIT }, 7, NOT_READ },
	{ "what a helper reads", { MOV(3, 1), SET(1, 0), CALL(probe_read), EXIT }, 4, 2 },
	{ "a second argument", { MOV(2, 1), CALL(perf_event_output), EXIT }, 3, 1 },
	{ "behind a call", { CALL(ktime_get_ns), LOAD(BPF_DW, 0, 1, 0), EXIT }, 3, NOT_READ },
	{ "arithmetic", { ADD(1, 8), LOAD(BPF_DW, 0, 1, 0), EXIT }, 3, 0 },
	{ "a tail call", { CALL(tail_call), EXIT }, 2, 0 },
	{ "another function", { { BPF_JMP | BPF_CALL, 0, 1, 0, 1 }, EXIT, SET(0, 0), EXIT }, 4, 0 },
	{ "stored elsewhere", { MOV(6, 0), STORE(BPF_DW, 6, 0, 1), EXIT }, 3, 1 },
	{ "on one of two ways", { MOV(6, 1), JUMP(BPF_JMP, BPF_JEQ, 1), SET(6, 0),
		LOAD(BPF_DW, 0, 6, 0), EXIT }, 5, 3 },
	{ "on none of two ways", { SET(6, 0), JUMP(BPF_JMP, BPF_JEQ, 1), SET(6, 1),
		LOAD(BPF_DW, 0, 6, 0), EXIT }, 5, NOT_READ },
	/* the first round makes it the context for the second */
	{ "in a loop", { SET(6, 0), LOAD(BPF_DW, 0, 6, 0), MOV(6, 1),
		JUMP(BPF_JMP, BPF_JNE, -3), EXIT }, 5, 1 },
	{ "never reached", { SET(0, 0), EXIT, LOAD(BPF_DW, 0, 1, 0), EXIT }, 4, NOT_READ },
};

static void test_context(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		struct object *obj = make(NULL, readers[i].insns, readers[i].n);
		size_t insn = 99;
		bool reads = flow_reads_context(&obj->programs[0], &insn);

		if (reads != (readers[i].read_at != NOT_READ) ||
			(reads && insn != (size_t)readers[i].read_at))
			fail_msg("%s: %d at %zu", readers[i].what, reads, insn);
		object_free(obj);
	}
}

static void test_maps(void **state)
{
	static const struct bpf_insn insns[] = { SET(0, 0), EXIT };
	struct object *obj = make("kprobe:f", insns, ARRAY_SIZE(insns));
	struct object_map *m = object_add_map(obj, "opens");

	m->type = BPF_MAP_TYPE_RINGBUF;
	m->role = MAP_EVENTS;
	m->inner = -1;
	m = object_add_map(obj, "counts");
	m->type = BPF_MAP_TYPE_LRU_HASH;
	m->inner = -1;
	assert_said(obj, "el7", "a.lua: el7: type ringbuf of map 'opens' is not there (since 5.8)\n"
		"  compiled for this kernel, EVENTS becomes a perf buffer\n");
	assert_said(obj, "4.9", "a.lua: 4.9: type ringbuf of map 'opens' is not there (since 5.8)\n"
		"  compiled for this kernel, EVENTS becomes a perf buffer\n"
		"a.lua: 4.9: type lru_hash of map 'counts' is not there (since 4.10)\n");
	assert_said(obj, "6.1", "");
	object_free(obj);
}

static void test_size(void **state)
{
	size_t n = PROFILE_SMALL + 1, i;
	struct bpf_insn *insns = mem_array(n, sizeof(*insns));
	struct object *obj;

	for (i = 0; i < n; i++)
		insns[i] = (struct bpf_insn)SET(0, 0);
	insns[n - 1] = insns[n - 2] = (struct bpf_insn)EXIT;
	obj = make("kprobe:f", insns, n);
	assert_said(obj, "4.19", "a.lua:10: 4.19: the large program (4097 instructions, the limit "
		"was 4096) is not there (since 5.2), program 'f' instruction 0\n"
		"  unroll fewer loops, or split it with tail calls\n");
	assert_said(obj, "5.4", "");
	obj->programs[0].n_insns--;
	assert_said(obj, "4.19", "");
	object_free(obj);
	free(insns);
}

/* a line says the same thing once, another line once more */
static void test_repeats(void **state)
{
	static const struct bpf_insn insns[] = { CALL(jiffies64), CALL(jiffies64), EXIT };
	struct object *obj = make("kprobe:f", insns, ARRAY_SIZE(insns));
	struct check check;

	check_object(obj, target("el7"), &check);
	assert_int_equal(check.count[FINDING_NO], 2);
	check_release(&check);
	obj->programs[0].lines[1].line = obj->programs[0].lines[0].line;
	check_object(obj, target("el7"), &check);
	assert_int_equal(check.count[FINDING_NO], 1);
	check_release(&check);
	object_free(obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_measured_helpers),
		cmocka_unit_test(test_measured_maps),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_repeats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
