/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace cache warm. */
#ifndef APP_WARM_H
#define APP_WARM_H

#include "lua/host.h"

/*
 * Compiles what the scripts load on the running kernel without arguments;
 * n 0: all bundled ones that this kernel can run. Returns the exit status.
 */
int cache_warm(const struct host_options *opts, int n, char **names);

#endif
