/* SPDX-License-Identifier: Apache-2.0 */
/* From "c", "libssl.so.3" or "bash" to a path. */
#include "symbol.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"

enum { LISTING_MAX = 64 << 20 };

/* ---- names ---- */

/* "libc.so.6", "libc-2.17.so" for "c"; "libc.so.6" for itself and for "libc.so" */
static bool is_library(const char *base, const char *name)
{
	size_t len = strlen(name);

	if (strstr(name, ".so"))
		return strncmp(base, name, len) == 0 && (!base[len] || base[len] == '.');
	if (!str_starts(base, "lib") || strncmp(base + 3, name, len) != 0)
		return false;
	base += 3 + len;
	if (*base == '-' && base[1] >= '0' && base[1] <= '9')
		base += strcspn(base, "s");
	if (base[0] == 's' && base[-1] == '.')
		base--;
	return str_starts(base, ".so") && (!base[3] || base[3] == '.');
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* an ELF file that a process of this build could load: no linker script, no other ABI */
static bool is_native(const char *path)
{
	static unsigned char own[20];
	unsigned char head[20];
	int fd;

	if (!own[0]) {
		fd = open_regular("/proc/self/exe", 0);
		if (fd < 0 || pread(fd, own, sizeof(own), 0) != sizeof(own))
			own[0] = 0;
		if (fd >= 0)
			close(fd);
	}
	fd = open_regular(path, 0);
	if (fd < 0)
		return false;
	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		head[0] = 0;
	close(fd);
	/* magic, class and byte order; machine */
	return head[0] == ELFMAG0 && memcmp(head, own, EI_VERSION) == 0 &&
		memcmp(head + 18, own + 18, 2) == 0;
}

/* ---- where a process has it ---- */

/* "/a/b" -> "/a", "/a" -> "" */
static void cut_last(struct buf *path)
{
	const char *slash = path->len ? strrchr(path->data, '/') : NULL;

	if (!slash)
		return;
	path->len = slash - path->data;
	path->data[path->len] = '\0';
}

/* what the link at done + "/" + name says, below root; NULL: it is none */
static char *read_link(const char *root, const struct buf *done, const char *name)
{
	char *path = mem_format("%s%s/%s", root, done->len ? done->data : "", name);
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	free(path);
	return n > 0 && n < (ssize_t)sizeof(target) ? mem_string_n(target, n) : NULL;
}

/*
 * path with its links followed as one whose root directory is `root` follows
 * them: a link to "/usr/lib/x" is ours for the kernel, which knows the way to
 * resolve it below another root only since 5.6.
 */
static char *resolve_below(const char *root, const char *path)
{
	enum { LINKS_MAX = 40 };	/* as the kernel's */
	char *rest = mem_string(path), *name, *link, *joined;
	struct buf done = BUF_INIT;
	size_t at = 0, len;
	unsigned links = 0;

	buf_adds(&done, "");
	while (*(name = rest + at + strspn(rest + at, "/"))) {
		len = strcspn(name, "/");
		at = name + len - rest;
		name = mem_string_n(name, len);
		link = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			links >= LINKS_MAX ? NULL : read_link(root, &done, name);
		if (link) {
			links++;
			if (link[0] == '/')
				buf_clear(&done);
			joined = mem_format("%s/%s", link, rest + at);
			free(rest);
			rest = joined;
			at = 0;
		} else if (strcmp(name, "..") == 0) {
			cut_last(&done);
		} else if (strcmp(name, ".") != 0) {
			buf_addf(&done, "/%s", name);
		}
		free(link);
		free(name);
	}
	free(rest);
	return buf_take(&done, NULL);
}

/* path as the process sees it: itself if it is the same file here, else below its root */
static char *path_from_here(uint32_t pid, const char *path)
{
	char *root = mem_format("/proc/%" PRIu32 "/root", pid);
	char *resolved = resolve_below(root, path);
	char *inside = mem_format("%s%s", root, resolved);
	struct stat in, here;

	free(resolved);
	free(root);
	if (stat(inside, &in) < 0 || (stat(path, &here) == 0 && here.st_dev == in.st_dev &&
		here.st_ino == in.st_ino)) {
		free(inside);
		return mem_string(path);
	}
	return inside;
}

static char *search_maps(const char *name, uint32_t pid)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *file = mem_format("/proc/%" PRIu32 "/maps", pid), *line, *rest, *path;
	char *found = NULL;

	if (file_read(file, LISTING_MAX, &b, &err) == 0) {
		rest = b.data;
		while (!found && (line = strsep(&rest, "\n"))) {
			path = strchr(line, '/');
			if (path && (is_library(base_name(path), name) ||
				strcmp(base_name(path), name) == 0))
				found = path_from_here(pid, path);
		}
	}
	if (found && access(found, F_OK) < 0) {	/* deleted */
		free(found);
		found = NULL;
	}
	error_clear(&err);
	buf_release(&b);
	free(file);
	return found;
}

