/* SPDX-License-Identifier: Apache-2.0 */
#include "app/json.h"

#include <string.h>

void json_key(struct buf *out, const char *name)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':' && last != '\n')
		buf_addc(out, ',');
	if (!name)
		return;
	buf_add_json(out, name, strlen(name));
	buf_addc(out, ':');
}

void json_string(struct buf *out, const char *name, const char *value)
{
	json_key(out, name);
	if (value)
		buf_add_json(out, value, strlen(value));
	else
		buf_adds(out, "null");
}

void json_number(struct buf *out, const char *name, int64_t value)
{
	json_key(out, name);
	buf_addf(out, "%lld", (long long)value);
}

void json_bool(struct buf *out, const char *name, bool value)
{
	json_key(out, name);
	buf_adds(out, value ? "true" : "false");
}

void json_open(struct buf *out, const char *name, char bracket)
{
	json_key(out, name);
	buf_addc(out, bracket);
}

void json_close(struct buf *out, char bracket)
{
	buf_addc(out, bracket);
}
