/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For static links only, in place of dlopen (--wrap): Lua's loader of C
 * modules refers to it, which scripts cannot reach, and the C library's own
 * would load the host's, of another version.
 */
#include <stddef.h>

void *__wrap_dlopen(const char *path, int mode);

void *__wrap_dlopen(const char *path, int mode)
{
	(void)path;
	(void)mode;
	return NULL;
}
