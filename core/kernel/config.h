/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's configuration: lines CONFIG_NAME=VALUE, as the kernel's build has them. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>

#include "base/buf.h"
#include "kernel/headers.h"

/*
 * Appends the text: of the running kernel from /proc/config.gz, /boot and
 * /lib/modules; else, or if it has none there, from h's pack or build tree.
 * False if none was found; then out is what it was.
 */
bool config_read(const struct kernel_headers *h, bool running, struct buf *out);

/* value of CONFIG_X as written ("y", "m", "100", "\"x\""); caller owns. NULL: not set */
char *config_value(const char *config, const char *name);

#endif
