/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that tests make for themselves: tar, .deb, .rpm. */
#ifndef ARCHIVE_SAMPLE_H
#define ARCHIVE_SAMPLE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

struct sample_entry {
	const char *name, *text;
	const char *link, *hard_link;	/* target, or NULL */
};

static la_ssize_t sample_append(struct archive *a, void *arg, const void *data, size_t size)
{
	(void)a;
	buf_add(arg, data, size);
	return size;
}

static void sample_add(struct archive *a, const struct sample_entry *e)
{
	struct archive_entry *entry = archive_entry_new();
	size_t size = e->text ? strlen(e->text) : 0;

	archive_entry_set_pathname(entry, e->name);
	archive_entry_set_filetype(entry, e->link ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	if (e->link)
		archive_entry_set_symlink(entry, e->link);
	if (e->hard_link)
		archive_entry_set_hardlink(entry, e->hard_link);
	else
		archive_entry_set_size(entry, size);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (size)
		assert_int_equal(archive_write_data(a, e->text, size), size);
	archive_entry_free(entry);
}

/* format: archive_write_set_format_...; filter: archive_write_add_filter_... */
static void sample_archive(struct buf *out, int (*format)(struct archive *),
	int (*filter)(struct archive *), const struct sample_entry *entries, size_t n)
{
	struct archive *a = archive_write_new();
	size_t i;

	assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(format(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, sample_append, NULL), ARCHIVE_OK);
	for (i = 0; i < n; i++)
		sample_add(a, &entries[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static void sample_save(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void sample_tar(const char *path, const struct sample_entry *entries, size_t n)
{
	struct buf out = BUF_INIT;

	sample_archive(&out, archive_write_set_format_pax_restricted,
		archive_write_add_filter_xz, entries, n);
	sample_save(path, out.data, out.len);
	buf_release(&out);
}

static void sample_member(struct buf *out, const char *name, const struct buf *data)
{
	buf_addf(out, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644, data->len);
	buf_add(out, data->data, data->len);
	if (data->len & 1)
		buf_addc(out, '\n');
}

static inline void sample_deb(const char *path, int (*filter)(struct archive *), const char *member,
	const struct sample_entry *entries, size_t n)
{
	struct buf out = BUF_INIT, data = BUF_INIT, version = BUF_INIT;

	buf_adds(&version, "2.0\n");
	buf_adds(&out, "!<arch>\n");
	sample_member(&out, "debian-binary", &version);
	sample_archive(&data, archive_write_set_format_ustar, archive_write_add_filter_gzip,
		NULL, 0);
	sample_member(&out, "control.tar.gz", &data);
	buf_clear(&data);
	sample_archive(&data, archive_write_set_format_ustar, filter, entries, n);
	sample_member(&out, member, &data);
	sample_save(path, out.data, out.len);
	buf_release(&version);
	buf_release(&data);
	buf_release(&out);
}

static void sample_number(struct buf *out, unsigned n)
{
	char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	buf_add(out, bytes, 4);
}

/* the signature, or the header: one entry, a string */
static void sample_rpm_header(struct buf *out)
{
	static const char text[16] = "kernel-devel";

	buf_add(out, "\x8e\xad\xe8\x01\0\0\0\0", 8);
	sample_number(out, 1);			/* entries */
	sample_number(out, sizeof(text));	/* bytes */
	sample_number(out, 1000);		/* tag: name */
	sample_number(out, 6);			/* type: string */
	sample_number(out, 0);			/* offset */
	sample_number(out, 1);			/* count */
	buf_add(out, text, sizeof(text));
}

static inline void sample_rpm(const char *path, int (*filter)(struct archive *),
	const struct sample_entry *entries, size_t n)
{
	char lead[96] = "\xed\xab\xee\xdb\3\0\0\0\0\1kernel-devel";
	struct buf out = BUF_INIT;

	lead[79] = 5;		/* type of the signature */
	buf_add(&out, lead, sizeof(lead));
	sample_rpm_header(&out);
	sample_rpm_header(&out);
	sample_archive(&out, archive_write_set_format_cpio_newc, filter, entries, n);
	sample_save(path, out.data, out.len);
	buf_release(&out);
}

#endif
