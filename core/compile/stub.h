/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moontrace's own small header tree: what a program that looks into no
 * kernel struct needs.  Its files are in stub/, embedded by stub/embed.
 */
#ifndef STUB_H
#define STUB_H

#include <stdint.h>

#include "base/error.h"

struct stub_file {
	const char *path;	/* below include/; NULL ends the array */
	const char *text;
};
extern const struct stub_file stub_files[];

/* writes the tree to directory dir, which must not exist; E-FILE */
int stub_write(const char *dir, uint32_t version_code, struct error *err);

#endif
