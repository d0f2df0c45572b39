/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FACTS_H
#define FACTS_H

#include "base/buf.h"
#include "base/error.h"
#include "object/request.h"

struct host;

/*
 * Adds to req, whose text is set, the facts of the target kernel that the
 * text depends on: formats of its tracepoints, headers, ring buffers, the
 * arguments that it names. Warnings are lines. E-PROBE, E-HEADERS,
 * E-SIGNATURE, E-TRACEFS
 */
int facts_add(struct host *h, struct request *req, struct buf *warnings, struct error *err);

/* the hook of build_options: what is only needed for compiling; arg is the host. E-HEADERS */
int facts_complete(void *arg, struct request *req, struct error *err);

#endif
