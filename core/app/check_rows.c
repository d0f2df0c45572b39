/* SPDX-License-Identifier: Apache-2.0 */
#include "app/check_rows.h"

#include <stdlib.h>
#include <string.h>

#include "app/json.h"
#include "base/mem.h"
#include "base/str.h"

static struct check_row *add(struct check_rows *r, enum dry_kind kind)
{
	struct check_row *row = MEM_GROW(r->rows, r->n);

	row->kind = kind;
	r->count[kind]++;
	return row;
}

void check_rows_add(struct check_rows *r, enum dry_kind kind, const char *file, const char *text,
	const char *hint)
{
	struct check_row *row = add(r, kind);

	row->file = mem_string(file);
	row->text = mem_string(text);
	row->hint = mem_string(hint);
}

void check_rows_object(struct check_rows *r, const struct object *obj, const struct profile *p,
	const char *file)
{
	static const enum dry_kind kinds[] = {
		[FINDING_NO] = DRY_MISSING,
		[FINDING_UNKNOWN] = DRY_UNKNOWN,
		[FINDING_NOTE] = DRY_NOTE,
	};
	struct check check;
	size_t i;

	check_object(obj, p, &check);
	for (i = 0; i < check.n_findings; i++) {
		const struct finding *f = &check.findings[i];
		struct check_row *row = add(r, kinds[f->kind]);

		row->file = mem_string(obj->source_name ? obj->source_name : file);
		row->line = f->line;
		row->program = mem_string(f->program);
		row->insn = f->insn;
		row->text = mem_string(f->what);
		row->hint = mem_string(f->hint);
	}
	check_release(&check);
}

/* bytes of a "FILE:LINE" that ends at `end` of text; 0: it is none */
static size_t split_place(const char *text, size_t end, unsigned *ret_line)
{
	size_t at = end;
	uint64_t line;
	char *number;
	bool good;

	while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	if (at < 2 || at == end || text[at - 1] != ':')
		return 0;
	number = mem_string_n(text + at, end - at);
	good = str_to_u64(number, 1, UINT32_MAX, &line);
	free(number);
	*ret_line = good ? line : 0;
	return good ? at - 1 : 0;
}

/* an error's text may begin with its place, or with the file */
static void add_finding(struct check_rows *r, const struct dry_finding *f, const char *file)
{
	struct check_row *row = add(r, f->kind);
	const char *colon = strstr(f->text, ": "), *text = f->text;
	size_t n = split_place(f->place, strlen(f->place), &row->line);

	if (n) {
		row->file = mem_string_n(f->place, n);
	} else if (colon && !memchr(f->text, '\n', colon - f->text) &&
		(n = split_place(f->text, colon - f->text, &row->line))) {
		row->file = mem_string_n(f->text, n);
		text = colon + 2;
	} else {
		row->file = mem_string(file);
	}
	n = strlen(row->file);
	if (strncmp(text, row->file, n) == 0 && str_starts(text + n, ": "))
		text += n + 2;
	row->tag = mem_string(f->tag);
	row->text = mem_string(text);
	row->hint = mem_string(f->hint);
}

/* the last line that the script wrote to standard error, or "" */
static char *last_words(const char *said)
{
	size_t end = strlen(said), at;

	/* "try 'NAME -h'" is no answer */
	do {
		while (end > 0 && said[end - 1] == '\n')
			end--;
		for (at = end; at > 0 && said[at - 1] != '\n'; at--)
			;
		if (!str_starts(said + at, "try '") || at == 0)
			break;
		end = at;
	} while (end > 0);
	return mem_string_n(said + at, end - at);
}

static void add_exit(struct check_rows *r, const struct dry_report *report, const char *file)
{
	char *said = last_words(report->said);
	char *text = mem_format("the script exits with status %d%s%s%s", report->status,
		report->n_programs ? "" : " and has loaded nothing", *said ? ": " : "", said);

	check_rows_add(r, DRY_ERROR, file, text, report->status == STATUS_USAGE ?
		"arguments for it go behind --: moontrace check SCRIPT -- ARGUMENT..." : NULL);
	free(text);
	free(said);
}

void check_rows_report(struct check_rows *r, const struct dry_report *report,
	const struct profile *p, const char *file)
{
	size_t i;

	for (i = 0; i < report->n_findings; i++)
		add_finding(r, &report->findings[i], file);
	for (i = 0; i < report->n_programs; i++) {
		if (report->programs[i].object)
			check_rows_object(r, report->programs[i].object, p, file);
	}
	if (report->exited && (report->status || !(report->n_programs || report->traced)))
		add_exit(r, report, file);
	else if (!report->n_programs && !report->traced && !report->count[DRY_ERROR])
		check_rows_add(r, DRY_ERROR, file, "it never calls bpf.load: there is nothing to "
			"check", NULL);
	else if (!report->ran && !report->count[DRY_ERROR])
		check_rows_add(r, DRY_NOTE, file, "it ended without bpf.run()", NULL);
}

void check_rows_release(struct check_rows *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		free(r->rows[i].tag);
		free(r->rows[i].file);
		free(r->rows[i].program);
		free(r->rows[i].text);
		free(r->rows[i].hint);
	}
	free(r->rows);
	memset(r, 0, sizeof(*r));
}

void check_row_format(const struct check_row *row, const char *target, struct buf *out)
{
	buf_adds(out, row->file);
	if (row->line)
		buf_addf(out, ":%u", row->line);
	buf_addf(out, ": %s: ", target);
	if (row->tag)
		buf_addf(out, "error[%s]: ", row->tag);
	else if (row->kind == DRY_ERROR || row->kind == DRY_NOTE)
		buf_adds(out, row->kind == DRY_NOTE ? "note: " : "error: ");
	buf_adds(out, row->text);
	if (row->program)
		buf_addf(out, ", program '%s' instruction %zu", row->program, row->insn);
	buf_addc(out, '\n');
	if (row->hint)
		buf_addf(out, "  %s\n", row->hint);
}

void check_row_json(const struct check_row *row, struct buf *out)
{
	static const char *const kinds[] = {
		[DRY_ERROR] = "error",
		[DRY_MISSING] = "missing",
		[DRY_UNKNOWN] = "unknown",
		[DRY_NOTE] = "note",
	};

	json_open(out, NULL, '{');
	json_string(out, "kind", kinds[row->kind]);
	json_string(out, "file", row->file);
	if (row->line)
		json_number(out, "line", row->line);
	if (row->tag)
		json_string(out, "tag", row->tag);
	json_string(out, "text", row->text);
	if (row->hint)
		json_string(out, "hint", row->hint);
	if (row->program) {
		json_string(out, "program", row->program);
		json_number(out, "instruction", row->insn);
	}
	json_close(out, '}');
}
