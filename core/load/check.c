/* SPDX-License-Identifier: Apache-2.0 */
#include "load/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "load/flow.h"
#include "load/load.h"
#include "load/substitutes.h"
#include "object/object_format.h"

/* what linux/bpf.h of an older kernel may lack */
enum {
	MODE_MEMSX = 0x80,
	MODE_ATOMIC = 0xc0,
	STACK_SIZE = 512,		/* MAX_BPF_STACK */
};

/* program types that a function attached by hand may be loaded as */
static const uint32_t hand_types[] = {
	BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_PERF_EVENT,
	BPF_PROG_TYPE_RAW_TRACEPOINT,
};

struct checker {
	const struct object *obj;
	const struct profile *profile;
	struct check *out;
	const struct object_program *prog;	/* NULL: maps */
	const uint32_t *types;			/* program types in question */
	size_t n_types;				/* 0: its type is not there, nor helpers for it */
};

/* ---- collecting ---- */

static bool is_known(const struct checker *c, const struct finding *new)
{
	size_t i;

	for (i = 0; i < c->out->n_findings; i++) {
		const struct finding *f = &c->out->findings[i];

		if (f->program == new->program && f->line == new->line &&
			(f->line || f->insn == new->insn) && strcmp(f->what, new->what) == 0)
			return true;
	}
	return false;
}

static void __attribute__((format(printf, 5, 6))) add(struct checker *c, enum finding_kind kind,
	size_t insn, const char *hint, const char *fmt, ...)
{
	struct finding f = { .kind = kind, .insn = insn, .hint = hint };
	const struct object_line *line = c->prog ? object_program_line(c->prog, insn) : NULL;
	va_list ap;

	va_start(ap, fmt);
	f.what = mem_vformat(fmt, ap);
	va_end(ap);
	f.program = c->prog ? c->prog->name : NULL;
	f.line = line ? line->line : 0;
	if (is_known(c, &f)) {
		free(f.what);
		return;
	}
	*MEM_GROW(c->out->findings, c->out->n_findings) = f;
	c->out->count[kind]++;
}

/* "what is not there (since 5.8)" unless the answer is yes */
static void judge(struct checker *c, enum answer answer, unsigned since, size_t insn,
	const char *hint, const char *what)
{
	char version[32] = "";

	if (answer == ANSWER_YES)
		return;
	if (since)
		snprintf(version, sizeof(version), " (since %u.%u)", since >> 8, since & 255);
	if (answer == ANSWER_NO)
		add(c, FINDING_NO, insn, hint, "%s is not there%s", what, version);
	else
		add(c, FINDING_UNKNOWN, insn, hint, "could not tell whether %s is there%s", what,
			version);
}

static void want(struct checker *c, size_t insn, enum profile_feature f)
{
	unsigned since;
	enum answer answer = profile_has(c->profile, f, &since);

	judge(c, answer, since, insn, NULL, profile_feature_name(f));
}

/* ---- maps ---- */

static void check_map(struct checker *c, const struct object_map *m)
{
	unsigned since;
	enum answer answer = profile_map(c->profile, m->type, &since);
	const char *type = map_type_name(m->type);
	char *what = mem_format("type %s of map '%s'", type ? type : "?", m->name);

	judge(c, answer, since, 0, m->role == MAP_EVENTS && m->type == BPF_MAP_TYPE_RINGBUF ?
		"compiled for this kernel, EVENTS becomes a perf buffer" : NULL, what);
	free(what);
}

/* ---- helpers ---- */

/*
 * The best answer for any of the types. *ret_lacking gets those that the
 * kernel has, but without the helper.
 */
static enum answer ask_helper(const struct checker *c, uint32_t id, unsigned *ret_since,
	struct buf *ret_lacking)
{
	enum answer best = ANSWER_NO;
	size_t i;

	*ret_since = 0;
	for (i = 0; i < c->n_types; i++) {
		uint32_t type = c->types[i];
		unsigned since, ignored;
		enum answer answer = profile_helper(c->profile, type, id, &since);
		bool there = profile_program(c->profile, type, &ignored) == ANSWER_YES;

		if (since && (!*ret_since || since < *ret_since))
			*ret_since = since;
		if (there && answer == ANSWER_NO)
			buf_addf(ret_lacking, "%s%s", ret_lacking->len ? ", " : "",
				program_type_name(type));
		/* by hand it cannot become a program of a type that is not there */
		if (!there && c->n_types > 1)
			continue;
		if (answer == ANSWER_YES || (answer == ANSWER_UNKNOWN && best == ANSWER_NO))
			best = answer;
	}
	return best;
}

