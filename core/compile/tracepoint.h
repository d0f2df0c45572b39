/* SPDX-License-Identifier: Apache-2.0 */
/* From a tracepoint's format file to the struct that its programs see. */
#ifndef TRACEPOINT_H
#define TRACEPOINT_H

#include "base/buf.h"
#include "base/error.h"
#include "object/request.h"

/*
 * Adds `struct tracepoint__CATEGORY__EVENT { ... };` on one line, with the
 * names that BCC programs use (args->vec, args->data_loc_name).  Members lie
 * where the format says, whatever types it names: integers are typed by
 * size and sign.  E-TRACEFS: the text is no format file.
 */
int tracepoint_struct(const struct request_format *format, struct buf *out, struct error *err);

#endif
