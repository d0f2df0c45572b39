/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The architectures that programs are compiled for: what differs between them
 * outside the header trees. One file each, machine_NAME.c.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

struct place_register {
	char member[12];		/* of the kernel's struct pt_regs: "di", "regs[3]" */
	unsigned bytes;			/* of its value; 0: no register */
	unsigned shift;			/* bits of the member below it: 8 for "ah" */
};

enum place_kind { PLACE_CONSTANT, PLACE_REGISTER, PLACE_MEMORY };

/* where a value is when a probe is hit */
struct place {
	enum place_kind kind;
	/* the register; of an address its two, of which either may be missing */
	struct place_register base, index;
	unsigned scale;			/* of the index: 1, 2, 4, 8 */
	int64_t number;			/* the constant, or what is added to the address */
};

struct machine {
	const char *name;		/* as uname -m says it */
	const char *arch;		/* arch/NAME of the kernel's source, ARCH of its make */
	const char *config;		/* what its kernels define in autoconf.h */
	const char *borrowed;		/* another arch/NAME whose headers it uses, or NULL */
	unsigned elf;			/* e_machine of its programs */
	/*
	 * An operand as its assembler writes it, "-8(%rbp)" or "[sp, 12]", a whole
	 * string. NULL, or why it cannot be read: static, for "... is WHY".
	 */
	const char *(*place)(const char *operand, struct place *ret);
};

extern const struct machine machine_x86_64, machine_aarch64;
extern const struct machine *const machines[];	/* ends with NULL */

/* NULL if it is none of ours */
const struct machine *machine_find(const char *name);
const struct machine *machine_of_elf(unsigned elf);

#endif
