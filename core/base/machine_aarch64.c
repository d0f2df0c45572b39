/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char floating[] = "a floating-point or vector register";
static const char unknown[] = "in no known form";

/* "x3", "w3", "sp" at *at, which goes behind it */
static const char *take_register(const char **at, struct place_register *ret)
{
	char kind = **at, *end;
	unsigned long number;

	if (strncmp(*at, "sp", 2) == 0) {
		snprintf(ret->member, sizeof(ret->member), "sp");
		ret->bytes = 8;
		*at += 2;
		return NULL;
	}
	if (!kind || !strchr("xwbhsdqv", kind) || (*at)[1] < '0' || (*at)[1] > '9')
		return unknown;
	number = strtoul(*at + 1, &end, 10);
	*at = end;
	if (kind != 'x' && kind != 'w')
		return floating;
	if (number > 30)
		return unknown;
	snprintf(ret->member, sizeof(ret->member), "regs[%u]", (unsigned)number & 31);
	ret->bytes = kind == 'x' ? 8 : 4;
	return NULL;
}

static void skip_space(const char **at)
{
	*at += strspn(*at, " \t");
}

/* "12" or "#12", as a whole up to an end */
static bool take_number(const char **at, int64_t *ret)
{
	const char *start = *at + (**at == '#');
	char *end;

	*ret = *start == '-' ? strtoll(start, &end, 0) : (int64_t)strtoull(start, &end, 0);
	if (end == start)
		return false;
	*at = end;
	return true;
}

/* "x1" or "x1, lsl 3" */
static const char *take_index(const char **at, struct place *ret)
{
	const char *why = take_register(at, &ret->index);
	int64_t shift = 0;

	if (!why && ret->index.bytes != 8)
		why = unknown;
	if (!why && **at == ',') {
		++*at;
		skip_space(at);
		if (strncmp(*at, "lsl", 3) != 0)
			return unknown;
		*at += 3;
		skip_space(at);
		if (!take_number(at, &shift) || shift < 0 || shift > 3)
			return unknown;
	}
	ret->scale = 1u << shift;
	return why;
}

/* "[x1]", "[sp, 12]", "[x0, x1, lsl 3]" as a whole */
static const char *address(const char *at, struct place *ret)
{
	const char *why;

	ret->kind = PLACE_MEMORY;
	at++;
	skip_space(&at);
	why = take_register(&at, &ret->base);
	if (why || ret->base.bytes != 8)
		return why ? why : unknown;
	if (*at == ',') {
		at++;
		skip_space(&at);
		if (!take_number(&at, &ret->number))
			why = take_index(&at, ret);
	}
	return why ? why : strcmp(at, "]") == 0 ? NULL : unknown;
}

static const char *place(const char *operand, struct place *ret)
{
	const char *at = operand, *why;

	memset(ret, 0, sizeof(*ret));
	if (*at == '[')
		return address(at, ret);
	ret->kind = PLACE_CONSTANT;
	if (strcmp(at, "xzr") == 0 || strcmp(at, "wzr") == 0)
		return NULL;
	if (take_number(&at, &ret->number))
		return *at ? unknown : NULL;
	ret->kind = PLACE_REGISTER;
	why = take_register(&at, &ret->base);
	return why ? why : *at ? unknown : NULL;
}

/* asm/xen headers are those of arch/arm */
const struct machine machine_aarch64 = {
	.name = "aarch64",
	.arch = "arm64",
	.config = "CONFIG_ARM64",
	.borrowed = "arm",
	.elf = EM_AARCH64,
	.place = place,
};
