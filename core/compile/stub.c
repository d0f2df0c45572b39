/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

/* makes the directories of path, from the one at `from` on */
static int make_parents(char *path, char *from, struct error *err)
{
	char *slash;

	for (slash = strchr(from, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) && errno != EEXIST)
			return error_sys(err, "E-FILE", errno, "make '%s'", path);
		*slash = '/';
	}
	return 0;
}

static int write_file(const char *dir, const char *name, const char *text, struct error *err)
{
	char *path = mem_format("%s/include/%s", dir, name);
	size_t len = strlen(text);
	int ret = -1, fd;

	if (make_parents(path, path + strlen(dir), err))
		goto out;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		error_sys(err, "E-FILE", errno, "write '%s'", path);
	else
		ret = 0;
	if (fd >= 0)
		close(fd);
out:
	free(path);
	return ret;
}

static int write_version(const char *dir, uint32_t code, struct error *err)
{
	struct buf b = BUF_INIT;
	int ret;

	buf_adds(&b, "/* made for one compile request */\n");
	buf_addf(&b, "#define LINUX_VERSION_CODE %u\n", code);
	buf_adds(&b, "#define KERNEL_VERSION(a, b, c) "
		"(((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n");
	ret = write_file(dir, "linux/version.h", b.data, err);
	buf_release(&b);
	return ret;
}

int stub_write(const char *dir, uint32_t version_code, struct error *err)
{
	const struct stub_file *f;

	if (mkdir(dir, 0700))
		return error_sys(err, "E-FILE", errno, "make '%s'", dir);
	for (f = stub_files; f->path; f++) {
		if (write_file(dir, f->path, f->text, err))
			return -1;
	}
	return write_version(dir, version_code, err);
}
