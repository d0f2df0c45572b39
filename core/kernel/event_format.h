/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a tracepoint, from the text of its format in tracefs. */
#ifndef EVENT_FORMAT_H
#define EVENT_FORMAT_H

#include <stdbool.h>

#include "base/error.h"

struct event_field {
	char *type, *name;	/* C text: "char[16]", "__data_loc char[]"; lent */
	unsigned offset, size;	/* bytes */
};

/*
 * Calls fn for each field until it says false; those that all events have
 * (common_*) are left out.  E-TRACEFS: this is no format.
 */
int event_format_each(const char *format, bool (*fn)(void *arg, const struct event_field *f),
	void *arg, struct error *err);

#endif
