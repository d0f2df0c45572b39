/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For static links only.  libarchive's writer of pax calls this function, whose
 * own file there names every format's writer: with them would come libxml2,
 * nettle and more.  We write regular files, which pax supports.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

void __archive_write_entry_filetype_unsupported(struct archive *a, struct archive_entry *e,
	const char *format);

void __archive_write_entry_filetype_unsupported(struct archive *a, struct archive_entry *e,
	const char *format)
{
	archive_set_error(a, EINVAL, "%s: %s cannot hold such a file",
		archive_entry_pathname(e), format);
}
