/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier's log: which line decided, and what place of the script it means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "load/internal.h"
#include "load/substitutes.h"

enum { TAIL = 8 };	/* log lines that are shown when not verbose */

struct lines {
	char *text;	/* cut up at the newlines */
	char **at;
	size_t n;
};

/* statistics that stand behind the reason */
static bool is_noise(const char *line)
{
	static const char *const noise[] = {
		"processed ", "verification time ", "stack depth ", "max_states_per_insn ",
		"mark_precise: ",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(noise); i++) {
		if (str_starts(line, noise[i]))
			return true;
	}
	return line[strspn(line, " \t\r")] == '\0';
}

static void split(struct lines *lines, const char *log)
{
	char *rest, *line;

	memset(lines, 0, sizeof(*lines));
	lines->text = rest = mem_string(log);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!is_noise(line))
			*MEM_GROW(lines->at, lines->n) = line;
	}
}

/* "17: (79) r1 = ..." -> 17 */
static bool insn_of_line(const char *line, uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(line, &end, 10);

	if (line[0] < '0' || line[0] > '9' || !str_starts(end, ": ("))
		return false;
	*ret = n;
	return true;
}

/*
 * The instruction that was refused: the last that was verified, or, before
 * any was, the one that the reason names ("back-edge from insn 20 to 10").
 */
static bool find_insn(const struct lines *lines, uint32_t *ret)
{
	const char *named;
	size_t i;

	for (i = lines->n; i-- > 0;) {
		if (insn_of_line(lines->at[i], ret))
			return true;
	}
	named = lines->n ? strstr(lines->at[lines->n - 1], "insn ") : NULL;
	return named && sscanf(named, "insn %u", ret) == 1;
}

static void add_place(struct buf *text, const struct object *obj,
	const struct object_program *prog, uint32_t insn)
{
	const struct object_line *line = object_program_line(prog, insn);

	if (!line) {
		buf_addf(text, "\n  at instruction %u", insn);
		return;
	}
	buf_addf(text, "\n  at %s:%u", obj->source_name ? obj->source_name : "?", line->line);
	if (line->column)
		buf_addf(text, ":%u", line->column);
}

static void add_tail(struct buf *text, const struct lines *lines)
{
	size_t i = lines->n > TAIL ? lines->n - TAIL : 0;

	for (; i < lines->n; i++)
		buf_addf(text, "\n    %s", lines->at[i]);
}

static void add_whole(struct buf *text, const char *log)
{
	size_t n = strlen(log);

	while (n > 0 && log[n - 1] == '\n')
		n--;
	buf_addc(text, '\n');
	buf_add(text, log, n);
}

/* the refused instruction calls a helper that is not there, and there is advice */
static const char *find_advice(const struct object_program *prog, uint32_t insn, const char *why)
{
	const struct bpf_insn *call = insn < prog->n_insns ? &prog->insns[insn] : NULL;

	if (!call || call->code != (BPF_JMP | BPF_CALL) || call->src_reg)
		return NULL;
	if (!strstr(why, "unknown func") && !strstr(why, "invalid func"))
		return NULL;
	return helper_advice(call->imm);
}

int verifier_explain(const struct object *obj, const struct object_program *prog,
	const char *log, int sys, bool verbose, struct error *err)
{
	struct buf text = BUF_INIT;
	const char *advice = NULL;
	struct lines lines;
	uint32_t insn;

	split(&lines, log);
	buf_addf(&text, "program '%s' refused by the kernel's verifier: %s", prog->name,
		lines.n ? lines.at[lines.n - 1] : strerror(sys));
	if (find_insn(&lines, &insn)) {
		add_place(&text, obj, prog, insn);
		advice = find_advice(prog, insn, lines.at[lines.n - 1]);
	}
	if (verbose)
		add_whole(&text, log);
	else
		add_tail(&text, &lines);
	error_set(err, "E-VERIFIER", "%s", text.data);
	err->sys = sys;
	if (advice)
		error_hint(err, "%s", advice);
	else if (strstr(log, "too large") || strstr(log, "too complex"))
		error_hint(err, "unroll fewer loops, or split it with tail calls");
	buf_release(&text);
	free(lines.text);
	free(lines.at);
	return -1;
}
