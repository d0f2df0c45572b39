/* SPDX-License-Identifier: Apache-2.0 */
/* Separate debug files. */
#include "elf_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"
#include "elf_file_internal.h"

#define DEBUG_DIR "/usr/lib/debug"

/*
 * A file named by .gnu_debuglink is read as a whole to be known: 4 GiB take
 * some seconds, and the largest debug files (browsers, kernels) have less.
 * One of more is no such file, but may be any number of holes.
 */
#define LINKED_MAX ((off_t)4 << 30)

/* .gnu_debuglink's checksum is the one of zlib */
static bool crc_matches(int fd, uint32_t want)
{
	enum { BLOCK = 1 << 18 };
	unsigned char *block = mem_alloc(BLOCK);
	uLong crc = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t n;

	while (at <= LINKED_MAX && (n = pread(fd, block, BLOCK, at)) > 0) {
		crc = crc32(crc, block, n);
		at += n;
	}
	free(block);
	return at <= LINKED_MAX && n == 0 && crc == want;
}

static bool is_too_large(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > LINKED_MAX;
}

static bool same_build_id(const struct elf_file *f, const struct build_id *want)
{
	struct build_id id;

	return elf_file_build_id(f, &id) && id.len == want->len &&
		memcmp(id.bytes, want->bytes, id.len) == 0;
}

struct search {
	char *found;		/* path of what was opened */
	struct buf *refused;	/* or NULL */
};

/* takes path of a file that is there, and is another's */
static void refuse(struct search *s, char *path, const char *why)
{
	if (s->refused)
		buf_addf(s->refused, "\n  %s: %s", path, why);
	free(path);
}

/* takes path */
static struct elf_file *open_by_id(struct search *s, char *path, const struct build_id *id)
{
	int fd = open_regular(path, 0);
	struct elf_file *f = fd < 0 ? NULL : elf_file_open(fd);

	if (f && same_build_id(f, id)) {
		s->found = path;
		return f;
	}
	if (fd < 0)
		free(path);
	else
		refuse(s, path, f ? "another build id" : "no ELF file, or a damaged one");
	elf_file_close(f);
	return NULL;
}

static char *build_id_path(const char *root, const struct build_id *id)
{
	struct buf b = BUF_INIT;
	size_t i;

	buf_addf(&b, "%s" DEBUG_DIR "/.build-id/%02x/", root, id->bytes[0]);
	for (i = 1; i < id->len; i++)
		buf_addf(&b, "%02x", id->bytes[i]);
	buf_adds(&b, ".debug");
	return buf_take(&b, NULL);
}

/* the file name and the checksum that .gnu_debuglink holds */
static const char *debug_link(const struct elf_file *f, uint32_t *ret_crc)
{
	Elf_Data *data = elf_section_data(f, SHT_PROGBITS, ".gnu_debuglink", NULL, NULL);
	size_t len, at;

	if (!data || !data->d_buf || !data->d_size)
		return NULL;
	len = strnlen(data->d_buf, data->d_size);
	at = (len + 4) & ~(size_t)3;
	if (!len || data->d_size < at + 4 || memchr(data->d_buf, '/', len))
		return NULL;
	memcpy(ret_crc, (char *)data->d_buf + at, 4);
	return data->d_buf;
}

/* takes path */
static struct elf_file *open_by_link(struct search *s, char *path, uint32_t crc)
{
	int fd = open_regular(path, 0);
	struct elf_file *f = NULL;
	bool too_large = fd >= 0 && is_too_large(fd);
	bool matches = fd >= 0 && !too_large && crc_matches(fd, crc);

	if (fd < 0) {
		free(path);
		return NULL;
	}
	if (matches)
		f = elf_file_open(fd);
	else
		close(fd);
	if (f)
		s->found = path;
	else
		refuse(s, path, too_large ? "more than 4 GiB, too much for a debug file" :
			matches ? "no ELF file, or a damaged one" :
			"another checksum than the link to it has");
	return f;
}

/* root + dir is where the file is */
static struct elf_file *search_link(struct search *s, const char *name, uint32_t crc,
	const char *root, const char *dir)
{
	struct elf_file *debug;

	debug = open_by_link(s, mem_format("%s%s/%s", root, dir, name), crc);
	if (!debug)
		debug = open_by_link(s, mem_format("%s%s/.debug/%s", root, dir, name), crc);
	if (!debug)
		debug = open_by_link(s, mem_format("%s" DEBUG_DIR "%s/%s", root, dir, name), crc);
	return debug;
}

/* bytes of "/proc/PID/root" in front of path, or 0 */
static size_t root_len(const char *path)
{
	int n = 0;

	return sscanf(path, "/proc/%*u/root%n", &n) >= 0 && n && path[n] == '/' ? n : 0;
}

static struct elf_file *search_root(struct search *s, const struct elf_file *f, const char *root,
	const char *dir)
{
	struct elf_file *debug = NULL;
	struct build_id id;
	const char *name;
	uint32_t crc;

	if (elf_file_build_id(f, &id))
		debug = open_by_id(s, build_id_path(root, &id), &id);
	if (!debug && (name = debug_link(f, &crc)))
		debug = search_link(s, name, crc, root, dir);
	return debug;
}

static struct elf_file *search_debug(struct search *s, const struct elf_file *f, const char *path)
{
	size_t in_root = root_len(path);
	char *root = mem_string_n(path, in_root), *dir = mem_string(path + in_root), *slash;
	struct elf_file *debug = NULL;

	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	else
		strcpy(dir, dir[0] ? "." : "");
	if (in_root)
		debug = search_root(s, f, root, dir);
	if (!debug)
		debug = search_root(s, f, "", dir);
	free(root);
	free(dir);
	return debug;
}

struct elf_file *elf_file_open_debug(const struct elf_file *f, const char *path)
{
	struct search s = { NULL, NULL };
	struct elf_file *debug = search_debug(&s, f, path);

	free(s.found);
	return debug;
}

char *elf_file_debug_path(const struct elf_file *f, const char *path, struct buf *refused)
{
	struct search s = { NULL, refused };

	elf_file_close(search_debug(&s, f, path));
	return s.found;
}
