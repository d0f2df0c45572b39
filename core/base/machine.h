/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The architectures that programs are compiled for: what differs between them
 * outside the header trees. One file each, machine_NAME.c.
 */
#ifndef MACHINE_H
#define MACHINE_H

struct machine {
	const char *name;		/* as uname -m says it */
	const char *arch;		/* arch/NAME of the kernel's source, ARCH of its make */
	const char *config;		/* what its kernels define in autoconf.h */
	const char *borrowed;		/* another arch/NAME whose headers it uses, or NULL */
};

extern const struct machine machine_x86_64, machine_aarch64;
extern const struct machine *const machines[];	/* ends with NULL */

/* NULL if it is none of ours */
const struct machine *machine_find(const char *name);

#endif
