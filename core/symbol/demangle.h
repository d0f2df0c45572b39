/* SPDX-License-Identifier: Apache-2.0 */
/* Mangled names as programmers write them. */
#ifndef DEMANGLE_H
#define DEMANGLE_H

/* C++ (Itanium), Rust (both manglings); NULL: not mangled, or not known how. Caller owns */
char *demangle(const char *name);

/* one of them each; NULL as above */
char *demangle_rust_v0(const char *name);	/* _RNv... */
char *demangle_rust_legacy(const char *name);	/* _ZN...17h<16 hex>E */

#endif
