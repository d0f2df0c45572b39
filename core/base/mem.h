/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is there or ends the process.
 *
 * core/base may use nothing of the project.  These are the only functions
 * of core/ that may end the process: a tracer that cannot allocate a few
 * bytes has nothing better to do, and all that it holds in the kernel is
 * tied to file descriptors.
 */
#ifndef MEM_H
#define MEM_H

#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t size);			/* zeroed */
void *mem_array(size_t count, size_t size);	/* zeroed; checks overflow */
void *mem_resize(void *p, size_t count, size_t size);
void *mem_copy(const void *p, size_t size);
char *mem_string(const char *s);		/* strdup; NULL stays NULL */
char *mem_string_n(const char *s, size_t n);
char *mem_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *fmt, va_list ap);

/*
 * Makes room for one more element in a growing array and returns the place
 * of it, zeroed: `struct x *e = MEM_GROW(arr, n);`.  Capacity is the next
 * power of two, so that no second counter is kept.
 */
#define MEM_GROW(array, n) \
	((array) = mem_grow((array), (n), sizeof(*(array))), &(array)[(n)++])
void *mem_grow(void *array, size_t n, size_t size);

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
