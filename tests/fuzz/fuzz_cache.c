/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file in the cache, read as a start reads it: with its size,
 * its checksum, and the key that it must say it has.  The first byte says
 * whether it is an object or a compiler's note, and whether the checksum is
 * made right first.  What is not taken must be told in one line and be gone;
 * what is taken must be the object of that key, and be written again.
 *
 *	fuzz_cache -max_total_time=60 CORPUS
 *
 * corpus/cache.tar.xz holds a corpus, minimised by -merge=1; unpack it first.
 * With a path in MOONTRACE_SEED first corpus files, PATH.0 to PATH.3, are
 * written.  The cache is below $TMPDIR, which should be a tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/object_sample.h"
#include "cache/compiler.h"
#include "object/object_format.h"

enum { NOTE = 1, SEALED = 2, KINDS = 4 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char note_head[] = "moontrace compiler 1\n";
static struct cache *cache;
static char key[DIGEST_HEX];		/* of the file; seeds have it in them */
static char dir[256];

static void remove_cache(void)
{
	struct error ignored = ERROR_INIT;
	size_t n;

	cache_clear(cache, &n, &ignored);
	cache_free(cache);
	rmdir(dir);
}

static void write_seeds(const char *path)
{
	struct object *obj = sample_object();
	struct error err = ERROR_INIT;
	struct buf file = BUF_INIT;
	int kind;

	object_add_fact(obj, CACHE_FACT, key);
	for (kind = 0; kind < KINDS; kind++) {
		char *name = mem_format("%s.%d", path, kind);
		FILE *f = fopen(name, "wb");

		buf_clear(&file);
		buf_addc(&file, kind);
		if (kind & NOTE)
			buf_addf(&file, "%s%s\n%s\n1 2 3 4.5 6.7 /bin/sh\n- - - - - /x\n",
				note_head, key, key);
		else if (object_write(obj, &file, &err))
			abort();
		if (!f || fwrite(file.data, 1, file.len, f) != file.len || fclose(f))
			abort();
		free(name);
	}
	object_free(obj);
	buf_release(&file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *seed = getenv("MOONTRACE_SEED"), *tmp = getenv("TMPDIR");
	struct error err = ERROR_INIT;

	digest_hex("fuzz", 4, key);
	snprintf(dir, sizeof(dir), "%s/fuzz_cache.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || !(cache = cache_open(dir, &err)))
		abort();
	atexit(remove_cache);
	if (seed)
		write_seeds(seed);
	return 0;
}

/* a note's digest is in its second line, of what is behind that */
static void seal_note(uint8_t *data, size_t size)
{
	size_t head = sizeof(note_head) - 1, body = head + DIGEST_HEX;
	char digest[DIGEST_HEX];

	if (size < body)
		return;
	digest_hex(data + body, size - body, digest);
	memcpy(data, note_head, head);
	memcpy(data + head, digest, DIGEST_HEX - 1);
	data[body - 1] = '\n';
}

static void put_file(const char *suffix, const uint8_t *data, size_t size)
{
	char *path = mem_format("%s/%s%s", dir, key, suffix);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd))
		abort();
	free(path);
}

static bool is_there(const char *suffix)
{
	char *path = mem_format("%s/%s%s", dir, key, suffix);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* one line for a terminal, and what it is of is gone */
static void check_refused(const struct buf *said, const char *suffix)
{
	size_t i;

	if (!said->len || said->data[said->len - 1] != '\n' || is_there(suffix))
		abort();
	for (i = 0; i + 1 < said->len; i++) {
		if ((unsigned char)said->data[i] < ' ' || said->data[i] == 0x7f)
			abort();
	}
}

static void check_object(struct object *obj)
{
	struct error err = ERROR_INIT;

	if (strcmp(object_fact(obj, CACHE_FACT), key) != 0 || cache_put(cache, key, obj, &err))
		abort();
}

/* an object with a wrong checksum, size or magic is never taken */
static bool is_sealed(const uint8_t *data, size_t size)
{
	struct format_record r;

	if (size < FORMAT_AT + sizeof(r))
		return false;
	memcpy(&r, data + FORMAT_AT, sizeof(r));
	return r.file_size == size && r.crc == object_checksum(data, size);
}

static void try_object(const uint8_t *data, size_t size)
{
	struct object *obj = NULL;
	struct buf said = BUF_INIT;

	put_file(CACHE_OBJECT, data, size);
	if (cache_get(cache, key, &obj, &said) != 1) {
		check_refused(&said, CACHE_OBJECT);
	} else {
		if (said.len || !is_sealed(data, size))
			abort();
		check_object(obj);
		object_free(obj);
	}
	buf_release(&said);
}

static void try_note(const uint8_t *data, size_t size)
{
	struct buf note = BUF_INIT, said = BUF_INIT;
	const char *stamps = NULL;
	char identity[DIGEST_HEX];

	put_file(CACHE_NOTE, data, size);
	if (cache_get_note(cache, key, &note, &said) != 1) {
		check_refused(&said, CACHE_NOTE);
	} else if (compiler_note_parse(&note, identity, &stamps)) {
		if (strlen(identity) != DIGEST_HEX - 1 || stamps < note.data ||
			stamps > note.data + note.len)
			abort();
		compiler_note_holds(stamps);
	} else {
		cache_drop_note(cache, key, "it is damaged", &said);
		check_refused(&said, CACHE_NOTE);
	}
	buf_release(&note);
	buf_release(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	int kind;

	if (!size)
		return 0;
	kind = *data % KINDS;
	copy = mem_copy(data + 1, --size);
	if (kind == (NOTE | SEALED))
		seal_note(copy, size);
	else if (kind == SEALED && size >= FORMAT_AT + sizeof(struct format_record))
		object_seal(copy, size);
	(kind & NOTE ? try_note : try_object)(copy, size);
	free(copy);
	return 0;
}
