/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives, read without trust and written the same each time.
 *
 * Only this folder uses libarchive, and only what is built into it: none of
 * its filters that would run a program.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"

/* what a file is, by its first bytes */
enum archive_form {
	FORM_OTHER,		/* perhaps a tar file, compressed or not */
	FORM_RPM,
	FORM_DEB,
};
/* E-HEADERS: cannot be read */
int unpack_form(const char *path, enum archive_form *ret, struct error *err);
bool unpack_is_compressed(const char *path);	/* by its first bytes */

/* ends that no honest archive of headers comes to */
struct unpack_limits {
	uint64_t entries;	/* also those that are not wanted */
	uint64_t bytes;		/* of all of them */
	uint64_t file;		/* bytes of one that is wanted */
};
extern const struct unpack_limits unpack_limits;

struct unpack_rules {
	/*
	 * Writes to ret where below the directory the entry is to be, and
	 * says if it is wanted.  name is relative and has no "." or "..".
	 */
	bool (*place)(const char *name, bool is_link, char *ret, size_t size);
	const struct unpack_limits *limits;
};

struct unpack_result {
	struct digest digest;	/* of the archives' digests, one after the other */
	char first[DIGEST_HEX];	/* of the first one */
	uint64_t archives, files, bytes;
};

/*
 * Unpacks what is wanted below dirfd: files 0644, directories 0755, links
 * that stay inside.  Adds to *result.  E-HEADERS: damaged, hostile (absolute
 * names, ".."), beyond the limits; E-CACHE: cannot be written.
 */
int unpack_file(const char *path, enum archive_form form, int dirfd,
	const struct unpack_rules *rules, struct unpack_result *result, struct error *err);
/* name and first bytes (up to `size`) of the first entry of a FORM_OTHER */
int unpack_first(const char *path, char **ret_name, struct buf *head, size_t size,
	struct error *err);
/* a whole compressed file (gzip, xz). E-FILE */
int unpack_compressed(const char *path, size_t limit, struct buf *out, struct error *err);
/* removes a directory with what is in it; links are not followed */
void unpack_remove(int dirfd, const char *name);

/* tar, compressed with xz if libarchive has it, else gzip: a function of what is added */
struct archive_writer;
struct archive_writer *writer_new(struct buf *out, struct error *err);	/* borrows out */
int writer_add(struct archive_writer *w, const char *name, const void *data, size_t size,
	struct error *err);
int writer_finish(struct archive_writer *w, struct error *err);
void writer_free(struct archive_writer *w);	/* NULL is fine */

#endif
