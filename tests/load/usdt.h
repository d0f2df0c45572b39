/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USDT probes without systemtap's <sys/sdt.h>: the note that it leaves is
 * written here by hand, so that tests say where each argument is.
 */
#ifndef USDT_TEST_H
#define USDT_TEST_H

#define USDT_STRING(x) USDT_STRING1(x)
#define USDT_STRING1(x) #x

/* semaphore: an address, "0" for none; args: "-4@%[a] 8@%[b]" */
#define USDT_NOTE(provider, name, semaphore, args, ...) \
	__asm__ volatile( \
		"990:	nop\n" \
		"	.pushsection .note.stapsdt, \"\", \"note\"\n" \
		"	.balign 4\n" \
		"	.4byte 992f - 991f, 994f - 993f, 3\n" \
		"991:	.asciz \"stapsdt\"\n" \
		"992:	.balign 4\n" \
		"993:	.8byte 990b\n" \
		"	.8byte _.stapsdt.base\n" \
		"	.8byte " semaphore "\n" \
		"	.asciz \"" provider "\"\n" \
		"	.asciz \"" name "\"\n" \
		"	.asciz \"" args "\"\n" \
		"994:	.balign 4\n" \
		"	.popsection\n" \
		"	.ifndef _.stapsdt.base\n" \
		"	.pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
		"	.weak _.stapsdt.base\n" \
		"	.hidden _.stapsdt.base\n" \
		"_.stapsdt.base:	.space 1\n" \
		"	.size _.stapsdt.base, 1\n" \
		"	.popsection\n" \
		"	.endif\n" \
		: : __VA_ARGS__)

#define USDT_SEMAPHORE(variable) \
	volatile unsigned short variable __attribute__((section(".probes"), used))

#endif
