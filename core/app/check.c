/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace check: would an object load on another kernel? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/mem.h"
#include "base/str.h"
#include "load/check.h"

struct targets {
	const struct profile **rows;
	size_t n;
};

static int list_profiles(void)
{
	const struct profile *p;
	size_t i;

	for (i = 0; (p = profile_at(i)); i++)
		printf("%-10s %s\n", profile_name(p), profile_kernels(p));
	return STATUS_OK;
}

static void all_targets(struct targets *t)
{
	const struct profile *p;

	while ((p = profile_at(t->n)))
		*MEM_GROW(t->rows, t->n) = p;
}

/* the findings and a last line that counts them; the exit status */
static int check_for(const char *path, const struct object *obj, const struct profile *p)
{
	struct buf text = BUF_INIT;
	struct check check;
	int status;
	size_t i;

	check_object(obj, p, &check);
	for (i = 0; i < check.n_findings; i++)
		check_format(obj, p, &check.findings[i], &text);
	fwrite(text.data, 1, text.len, stdout);
	printf("%s: %s: %zu missing, %zu not known, %zu notes\n", path, profile_name(p),
		check.count[FINDING_NO], check.count[FINDING_UNKNOWN], check.count[FINDING_NOTE]);
	status = check.count[FINDING_NO] || check.count[FINDING_UNKNOWN] ?
		STATUS_SCRIPT : STATUS_OK;
	buf_release(&text);
	check_release(&check);
	return status;
}

static int check_file(const char *path, const struct targets *t)
{
	struct error err = ERROR_INIT;
	struct object *obj = object_read_file(path, &err);
	int status = STATUS_OK, one;
	size_t i;

	if (!obj) {
		fflush(stdout);
		return command_error(&err);
	}
	for (i = 0; i < t->n; i++) {
		one = check_for(path, obj, t->rows[i]);
		status = one > status ? one : status;
	}
	object_free(obj);
	return status;
}

/*
 * "--target P" and "--target=P" up to the first word that is no option.
 * Returns its index, or -1 with the exit status in *ret_status.
 */
static int parse_targets(int argc, char **argv, struct targets *t, int *ret_status)
{
	struct error err = ERROR_INIT;
	const struct profile *p;
	int i;

	*ret_status = STATUS_USAGE;
	for (i = 1; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
		const char *name = str_starts(argv[i], "--target=") ? argv[i] + 9 : NULL;

		if (strcmp(argv[i], "--target") == 0 && i + 1 < argc)
			name = argv[++i];
		if (!name) {
			command_usage(&command_check, "unknown or incomplete '%s'", argv[i]);
			return -1;
		}
		p = profile_find(name, &err);
		if (!p) {
			*ret_status = command_error(&err);
			return -1;
		}
		*MEM_GROW(t->rows, t->n) = p;
	}
	return i < argc && strcmp(argv[i], "--") == 0 ? i + 1 : i;
}

static int run_check(const struct host_options *opts, int argc, char **argv)
{
	struct targets targets = { NULL, 0 };
	int status, one, i;

	(void)opts;
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list_profiles();
	i = parse_targets(argc, argv, &targets, &status);
	if (i >= argc)
		status = command_usage(&command_check, "no object file is given");
	else if (i > 0)
		status = STATUS_OK;
	if (!targets.n)
		all_targets(&targets);
	for (; i > 0 && i < argc; i++) {
		one = check_file(argv[i], &targets);
		status = one > status ? one : status;
	}
	free(targets.rows);
	return status;
}

const struct command command_check = {
	.name = "check",
	.arguments = "[--target PROFILE]... OBJECT... | --list",
	.summary = "what a program object needs and other kernels lack",
	.run = run_check,
};
