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

#include "base/buf.h"
#include "base/error.h"

struct symbolizer;

struct symbol {
	const char *name;	/* lent until symbolizer_free; NULL: not known */
	const char *module;	/* "vmlinux" or kernel module ("ip_vs", without brackets);
				 * the file's base name, "[vdso]", "perf-PID.map"; or NULL */
	uint64_t offset;	/* of the address from the symbol's start */
};

struct symbolizer *symbolizer_new(void);
/* the kernel's symbols from another file in the form of /proc/kallsyms */
struct symbolizer *symbolizer_new_from(const char *kallsyms);
void symbolizer_free(struct symbolizer *s);

/* false if not known (the fields are then NULL/0, module as far as known) */
bool symbol_kernel(struct symbolizer *s, uint64_t addr, struct symbol *ret);
/* why kernel addresses are not known here, lent; NULL: nothing is wrong */
const char *symbolizer_kernel_problem(struct symbolizer *s);
/*
 * The address as seen by process pid (tgid). A process that is gone is
 * answered from what was cached of it. C++ (Itanium) and Rust names come
 * demangled when the symbolizer's `demangle` is on (default on); without a
 * C++ runtime library C++ names stay mangled.
 *
 * An address that is not known makes it look at the process again, once a
 * second at most.  After an execve, or when the pid is another process's, names
 * are the new program's, 50 ms later at most.
 */
bool symbol_user(struct symbolizer *s, uint32_t pid, uint64_t addr, struct symbol *ret);
void symbolizer_set_demangle(struct symbolizer *s, bool on);
/* forget maps of pid (it mapped more since) */
void symbolizer_forget(struct symbolizer *s, uint32_t pid);

/* address of a kernel symbol, exact name; 0 if there is none or kptr_restrict hides it */
uint64_t kernel_address(struct symbolizer *s, const char *name);
/*
 * Function to probe for `name` on this kernel: the name itself, else what
 * this kernel calls the system call that it is the function of ("sys_read":
 * "__x64_sys_read"), else its compiler clone (name.isra.N, .constprop.N,
 * .part.N, .cold excluded). NULL if there is none; then near names go into
 * `near_hint` if that is not NULL (caller owns the string).  "MODULE:NAME" is
 * that of a module, and "vmlinux:NAME" of the kernel itself: "NAME" then.
 */
const char *kernel_function(struct symbolizer *s, const char *name, char **near_hint);

enum function_state {
	FUNCTION_THERE,		/* *ret_name is it, lent. detail: modules that have one, too */
	FUNCTION_COPIES,	/* detail: how many */
	FUNCTION_MODULES,	/* several have one, the kernel itself has not. detail: which */
	FUNCTION_CLONES,	/* detail: their names */
	FUNCTION_PART,		/* of it only parts are there; detail: their names */
	FUNCTION_ABSENT,	/* detail: near names or NULL */
};
/* the same, but says what makes a function no sensible place for a probe. The
 * caller owns *ret_detail, NULL if there is nothing to say */
enum function_state kernel_function_find(struct symbolizer *s, const char *name,
	const char **ret_name, char **ret_detail);
/* is there a module of that name, or is it "vmlinux"? */
bool kernel_has_module(struct symbolizer *s, const char *module);
/* the address of what kernel_function_find() found, 0 if it is hidden */
uint64_t kernel_function_address(struct symbolizer *s, const char *name);
/*
 * Calls fn for each kernel function whose name matches the glob, in order,
 * each name once; stops at false.  What is not called is left out: .cold
 * parts and padding (__pfx_, __cfi_).  A glob with a colon is one for the
 * module and one for the name; then the name has the module in front, too.
 */
void kernel_functions(struct symbolizer *s, const char *glob,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg);

/* appends all these names, a line each, in no order: cheaper, where all are wanted */
void kernel_function_names(struct symbolizer *s, struct buf *out);

/*
 * File offset of a function in an ELF file, for uprobes: value of the
 * symbol translated through the program headers.  path may be a library
 * name like "c" or "libc.so.6": resolve it with binary_path first.
 * E-PROBE with near names; E-FILE.  Of a name with versions it is the one
 * that linkers take; of an indirect function (STT_GNU_IFUNC) the resolver.
 */
int symbol_file_offset(const char *path, const char *name, uint64_t *ret_offset,
	struct error *err);
/* every defined function symbol matching the glob, with its file offset, in the
 * order of names; stops at false. E-FILE */
int symbol_file_functions(const char *path, const char *glob,
	bool (*fn)(void *arg, const char *name, uint64_t offset), void *arg, struct error *err);
/*
 * The full path of a program or library: an absolute path as it is, or as pid
 * sees it if that is another file; "c" or
 * "libc.so.6" through pid's mappings (if pid; "/proc/PID/root/..." if its
 * root is another), ld.so.cache and the usual directories, a program name
 * through PATH. Caller owns. E-PROBE
 */
char *binary_path(const char *name, uint32_t pid, struct error *err);

#endif
