/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace dump FILE: a program object as text. */
#include <stdio.h>

#include "app/command.h"
#include "object/object.h"

static int run_dump(const struct host_options *opts, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct object *obj;

	(void)opts;
	if (argc != 2)
		return command_usage(&command_dump, "one object file is needed");
	obj = object_read_file(argv[1], &err);
	if (!obj)
		return command_error(&err);
	object_dump(obj, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	object_free(obj);
	return STATUS_OK;
}

const struct command command_dump = {
	.name = "dump",
	.arguments = "FILE",
	.summary = "print a program object as text, with disassembly",
	.run = run_dump,
};
