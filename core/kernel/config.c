/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "kernel/unpack.h"

enum { CONFIG_MAX = 4 << 20 };

static bool read_one(const char *path, struct buf *out)
{
	struct error err = ERROR_INIT;
	bool ok;

	ok = (str_ends(path, ".gz") ? unpack_compressed(path, CONFIG_MAX, out, &err) :
		file_read(path, CONFIG_MAX, out, &err)) == 0 && out->len;
	error_clear(&err);
	return ok;
}

bool config_read(const struct kernel_headers *h, bool running, struct buf *out)
{
	char *paths[] = {
		running ? mem_string("/proc/config.gz") : NULL,
		running ? mem_format("/boot/config-%s", kernel_release()) : NULL,
		running ? mem_format("/lib/modules/%s/build/.config", kernel_release()) : NULL,
		running ? mem_format("/lib/modules/%s/config", kernel_release()) : NULL,
		*h->pack ? mem_format("%s/config", h->pack) : NULL,
		*h->build ? mem_format("%s/.config", h->build) : NULL,
	};
	bool found = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!found && paths[i])
			found = read_one(paths[i], out);
		free(paths[i]);
	}
	return found;
}

char *config_value(const char *config, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	for (at = config; (at = strstr(at, name)) != NULL; at += len) {
		if ((at == config || at[-1] == '\n') && at[len] == '=')
			return mem_string_n(at + len + 1, strcspn(at + len + 1, "\n"));
	}
	return NULL;
}
