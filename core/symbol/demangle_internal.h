/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEMANGLE_INTERNAL_H
#define DEMANGLE_INTERNAL_H

/*
 * _Z...; NULL: not mangled, no C++ runtime, or a text of more than 256 KiB.
 * A name that would become long is told by another process, which ends with
 * this one.
 */
char *demangle_cxx(const char *name);

#endif
