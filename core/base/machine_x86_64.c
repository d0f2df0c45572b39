/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char floating[] = "a floating-point or vector register";
static const char segment[] = "relative to a segment register";
static const char relative[] = "relative to the program's own address";
static const char unknown[] = "in no known form";

/* the names of one register by the bytes of it that they mean: 8, 4, 2, 1, and 1 at bit 8 */
static const struct {
	const char *names[5];
	const char *member;
} registers[] = {
	{ { "rax", "eax", "ax", "al", "ah" }, "ax" },
	{ { "rbx", "ebx", "bx", "bl", "bh" }, "bx" },
	{ { "rcx", "ecx", "cx", "cl", "ch" }, "cx" },
	{ { "rdx", "edx", "dx", "dl", "dh" }, "dx" },
	{ { "rsi", "esi", "si", "sil", "" }, "si" },
	{ { "rdi", "edi", "di", "dil", "" }, "di" },
	{ { "rbp", "ebp", "bp", "bpl", "" }, "bp" },
	{ { "rsp", "esp", "sp", "spl", "" }, "sp" },
	{ { "r8", "r8d", "r8w", "r8b", "" }, "r8" },
	{ { "r9", "r9d", "r9w", "r9b", "" }, "r9" },
	{ { "r10", "r10d", "r10w", "r10b", "" }, "r10" },
	{ { "r11", "r11d", "r11w", "r11b", "" }, "r11" },
	{ { "r12", "r12d", "r12w", "r12b", "" }, "r12" },
	{ { "r13", "r13d", "r13w", "r13b", "" }, "r13" },
	{ { "r14", "r14d", "r14w", "r14b", "" }, "r14" },
	{ { "r15", "r15d", "r15w", "r15b", "" }, "r15" },
};

static bool find_register(const char *name, size_t len, struct place_register *ret)
{
	static const unsigned bytes[] = { 8, 4, 2, 1, 1 };
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		for (k = 0; k < ARRAY_SIZE(bytes); k++) {
			if (strlen(registers[i].names[k]) != len || !len ||
			    memcmp(registers[i].names[k], name, len) != 0)
				continue;
			snprintf(ret->member, sizeof(ret->member), "%s", registers[i].member);
			ret->bytes = bytes[k];
			ret->shift = k == 4 ? 8 : 0;
			return true;
		}
	}
	return false;
}

/* "%rax" at *at, which goes behind it */
static const char *take_register(const char **at, struct place_register *ret)
{
	const char *name = *at + 1;
	size_t len;

	if (**at != '%')
		return unknown;
	len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
	*at = name + len;
	if (find_register(name, len, ret))
		return NULL;
	if (len == 3 && memcmp(name, "rip", 3) == 0)
		return relative;
	if (len == 2 && name[1] == 's')
		return segment;
	if (memmem(name, len, "mm", 2) || (len >= 2 && memcmp(name, "st", 2) == 0) ||
	    (len >= 2 && name[0] == 'k'))
		return floating;
	return unknown;
}

/* ",%rbx,8" or ",%rbx" */
static const char *take_index(const char **at, struct place *ret)
{
	const char *why;
	char *end;

	++*at;
	why = take_register(at, &ret->index);
	ret->scale = 1;
	if (why || **at != ',')
		return why;
	ret->scale = strtoul(*at + 1, &end, 10);
	*at = end;
	return ret->scale == 1 || ret->scale == 2 || ret->scale == 4 || ret->scale == 8 ?
		NULL : unknown;
}

/* "(%rax,%rbx,8)" as a whole */
static const char *address(const char *at, struct place *ret)
{
	const char *why = NULL;

	ret->kind = PLACE_MEMORY;
	at++;
	if (*at != ',')
		why = take_register(&at, &ret->base);
	if (!why && *at == ',')
		why = take_index(&at, ret);
	if (why)
		return why;
	return strcmp(at, ")") == 0 && (ret->base.bytes >= 4 || !ret->base.bytes) &&
		(ret->index.bytes >= 4 || !ret->index.bytes) ? NULL : unknown;
}

static const char *place(const char *operand, struct place *ret)
{
	const char *at = operand, *why;
	char *end;

	memset(ret, 0, sizeof(*ret));
	if (*at == '%') {
		ret->kind = PLACE_REGISTER;
		why = take_register(&at, &ret->base);
		return why || !*at ? why : unknown;
	}
	if (*at == '$') {
		ret->kind = PLACE_CONSTANT;
		/* constants of 64 bits come with and without a sign */
		ret->number = at[1] == '-' ? strtoll(at + 1, &end, 0) :
			(int64_t)strtoull(at + 1, &end, 0);
		return end > at + 1 && !*end ? NULL : "the address of a symbol";
	}
	ret->number = strtoll(at, &end, 0);
	if (*end == '(')
		return address(end, ret);
	if (strstr(at, "(%rip)"))
		return relative;
	return *end || end == at ? unknown : "an absolute address";
}

const struct machine machine_x86_64 = {
	.name = "x86_64",
	.arch = "x86",
	.config = "CONFIG_X86_64",
	.elf = EM_X86_64,
	.place = place,
};
