/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to names: kallsyms for the kernel; ELF symbol tables (symtab,
 * dynsym, and separate debug files by build id or debuglink), perf maps
 * (/tmp/perf-PID.map of the process's own mount namespace) and the vdso for
 * processes.  All look-ups are cached in the symbolizer and fast enough for
 * 100,000 stacks: sorted arrays, binary search, one table per distinct file.
 *
 * core/symbol may use core/base and libelf.
 */
#ifndef SYMBOL_H
#define SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct symbolizer;

struct symbol {
	const char *name;	/* lent until symbolizer_free; NULL: not known */
	const char *module;	/* "vmlinux"/kernel module, or the file's base name; or NULL */
	uint64_t offset;	/* of the address from the symbol's start */
};

struct symbolizer *symbolizer_new(void);
void symbolizer_free(struct symbolizer *s);

/* false if not known (the fields are then NULL/0, module as far as known) */
bool symbol_kernel(struct symbolizer *s, uint64_t addr, struct symbol *ret);
/*
 * The address as seen by process pid (tgid). A process that is gone is
 * answered from what was cached of it. C++ (Itanium) and Rust names come
 * demangled when the symbolizer's `demangle` is on (default on).
 */
bool symbol_user(struct symbolizer *s, uint32_t pid, uint64_t addr, struct symbol *ret);
void symbolizer_set_demangle(struct symbolizer *s, bool on);
/* forget maps of pid (it called execve, or mapped more since) */
void symbolizer_forget(struct symbolizer *s, uint32_t pid);

/* address of a kernel symbol, exact name; 0 if there is none or kptr_restrict hides it */
uint64_t kernel_address(struct symbolizer *s, const char *name);
/*
 * Function to probe for `name` on this kernel: the name itself, else its
 * compiler clone (name.isra.N, .constprop.N, .part.N, .cold excluded). NULL if
 * there is none; then near names go into `near_hint` if that is not NULL
 * (caller owns the string).
 */
const char *kernel_function(struct symbolizer *s, const char *name, char **near_hint);
/* calls fn for each kernel text symbol whose name matches the glob; stops at false */
void kernel_functions(struct symbolizer *s, const char *glob,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg);

/*
 * File offset of a function in an ELF file, for uprobes: value of the
 * symbol translated through the program headers.  path may be a library
 * name like "c" or "libc.so.6": resolve it with binary_path first.
 * E-PROBE with near names; E-FILE.
 */
int symbol_file_offset(const char *path, const char *name, uint64_t *ret_offset,
	struct error *err);
/* every defined function symbol matching the glob, with its file offset. E-FILE */
int symbol_file_functions(const char *path, const char *glob,
	bool (*fn)(void *arg, const char *name, uint64_t offset), void *arg, struct error *err);
/*
 * The full path of a program or library: an absolute path as it is, "c" or
 * "libc.so.6" through pid's mappings (if pid), ld.so.cache's usual
 * directories, a program name through PATH. Caller owns. E-PROBE
 */
char *binary_path(const char *name, uint32_t pid, struct error *err);

#endif
