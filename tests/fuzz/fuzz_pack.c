/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what --headers names: a pack, a .rpm, a .deb, and as the file
 * "pack".  Nothing may be written outside of the directory that is given.
 *
 *	fuzz_pack -max_total_time=60 -malloc_limit_mb=8192 CORPUS
 *
 * libarchive asks for as much memory as a name is said to be long, and then
 * finds that it is not there.  Small packs and packages, uncompressed ones too,
 * make a first corpus.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/headers_internal.h"
#include "kernel/pack.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/dev/shm/fuzz_pack_XXXXXX";

static void remove_top(void)
{
	unpack_remove(AT_FDCWD, top);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (!mkdtemp(top))
		abort();
	atexit(remove_top);
	return 0;
}

static void save(const char *name, const uint8_t *data, size_t size)
{
	char *path = mem_format("%s/%s", top, name);
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(data, 1, size, f) != size || fclose(f))
		abort();
	free(path);
}

static bool everything(const char *name, bool is_link, char *ret, size_t size)
{
	return snprintf(ret, size, "%s", name) < (int)size;
}

/* as each form, whatever it looks like: all files are taken */
static void unpack_as(enum archive_form form)
{
	static const struct unpack_limits limits = { 100, 1 << 20, 1 << 16 };
	struct unpack_rules rules = { everything, &limits };
	char *path = mem_format("%s/file", top), *dir = mem_format("%s/room/dir", top);
	struct unpack_result result;
	struct error err = ERROR_INIT;
	int fd;

	memset(&result, 0, sizeof(result));
	mkdir(dir, 0700);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (unpack_file(path, form, fd, &rules, &result, &err) &&
		strcmp(err.tag, "E-HEADERS") != 0 && strcmp(err.tag, "E-CACHE") != 0)
		abort();
	close(fd);
	unpack_remove(AT_FDCWD, dir);
	/* nothing may be beside it */
	free(dir);
	dir = mem_format("%s/room", top);
	if (rmdir(dir))
		abort();
	mkdir(dir, 0700);
	error_clear(&err);
	free(path);
	free(dir);
}

static void find(void)
{
	char *path = mem_format("%s/file", top), *cache = mem_format("%s/cache", top);
	struct headers_options opts = { path, cache };
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	struct pack_counts counts;

	if (kernel_headers_find(&opts, &h, &err) == 0) {
		if (!*h.build && !*h.pack)
			abort();
		pack_count(&h, &counts);
		kernel_headers_release(&h);
	}
	error_clear(&err);
	unpack_remove(AT_FDCWD, cache);
	free(path);
	free(cache);
}

static void read_info(void)
{
	struct error err = ERROR_INIT;
	struct pack_info info;

	if (pack_read_info(top, &info, &err) == 0) {
		if (!*info.release || !*info.machine || !info.version_code)
			abort();
		pack_info_release(&info);
	}
	error_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *room = mem_format("%s/room", top);

	mkdir(room, 0700);
	free(room);
	save("file", data, size);
	save("pack", data, size < 4096 ? size : 4096);
	unpack_as(FORM_OTHER);
	unpack_as(FORM_RPM);
	unpack_as(FORM_DEB);
	find();
	read_info();
	return 0;
}
