/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A USDT probe in text, and where the arguments of one are.
 *
 * The spec is PATH:PROVIDER:NAME, or PATH:PROVIDER:NAME(ARGUMENTS) with the
 * argument text of the binary's note, "-4@%edi 8@-8(%rbp)": then it means
 * only those places of the probe that have their arguments there.
 */
#ifndef USDT_SPEC_H
#define USDT_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/machine.h"

struct usdt_spec {
	char *path;
	char *name;		/* "PROVIDER:NAME"; either may have *, ? and [] */
	char *args;		/* or NULL */
};

/* false if it is none; *ret is to be released if it is */
bool usdt_spec_parse(const char *text, struct usdt_spec *ret);
void usdt_spec_release(struct usdt_spec *s);
/* what a spec can hold: printable, and not too long */
bool usdt_spec_fits(const struct usdt_spec *s);
void usdt_spec_format(const struct usdt_spec *s, struct buf *out);

enum { USDT_ARGS_MAX = 12 };
struct usdt_arg {
	unsigned size;		/* bytes: 1, 2, 4 or 8 */
	bool is_signed;
	const char *unread;	/* why it cannot be read, static; NULL: it can be */
	struct place place;
};
/* how many arguments the text has; those that fit into ret are put there */
size_t usdt_args(const char *text, const struct machine *m, struct usdt_arg ret[USDT_ARGS_MAX]);

#endif
