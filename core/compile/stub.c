/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"

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

static int write_version(const char *dir, const struct request *req, struct error *err)
{
	struct buf b = BUF_INIT;
	int ret;

	buf_adds(&b, "/* made for one compile request */\n");
	buf_addf(&b, "#define LINUX_VERSION_CODE %u\n", req->version_code);
	buf_adds(&b, "#define KERNEL_VERSION(a, b, c) "
		"(((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n");
	if (*req->types)
		buf_adds(&b, "#define MOONTRACE_TYPES 1\n");
	ret = write_file(dir, "linux/version.h", b.data, err);
	buf_release(&b);
	return ret;
}

static int write_files(const char *dir, const struct stub_file *f, struct error *err)
{
	for (; f->path; f++) {
		if (write_file(dir, f->path, f->text, err))
			return -1;
	}
	return 0;
}

/* ---- with types from BTF ---- */

/* headers of the kernel, by how their names begin, and what of ours goes with them */
static const struct { const char *prefix, *ours; } groups[] = {
	{ "net/", "moontrace/sock.h" },
	{ "linux/tcp.h", "moontrace/sock.h" },
	{ "linux/udp.h", "moontrace/sock.h" },
	{ "linux/sctp.h", "moontrace/sock.h" },
	{ "linux/sock_diag.h", "moontrace/sock.h" },
	{ "linux/inet_diag.h", "moontrace/sock.h" },
	{ "linux/ip", "moontrace/net.h" },
	{ "linux/icmp", "moontrace/net.h" },
	{ "linux/if", "moontrace/net.h" },
	{ "linux/in", "moontrace/net.h" },
	{ "linux/net", "moontrace/net.h" },
	{ "linux/skbuff.h", "moontrace/net.h" },
	{ "linux/etherdevice.h", "moontrace/net.h" },
	{ "linux/un.h", "moontrace/net.h" },
	{ "linux/byteorder/", "moontrace/net.h" },
	{ "asm/byteorder.h", "moontrace/net.h" },
	{ "linux/gfp", "moontrace/gfp.h" },
	{ "linux/mm", "moontrace/gfp.h" },
	{ "linux/slab", "moontrace/gfp.h" },
	{ "linux/blk", "linux/fs.h" },
	{ "linux/genhd.h", "linux/fs.h" },
	{ "linux/dcache.h", "linux/fs.h" },
	{ "linux/fcntl.h", "linux/fs.h" },
	{ "linux/fdtable.h", "linux/fs.h" },
	{ "linux/file.h", "linux/fs.h" },
	{ "linux/kdev_t.h", "linux/fs.h" },
	{ "linux/limits.h", "linux/fs.h" },
	{ "linux/mount.h", "linux/fs.h" },
	{ "linux/namei.h", "linux/fs.h" },
	{ "linux/path.h", "linux/fs.h" },
	{ "linux/stat.h", "linux/fs.h" },
	{ "linux/sched/", "linux/sched.h" },
};

static const char *ours_for(const char *name)
{
	size_t i;

	if (str_starts(name, "uapi/"))
		name += strlen("uapi/");
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (str_starts(name, groups[i].prefix))
			return groups[i].ours;
	}
	return "linux/kernel.h";
}

/* names a file below the tree, and not one that the user has */
static bool is_missing(const char *dir, const struct request *req, const char *name)
{
	char *path = mem_format("%s/include/%s", dir, name);
	bool missing = request_kernel_header(name) && !strstr(name, "..") &&
		access(path, F_OK);
	size_t i;

	free(path);
	for (i = 0; i < req->n_includes && missing; i++) {
		path = mem_format("%s/%s", req->includes[i], name);
		missing = access(path, F_OK) != 0;
		free(path);
	}
	return missing;
}

/* name is that of a kernel's header that the text includes */
static int write_stand_in(const char *dir, const struct request *req, const char *name,
	struct error *err)
{
	const char *ours = ours_for(name);
	char *text;
	int ret;

	if (!is_missing(dir, req, name))
		return 0;
	text = mem_format("#include <linux/kernel.h>\n#include <%s>\n", ours);
	ret = write_file(dir, name, text, err);
	free(text);
	return ret;
}

static int write_stand_ins(const char *dir, const struct request *req, struct error *err)
{
	struct ctoken_reader r;
	struct ctoken t;
	int ret = 0;

	ctoken_start(&r, req->text);
	do {
		bool angle;
		char *name;

		ctoken_next(&r, &t);
		name = ctoken_include(&t, &angle);
		if (name)
			ret = write_stand_in(dir, req, name, err);
		free(name);
	} while (t.kind != CTOKEN_END && !ret);
	return ret;
}

/* the types get a name in diagnostics that is not a file's */
static int write_types(const char *dir, const struct request *req, struct error *err)
{
	char *text = mem_format("#ifndef MOONTRACE_KERNEL_TYPES\n#define MOONTRACE_KERNEL_TYPES\n"
		"#line 1 \"" STUB_TYPES_NAME "\"\n%s\n#endif\n", req->types);
	int ret = write_file(dir, "moontrace/kernel_types.h", text, err);

	free(text);
	if (ret || write_files(dir, stub_types_files, err))
		return -1;
	return write_stand_ins(dir, req, err);
}

int stub_write(const char *dir, const struct request *req, struct error *err)
{
	if (mkdir(dir, 0700))
		return error_sys(err, "E-FILE", errno, "make '%s'", dir);
	if (write_files(dir, stub_files, err) || write_version(dir, req, err))
		return -1;
	return *req->types ? write_types(dir, req, err) : 0;
}
