/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USDT probes of a program or library: the notes in its section
 * .note.stapsdt.  Files are not trusted; core/symbol/binary_path.c finds them.
 */
#ifndef USDT_H
#define USDT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/machine.h"

/* one place of a probe, which may have many; its strings are lent during the call */
struct usdt_note {
	const char *provider, *name;
	const char *args;		/* "-4@%edi 8@-8(%rbp)"; "" if it has none */
	uint64_t offset;		/* of its instruction in the file */
	uint64_t semaphore;		/* offset of its counter in the file; 0: it has none */
	const struct machine *machine;	/* that the file is for; NULL: none of ours */
};

/*
 * Each place, in the order of the file; stops at false.  None at all is no
 * error.  E-FILE: it cannot be read, or is no ELF file; E-PROBE: it is a
 * 32-bit one.
 */
int usdt_notes(const char *path, bool (*fn)(void *arg, const struct usdt_note *note), void *arg,
	struct error *err);
/* the same of an image in memory, which err calls by that name */
int usdt_notes_of_memory(const void *image, size_t size, const char *name,
	bool (*fn)(void *arg, const struct usdt_note *note), void *arg, struct error *err);

#endif