/* true if the loader has another helper for it, which is then noted */
static bool is_substituted(struct checker *c, size_t insn, uint32_t id, const char *what)
{
	struct buf ignored = BUF_INIT;
	enum answer answer = ANSWER_NO;
	unsigned since;
	size_t i;

	for (i = 0; substitutes[i].helper && answer != ANSWER_YES; i++) {
		if ((uint32_t)substitutes[i].helper != id)
			continue;
		answer = ask_helper(c, substitutes[i].older, &since, &ignored);
		if (answer == ANSWER_YES)
			add(c, FINDING_NOTE, insn, NULL, "%s becomes %s#%u where it is not there%s",
				what, helper_name(substitutes[i].older), substitutes[i].older,
				substitutes[i].differs);
	}
	buf_release(&ignored);
	return answer == ANSWER_YES;
}

static void check_helper(struct checker *c, size_t insn, uint32_t id)
{
	const char *name = helper_name(id);
	char *what = mem_format("helper %s#%u", name ? name : "", id);
	struct buf lacking = BUF_INIT;
	unsigned since;
	enum answer answer = ask_helper(c, id, &since, &lacking);
	char *full;

	if (answer == ANSWER_YES && lacking.len)
		add(c, FINDING_NOTE, insn, NULL, "%s is not there for these programs: %s", what,
			lacking.data);
	if (answer != ANSWER_YES && !is_substituted(c, insn, id, what)) {
		full = since || c->n_types > 1 ? mem_string(what) :
			mem_format("%s for %s programs", what, program_type_name(c->types[0]));
		judge(c, answer, since, insn, helper_advice(id), full);
		free(full);
	}
	buf_release(&lacking);
	free(what);
}

/* ---- instructions ---- */

static void check_call(struct checker *c, size_t i, const struct bpf_insn *insn)
{
	if (insn->src_reg == FLOW_CALL_LOCAL)
		want(c, i, PROFILE_CALLS);
	else if (insn->src_reg == FLOW_CALL_KFUNC)
		want(c, i, PROFILE_KFUNCS);
	else if (c->n_types)
		check_helper(c, i, insn->imm);
}

static void check_jump(struct checker *c, size_t i, const struct bpf_insn *insn)
{
	unsigned op = BPF_OP(insn->code);

	if (op == BPF_CALL && BPF_CLASS(insn->code) == BPF_JMP)
		check_call(c, i, insn);
	else if (BPF_CLASS(insn->code) == BPF_JMP32)
		want(c, i, op == BPF_JA ? PROFILE_ISA_V4 : PROFILE_JMP32);
	else if (op == BPF_JLT || op == BPF_JLE || op == BPF_JSLT || op == BPF_JSLE)
		want(c, i, PROFILE_ISA_V2);
}

/* sign-extending moves, signed division and the unconditional swap */
static bool is_v4_arithmetic(const struct bpf_insn *insn)
{
	unsigned op = BPF_OP(insn->code);

	if (op == BPF_END)
		return BPF_CLASS(insn->code) == BPF_ALU64;
	return insn->off && (op == BPF_MOV || op == BPF_DIV || op == BPF_MOD);
}

static void check_address(struct checker *c, size_t i, const struct bpf_insn *insn)
{
	static const int features[] = {
		[BPF_PSEUDO_MAP_VALUE] = PROFILE_GLOBAL_DATA,
		[3] = PROFILE_TYPED_SYMBOLS,
		[4] = PROFILE_CALLBACKS,
		[5] = PROFILE_MAP_INDEX,
		[6] = PROFILE_MAP_INDEX,
	};

	if (insn->src_reg > BPF_PSEUDO_MAP_FD && insn->src_reg < ARRAY_SIZE(features))
		want(c, i, features[insn->src_reg]);
}

static void check_insn(struct checker *c, size_t i, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_JMP:
	case BPF_JMP32:
		check_jump(c, i, insn);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		if (is_v4_arithmetic(insn))
			want(c, i, PROFILE_ISA_V4);
		break;
	case BPF_LD:
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
			check_address(c, i, insn);
		break;
	case BPF_LDX:
		if (BPF_MODE(insn->code) == MODE_MEMSX)
			want(c, i, PROFILE_ISA_V4);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == MODE_ATOMIC && insn->imm != BPF_ADD)
			want(c, i, PROFILE_ATOMICS);
		break;
	}
}

