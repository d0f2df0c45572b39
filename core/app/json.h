/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text of commands: members in the order of writing. */
#ifndef APP_JSON_H
#define APP_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* a comma if one is due, and "name": unless name is NULL (in a list) */
void json_key(struct buf *out, const char *name);
void json_string(struct buf *out, const char *name, const char *value);	/* NULL: null */
void json_number(struct buf *out, const char *name, int64_t value);
void json_bool(struct buf *out, const char *name, bool value);
/* '{' or '[', and later '}' or ']' */
void json_open(struct buf *out, const char *name, char bracket);
void json_close(struct buf *out, char bracket);

#endif
