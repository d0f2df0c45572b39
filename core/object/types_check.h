/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of raw BTF, made before anything else looks at it. */
#ifndef TYPES_CHECK_H
#define TYPES_CHECK_H

#include <stddef.h>

#include "base/error.h"

struct types;

enum {
	TYPES_NESTING_MAX = 32,		/* types by value in one another */
	TYPES_NAME_MAX = 128,		/* characters of a type's or member's name */
};

/*
 * The outer form: header, records, references and strings are in range.
 * This is what a compiler's own output must pass. E-OBJECT
 */
int types_check_form(const void *data, size_t size, struct error *err);
/*
 * And the meaning: sizes agree, nothing contains itself, nesting is
 * bounded, names are C names. What is kept must pass this too. E-OBJECT
 */
int types_check(const void *data, size_t size, struct error *err);

/* like types_read, but for input of good form only: good for copying out of */
struct types *types_read_form(const void *data, size_t size, struct error *err);

#endif
