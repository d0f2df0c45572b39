/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdw of elfutils, which reads DWARF.  It is no part of a start: a dynamic
 * executable loads it when it is first asked for, and need not have it.
 */
#ifndef DW_H
#define DW_H

#include "base/error.h"

#ifdef HAVE_LIBDW
#include <dwarf.h>
#include <elfutils/libdwfl.h>

/* all that is used of it; elfutils 0.158 has them */
#define DW_FUNCTIONS(X) \
	X(dwarf_attr) X(dwarf_attr_integrate) X(dwarf_child) X(dwarf_dieoffset) \
	X(dwarf_filesrc) X(dwarf_formsdata) X(dwarf_formstring) X(dwarf_formudata) \
	X(dwarf_getsrc_die) X(dwarf_getsrcfiles) X(dwarf_hasattr) X(dwarf_haspc) \
	X(dwarf_linecol) X(dwarf_lineno) X(dwarf_linesrc) X(dwarf_ranges) X(dwarf_siblingof) \
	X(dwarf_tag) X(dwfl_begin) X(dwfl_end) X(dwfl_errmsg) X(dwfl_module_getdwarf) \
	X(dwfl_module_getelf) X(dwfl_module_getsym_info) X(dwfl_module_getsymtab) \
	X(dwfl_module_info) X(dwfl_module_nextcu) X(dwfl_offline_section_address) \
	X(dwfl_report_offline) X(dwfl_report_end)

#define DW_MEMBER(fn) __typeof__(fn) *fn;
struct dw {
	DW_FUNCTIONS(DW_MEMBER)
};
#else
struct dw;
#endif

/* NULL: E-DEBUGINFO, it is not there */
const struct dw *dw_library(struct error *err);

#endif
