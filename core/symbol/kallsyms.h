/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own symbol list, read once: by address (text only) and by
 * name.  Names and modules are lent until kallsyms_free.
 */
#ifndef KALLSYMS_H
#define KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "symbol/symbol.h"

struct kallsyms;

/* never NULL: a file that cannot be read gives an empty list with a problem */
struct kallsyms *kallsyms_load(const char *path);
/* only what is of modules and BPF programs, which may be nothing */
struct kallsyms *kallsyms_load_rest(const char *path);
void kallsyms_free(struct kallsyms *k);

/* why addresses cannot be told, one line without a full stop; NULL: they can */
const char *kallsyms_problem(const struct kallsyms *k);
/* symbols of the list, text symbols among them */
size_t kallsyms_count(const struct kallsyms *k, size_t *ret_text);

/* the first listed text symbol that addr lies in, or NULL */
const char *kallsyms_at(const struct kallsyms *k, uint64_t addr, const char **ret_module,
	uint64_t *ret_offset);
/* of any kind of symbol; 0: there is none, or it is hidden */
uint64_t kallsyms_address(struct kallsyms *k, const char *name);
/* see kernel_function() */
const char *kallsyms_function(struct kallsyms *k, const char *name, char **near_hint);
/* see kernel_function_find() */
enum function_state kallsyms_find(struct kallsyms *k, const char *name, const char **ret_name,
	char **ret_detail);
/* the same for a function of one module, or "vmlinux" */
enum function_state kallsyms_find_in(struct kallsyms *k, const char *module, const char *name,
	const char **ret_name, char **ret_detail);
uint64_t kallsyms_address_in(struct kallsyms *k, const char *module, const char *name);
bool kallsyms_has_module(const struct kallsyms *k, const char *module);
/* see kernel_functions() */
void kallsyms_each(struct kallsyms *k, const char *glob,
	bool (*fn)(void *arg, const char *name, const char *module), void *arg);
/* see kernel_function_names() */
void kallsyms_names(const struct kallsyms *k, struct buf *out);

#endif
