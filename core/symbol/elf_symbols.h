/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of one ELF file by address, for look-ups by the million. */
#ifndef ELF_SYMBOLS_H
#define ELF_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

struct elf_table;

/* never NULL; what is no ELF file gives an empty table. Takes fd; path as elf_file_open_debug */
struct elf_table *elf_table_load(int fd, const char *path);
struct elf_table *elf_table_of_memory(const void *image, size_t size);
void elf_table_free(struct elf_table *t);

/*
 * The function at an offset of the file, or NULL.  The name is lent until
 * elf_table_free, in both spellings.
 */
const char *elf_table_at(struct elf_table *t, uint64_t file_offset, bool demangled,
	uint64_t *ret_offset);

#endif