/* ---- stack ---- */

/* r10 plus a constant, per register; 0: something else. Within one stretch without jumps */
static void follow_frame(int64_t *frame, const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code);

	if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X))
		frame[insn->dst_reg] = insn->src_reg == BPF_REG_10 ? 1 : frame[insn->src_reg];
	else if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && frame[insn->dst_reg])
		frame[insn->dst_reg] += insn->imm;
	else if (class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX || class == BPF_LD)
		frame[insn->dst_reg] = 0;
	else if (insn->code == (BPF_JMP | BPF_CALL))
		memset(frame, 0, BPF_REG_6 * sizeof(*frame));
}

/* how far below r10 the instruction reaches */
static int64_t stack_depth(const int64_t *frame, const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code);
	unsigned base = class == BPF_LDX ? insn->src_reg : insn->dst_reg;

	if ((class == BPF_LDX || class == BPF_STX || class == BPF_ST) && base == BPF_REG_10)
		return -insn->off;
	return frame[insn->dst_reg] ? 1 - frame[insn->dst_reg] : 0;
}

/* true for instructions that others jump to; caller frees */
static bool *jump_targets(const struct object_program *prog)
{
	bool *targets = mem_array(prog->n_insns, sizeof(*targets));
	size_t i, slots;

	for (i = 0; i < prog->n_insns; i += slots) {
		int64_t next[2];
		unsigned n = insn_successors(prog, i, next);

		slots = insn_slots(&prog->insns[i], prog->n_insns - i);
		while (n-- > 0) {
			if (next[n] != (int64_t)(i + slots) && next[n] >= 0 &&
				next[n] < (int64_t)prog->n_insns)
				targets[next[n]] = true;
		}
	}
	return targets;
}

static void check_stack(struct checker *c)
{
	const struct object_program *prog = c->prog;
	bool *targets = jump_targets(prog);
	int64_t frame[16] = { 0 }, depth, most = 0;	/* 1 + offset, so that 0 is free */
	size_t i, where = 0;

	for (i = 0; i < prog->n_insns; i += insn_slots(&prog->insns[i], prog->n_insns - i)) {
		if (targets[i])
			memset(frame, 0, sizeof(frame));
		follow_frame(frame, &prog->insns[i]);
		depth = stack_depth(frame, &prog->insns[i]);
		if (depth > most) {
			most = depth;
			where = i;
		}
	}
	free(targets);
	if (most > STACK_SIZE)
		add(c, FINDING_NO, where, "put large structs into a per-CPU array",
			"%lld bytes of stack, of %d", (long long)most, STACK_SIZE);
}

/* ---- loops ---- */

enum colour { WHITE, GREY, BLACK };	/* not seen, on the path, done */

static void judge_loop(struct checker *c, size_t from, int64_t to)
{
	unsigned since;
	enum answer answer = profile_has(c->profile, PROFILE_LOOPS, &since);
	char *what = mem_format("%s (a jump from instruction %zu back to %lld)",
		profile_feature_name(PROFILE_LOOPS), from, (long long)to);

	judge(c, answer, since, from, "unroll it: #pragma unroll, with a constant bound", what);
	free(what);
}

/* an edge to an instruction that is on the path from the start closes a loop */
static void walk(struct checker *c, size_t start, uint8_t *colour, uint8_t *taken, size_t *path)
{
	const struct object_program *prog = c->prog;
	size_t depth = 0;

	path[depth++] = start;
	colour[start] = GREY;
	while (depth > 0) {
		size_t at = path[depth - 1];
		int64_t next[2];

		if (taken[at] >= insn_successors(prog, at, next)) {
			colour[at] = BLACK;
			depth--;
			continue;
		}
		next[0] = next[taken[at]++];
		if (next[0] < 0 || (size_t)next[0] >= prog->n_insns)
			continue;
		if (colour[next[0]] == GREY) {
			judge_loop(c, at, next[0]);
		} else if (colour[next[0]] == WHITE) {
			colour[next[0]] = GREY;
			path[depth++] = next[0];
		}
	}
}

static void check_loops(struct checker *c)
{
	size_t n = c->prog->n_insns, i;
	uint8_t *colour = mem_array(n, 1), *taken = mem_array(n, 1);
	size_t *path = mem_array(n, sizeof(*path));

	/* callbacks and what else the first instruction does not lead to, too */
	for (i = 0; i < n; i += insn_slots(&c->prog->insns[i], n - i)) {
		if (colour[i] == WHITE)
			walk(c, i, colour, taken, path);
	}
	free(path);
	free(taken);
	free(colour);
}