/* ---- where the dynamic linker finds it ---- */

/* glibc's format since 2.2; older linkers' entries may stand in front of it */
struct cache_header {
	char magic[20];		/* "glibc-ld.so.cache1.1" */
	uint32_t n_libs, strings_len, unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t key, value;	/* strings, from the header's start */
	uint32_t os_version;
	uint64_t hwcap;
};

static const char *cache_string(const char *cache, size_t size, uint32_t at)
{
	return at < size && memchr(cache + at, '\0', size - at) ? cache + at : NULL;
}

static char *search_cache_entries(const char *cache, size_t size, const char *name)
{
	struct cache_header h;
	struct cache_entry e;
	const char *key, *value;
	size_t at = sizeof(h);
	uint32_t i;

	if (size < sizeof(h))
		return NULL;
	memcpy(&h, cache, sizeof(h));
	for (i = 0; i < h.n_libs && size - at >= sizeof(e); i++, at += sizeof(e)) {
		memcpy(&e, cache + at, sizeof(e));
		key = cache_string(cache, size, e.key);
		value = cache_string(cache, size, e.value);
		if (key && value && is_library(key, name) && is_native(value))
			return mem_string(value);
	}
	return NULL;
}

static char *search_cache(const char *name)
{
	static const char magic[] = "glibc-ld.so.cache1.1";
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *found = NULL;
	const char *start;

	if (file_read("/etc/ld.so.cache", LISTING_MAX, &b, &err) == 0) {
		start = memmem(b.data, b.len, magic, strlen(magic));
		if (start)
			found = search_cache_entries(start, b.data + b.len - start, name);
	}
	error_clear(&err);
	buf_release(&b);
	return found;
}

static char *search_library_dir(const char *dir, const char *name)
{
	char *pattern, *found = NULL;
	glob_t matches;
	size_t i;

	pattern = strstr(name, ".so") ? mem_format("%s/%s*", dir, name) :
		mem_format("%s/lib%s[.-]*", dir, name);
	if (glob(pattern, 0, NULL, &matches) == 0) {
		for (i = 0; !found && i < matches.gl_pathc; i++) {
			if (is_library(base_name(matches.gl_pathv[i]), name) &&
				is_native(matches.gl_pathv[i]))
				found = mem_string(matches.gl_pathv[i]);
		}
		globfree(&matches);
	}
	free(pattern);
	return found;
}

static char *search_library_dirs(const char *name)
{
	static const char *const dirs[] = {
		"/lib64", "/usr/lib64", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/lib", "/usr/lib",
		"/usr/local/lib64", "/usr/local/lib",
	};
	char *found = NULL;
	size_t i;

	for (i = 0; !found && i < ARRAY_SIZE(dirs); i++)
		found = search_library_dir(dirs[i], name);
	return found;
}

/* ---- where the shell finds it ---- */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static char *search_path(const char *name)
{
	const char *env = getenv("PATH");
	char *dirs = mem_string(env ? env : "/usr/sbin:/usr/bin:/sbin:/bin"), *rest = dirs;
	char *dir, *path, *found = NULL;

	while (!found && (dir = strsep(&rest, ":"))) {
		path = mem_format("%s/%s", dir, name);
		if (dir[0] == '/' && is_program(path))
			found = path;
		else
			free(path);
	}
	free(dirs);
	return found;
}

static char *relative_path(const char *name, struct error *err)
{
	char *path = realpath(name, NULL);

	if (!path)
		error_sys(err, "E-PROBE", errno, "find '%s'", name);
	return path;
}

/* did what was looked for stay hidden, as no further file can be opened? An errno or 0 */
static int why_hidden(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC), sys = errno;

	if (fd < 0)
		return sys;
	close(fd);
	return 0;
}

char *binary_path(const char *name, uint32_t pid, struct error *err)
{
	int sys;
	char *found = NULL;

	if (name[0] == '/')
		return pid ? path_from_here(pid, name) : mem_string(name);
	if (strchr(name, '/'))
		return relative_path(name, err);
	if (strpbrk(name, "*?[\\") || !name[0]) {
		error_set(err, "E-PROBE", "'%s' is no name of a program or library", name);
		return NULL;
	}
	if (pid)
		found = search_maps(name, pid);
	if (!found)
		found = search_cache(name);
	if (!found)
		found = search_library_dirs(name);
	if (!found)
		found = search_path(name);
	if (!found && (sys = why_hidden())) {
		error_sys(err, "E-LIMIT", sys, "find '%s'", name);
	} else if (!found) {
		error_set(err, "E-PROBE", "no library and no program '%s' is found", name);
		error_hint(err, "give its full path");
	}
	return found;
}
