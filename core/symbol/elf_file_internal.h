/* SPDX-License-Identifier: Apache-2.0 */
/* Between elf_file.c and elf_debug.c. */
#ifndef ELF_FILE_INTERNAL_H
#define ELF_FILE_INTERNAL_H

#include <gelf.h>
#include <libelf.h>

#include "elf_file.h"

struct elf_file {
	Elf *elf;
	int fd;			/* -1: from memory */
	void *image;
	struct elf_segments segments;
};

/* whether there is such a section; it is not read */
bool elf_section_is_there(const struct elf_file *f, unsigned type, const char *name);
/* the first section of this type (and name, unless NULL); out parameters may be NULL */
Elf_Data *elf_section_data(const struct elf_file *f, unsigned type, const char *name,
	Elf_Scn **ret_section, GElf_Shdr *ret_header);

#endif