/* ---- programs ---- */

static bool is_raw(const struct provider *provider)
{
	return provider->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT;
}

/* a raw tracepoint where there are none: what the loader does of it. Its new type */
static uint32_t check_raw(struct checker *c, unsigned since)
{
	char version[32];
	size_t insn;

	snprintf(version, sizeof(version), " (since %u.%u)", since >> 8, since & 255);
	if (flow_reads_context(c->prog, &insn)) {
		add(c, FINDING_NO, insn, RAW_ADVICE, "the raw tracepoint is not there%s, and its "
			"arguments are read here", version);
		return 0;
	}
	add(c, FINDING_NOTE, 0, NULL, "the raw tracepoint becomes a tracepoint where it is not "
		"there%s", version);
	return BPF_PROG_TYPE_TRACEPOINT;
}

/* the types to check a program of this provider for */
static void check_provider(struct checker *c, const struct provider *provider, const char *name,
	uint32_t *type)
{
	char *what = mem_format("the program type of %s", name);
	unsigned since;
	enum answer answer;

	*type = provider->prog_type;
	answer = profile_program(c->profile, *type, &since);
	if (answer == ANSWER_NO && is_raw(provider)) {
		*type = check_raw(c, since);
		answer = *type ? profile_program(c->profile, *type, &since) : ANSWER_NO;
		if (*type)
			judge(c, answer, since, 0, NULL, what);
	} else {
		judge(c, answer, since, 0, NULL, what);
	}
	c->types = type;
	c->n_types = answer == ANSWER_NO ? 0 : 1;
	free(what);
}

/* sets the types to check for; says what is wrong with the program as a whole */
static void check_type(struct checker *c, uint32_t *type)
{
	const char *probe = c->prog->probe;
	char *name = probe ? mem_string_n(probe, strcspn(probe, ":")) : NULL;
	const struct provider *provider = name ? provider_find(name) : NULL;

	c->types = hand_types;
	c->n_types = ARRAY_SIZE(hand_types);
	if (!probe)
		add(c, FINDING_NOTE, 0, NULL,
			"attached by hand: checked as program of every tracing type");
	else if (!provider)
		add(c, FINDING_UNKNOWN, 0, NULL, "could not tell what probe '%s' needs", probe);
	else
		check_provider(c, provider, name, type);
	free(name);
}

static void check_size(struct checker *c)
{
	unsigned since;
	enum answer answer = profile_has(c->profile, PROFILE_LARGE, &since);
	char *what;

	if (c->prog->n_insns <= PROFILE_SMALL)
		return;
	what = mem_format("%s (%zu instructions, the limit was %d)",
		profile_feature_name(PROFILE_LARGE), c->prog->n_insns, PROFILE_SMALL);
	judge(c, answer, since, 0, "unroll fewer loops, or split it with tail calls", what);
	free(what);
}

static void check_program(struct checker *c)
{
	const struct object_program *prog = c->prog;
	uint32_t type;
	size_t i;

	check_type(c, &type);
	check_size(c);
	for (i = 0; i < prog->n_insns; i += insn_slots(&prog->insns[i], prog->n_insns - i))
		check_insn(c, i, &prog->insns[i]);
	check_loops(c);
	check_stack(c);
}

void check_object(const struct object *obj, const struct profile *p, struct check *ret)
{
	struct checker c = { .obj = obj, .profile = p, .out = ret };
	size_t i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < obj->n_maps; i++)
		check_map(&c, &obj->maps[i]);
	for (i = 0; i < obj->n_programs; i++) {
		c.prog = &obj->programs[i];
		check_program(&c);
	}
}

void check_release(struct check *c)
{
	size_t i;

	for (i = 0; i < c->n_findings; i++)
		free(c->findings[i].what);
	free(c->findings);
	memset(c, 0, sizeof(*c));
}

void check_format(const struct object *obj, const struct profile *p, const struct finding *f,
	struct buf *out)
{
	buf_adds(out, obj->source_name ? obj->source_name : "?");
	if (f->line)
		buf_addf(out, ":%u", f->line);
	buf_addf(out, ": %s: %s%s", profile_name(p), f->kind == FINDING_NOTE ? "note: " : "",
		f->what);
	if (f->program)
		buf_addf(out, ", program '%s' instruction %zu", f->program, f->insn);
	buf_addc(out, '\n');
	if (f->hint)
		buf_addf(out, "  %s\n", f->hint);
}
