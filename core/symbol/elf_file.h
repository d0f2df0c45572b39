/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file as far as symbols need it: program headers, symbol sections,
 * build id, its separate debug file.  Files are not trusted.
 *
 * Three kinds of numbers: file offsets, the file's own addresses ("vaddr",
 * what symbols have), and a process's addresses.  The program headers lead
 * from one to the next, so position-independent, fixed and prelinked files
 * need no telling apart.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct elf_file;

struct elf_segment {
	uint64_t offset, vaddr, file_size, mem_size;
	bool exec;
};

struct elf_segments {
	struct elf_segment *list;	/* the PT_LOADs */
	size_t n;
};
bool segments_vaddr(const struct elf_segments *s, uint64_t offset, uint64_t *ret_vaddr);
bool segments_offset(const struct elf_segments *s, uint64_t vaddr, uint64_t *ret_offset);
const struct elf_segment *segments_find(const struct elf_segments *s, uint64_t vaddr);

/* takes fd, also on failure; NULL: no ELF file, or a damaged one */
struct elf_file *elf_file_open(int fd);
/* copies the image */
struct elf_file *elf_file_of_memory(const void *image, size_t size);
void elf_file_close(struct elf_file *f);

const struct elf_segments *elf_file_segments(const struct elf_file *f);
bool elf_file_has_symtab(const struct elf_file *f);

enum { BUILD_ID_MAX = 64 };
struct build_id {
	unsigned char bytes[BUILD_ID_MAX];
	size_t len;
};
bool elf_file_build_id(const struct elf_file *f, struct build_id *ret);

/*
 * The separate debug file of f, which path names: by build id below
 * /usr/lib/debug, else by .gnu_debuglink.  If path lies in another
 * process's root ("/proc/PID/root/..."), that root is searched first.
 * NULL: none is there, or none that belongs to f.
 */
struct elf_file *elf_file_open_debug(const struct elf_file *f, const char *path);
/* its path, caller owns; what is there but not f's is added to refused: "\n  PATH: why" each */
char *elf_file_debug_path(const struct elf_file *f, const char *path, struct buf *refused);

/* a defined symbol in code */
struct elf_symbol {
	const char *name;	/* not terminated at name_len: "@VERSION" may follow */
	size_t name_len;
	uint64_t vaddr, size;
	unsigned char type, bind;
	bool old_version;	/* linkers take another one of this name */
};
/*
 * Each function of .symtab and .dynsym (a function in both comes twice);
 * without a .symtab those of the debug file too, which may be NULL.
 * Stops at false.
 */
typedef bool (*elf_symbol_fn)(void *arg, const struct elf_symbol *sym);
void elf_file_each(const struct elf_file *f, const struct elf_file *debug, elf_symbol_fn fn,
	void *arg);

#endif
