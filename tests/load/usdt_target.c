/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes whose arguments are known, in registers, constants and memory of all
 * sizes, each hit ten times a second: `usdt_target [SECONDS]`, less if it gets
 * SIGTERM. Its first line is its pid; the last says how often the semaphore was up.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "usdt.h"

#ifndef __x86_64__
int main(void)
{
	puts("only on x86_64");
	return 77;
}
#else

USDT_SEMAPHORE(gated_semaphore);

void usdt_library(int64_t n);

static int8_t bytes[64];
static int64_t words[16];
static double number = 1.5;

/* the same values at three places, each with its arguments elsewhere */
static void places(int64_t minus, uint64_t large)
{
	USDT_NOTE("mt", "places", "0", "-4@%k0 8@%1 2@$7", "r"(minus), "r"(large));
	USDT_NOTE("mt", "places", "0", "-4@%0 8@%1 2@$7", "m"(minus), "m"(large));
	USDT_NOTE("mt", "places", "0", "-4@$-5 8@(%0,%1,8) 2@%w2", "r"(words), "r"(3L),
		"r"((uint16_t)7));
}

/* one byte to eight, with and without a sign, of which the rest of the register is dirt */
static void sizes(void)
{
	int64_t dirty = 0x1122334455667788, minus = -2;
	register int64_t in_r12 __asm__("r12") = dirty;

	USDT_NOTE("mt", "signed", "0", "-1@%%al -2@%%cx -4@%%edx -8@%%rdi",
		"a"(0x1122334455667780), "c"(0x112233445566fff0), "d"(0x1122334480000000),
		"D"(minus));
	USDT_NOTE("mt", "unsigned", "0", "1@%%al 1@%%ah 2@%%si 4@%%r12d 8@%%r12",
		"a"(dirty), "S"(dirty), "r"(in_r12));
	USDT_NOTE("mt", "memory", "0", "-1@1(%%rax) 1@1(%%rax) -2@2(%%rax) 4@4(%%rax)", "a"(bytes));
	USDT_NOTE("mt", "constants", "0", "-4@$-1 4@$-1 8@$-1 1@$300 -1@$200", "i"(0));
}

static void kinds(void)
{
	USDT_NOTE("mt", "float", "0", "8f@%0 -4@$11", "x"(number));
	USDT_NOTE("mt", "relative", "0", "4@bytes(%%rip) -4@$12", "i"(0));
	USDT_NOTE("mt", "none", "0", "", "i"(0));
	USDT_NOTE("mt", "string", "0", "8@%0", "r"("hello"));
}

static int gated(void)
{
	if (!gated_semaphore)
		return 0;
	USDT_NOTE("mt", "gated", "gated_semaphore", "4@$42", "i"(0));
	return 1;
}

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	ended = signal_number;
}

int main(int argc, char *argv[])
{
	int rounds = (argc > 1 ? atoi(argv[1]) : 60) * 10, up = 0, round;

	signal(SIGTERM, end);
	printf("%d\n", (int)getpid());
	fflush(stdout);
	bytes[1] = -3;
	bytes[2] = 0x34;
	bytes[3] = (int8_t)0x92;
	*(uint32_t *)&bytes[4] = 0xdeadbeef;
	words[3] = INT64_C(-0x7edcba9876543211);
	for (round = 0; round < rounds && !ended; round++) {
		places(-5, 0x8123456789abcdef);
		sizes();
		kinds();
		up += gated();
		usdt_library(round);
		usleep(100000);
	}
	printf("gated %d of %d, counter %d\n", up, rounds, gated_semaphore);
	return 0;
}
#endif
