/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a program, a library, a kernel module or a kernel image to
 * lines of its source, from its DWARF or that of its separate debug file.
 *
 * Addresses are the file's own (what its symbols have).  A module, which has
 * none before it is loaded, gets some: only those that debug_lines_find
 * tells mean something.  Files are not trusted, but while one is open it is
 * mapped: it must not shrink.
 */
#ifndef DEBUGLINES_H
#define DEBUGLINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "symbol/elf_file.h"

struct debug_lines;

/*
 * Takes fd, of the file that path names.  E-DEBUGINFO: there is no library
 * that reads it, or there is none for the file, or only such as belongs to
 * another build (each is named); E-FILE: it is no ELF file, or a damaged one.
 */
struct debug_lines *debug_lines_open(int fd, const char *path, struct error *err);
void debug_lines_close(struct debug_lines *d);		/* NULL is fine */

bool debug_lines_build_id(const struct debug_lines *d, struct build_id *ret);
/* of a kernel image: "Linux version ...", lent; NULL: it is none, or only its debug file */
const char *debug_lines_banner(const struct debug_lines *d);
/* the separate file that the lines are from, lent; NULL: the file itself */
const char *debug_lines_separate(const struct debug_lines *d);

/* one function of the source that an address is in; strings are lent during the call */
struct debug_place {
	const char *function;	/* NULL: not known */
	const char *file;	/* NULL: not known */
	const char *dir;	/* that the compiler ran in, or NULL */
	int line, column;	/* 0: not known */
	bool inlined;		/* into the next one */
};
/*
 * The innermost function first, those it is inlined into behind it.  Returns
 * how many: 0 if nothing is known of the address.
 */
typedef void (*debug_place_fn)(void *arg, const struct debug_place *place);
unsigned debug_lines_at(struct debug_lines *d, uint64_t vaddr, debug_place_fn fn, void *arg);

/* a function of the symbol table */
struct debug_symbol {
	const char *name;
	uint64_t vaddr;
	uint64_t size;		/* as the linker says it; 0: it does not */
	uint64_t span;		/* to the next symbol, as kallsyms counts; 0: it is the last one */
};
/* each function of this name, mangled or not, by address */
typedef void (*debug_symbol_fn)(void *arg, const struct debug_symbol *sym);
void debug_lines_find(struct debug_lines *d, const char *name, debug_symbol_fn fn, void *arg);
/* the function that has this address; false: there is none */
bool debug_lines_symbol(struct debug_lines *d, uint64_t vaddr, struct debug_symbol *ret);
/* address of a symbol in code, of any type; 0: there is none */
uint64_t debug_lines_address(struct debug_lines *d, const char *name);

#endif
