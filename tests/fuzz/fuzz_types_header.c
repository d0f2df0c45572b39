/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a kernel's BTF: a header or E-HEADERS. The text names what it has. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/buf.h"
#include "kernel/types_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* a text that names every string of the input as a struct and a typedef */
static void name_all(const uint8_t *data, size_t size, struct buf *text)
{
	size_t i, n;

	for (i = 0; i < size; i += n + 1) {
		n = strnlen((const char *)data + i, size - i);
		buf_adds(text, "struct ");
		buf_add(text, data + i, n);
		buf_adds(text, " *p; p->");
		buf_add(text, data + i, n);
		buf_adds(text, ";\n");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct error err = ERROR_INIT;
	struct types_wanted wanted;

	if (fd < 0) {
		fd = memfd_create("btf", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	name_all(data, size, &text);
	wanted = (struct types_wanted){ .text = text.data };
	if (types_header(path, &wanted, &out, &err) && strcmp(err.tag, "E-HEADERS") != 0)
		abort();
	error_clear(&err);
	buf_release(&text);
	buf_release(&out);
	return 0;
}
