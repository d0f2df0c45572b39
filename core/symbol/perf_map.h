/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of code that a run-time compiler made: lines "START SIZE name" in
 * /tmp/perf-PID.map, as the process sees /tmp and its pid.
 */
#ifndef PERF_MAP_H
#define PERF_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

struct perf_map;

struct perf_map *perf_map_new(void);
void perf_map_free(struct perf_map *m);

/*
 * Reads what the file has grown by since, or all of it if it is another
 * file.  It must belong to the process's user or to root.
 */
void perf_map_update(struct perf_map *m, const struct process *p);
/* the name is lent until perf_map_free, also after updates; NULL: none */
const char *perf_map_at(const struct perf_map *m, uint64_t addr, uint64_t *ret_offset);

#endif
