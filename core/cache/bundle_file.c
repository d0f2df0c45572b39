/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles as files: the payload behind an executable, and the trailer behind that. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cache/bundle.h"

#define BAD(err, ...) error_set(err, "E-BUNDLE", __VA_ARGS__)

struct trailer {
	char magic[16];
	uint32_t format;
	uint32_t zero;
	uint64_t size;			/* of the payload, which is right in front */
	unsigned char digest[DIGEST_SIZE];	/* of format, zero, size and the payload */
};
_Static_assert(sizeof(struct trailer) == BUNDLE_TRAILER, "the trailer is used as it lies");

static const char magic[16] = "MOONTRACEBUNDLE";	/* and its NUL */

static void make_digest(const struct trailer *t, const void *payload, unsigned char *ret)
{
	struct digest d;

	digest_init(&d);
	digest_update(&d, &t->format, sizeof(t->format));
	digest_update(&d, &t->zero, sizeof(t->zero));
	digest_update(&d, &t->size, sizeof(t->size));
	digest_update(&d, payload, t->size);
	digest_final(&d, ret);
}

/* bytes of an executable without the payload that it may have already */
static size_t runtime_size(const struct buf *runtime)
{
	struct trailer t;
	size_t size = runtime->len;

	if (size < sizeof(t))
		return size;
	memcpy(&t, runtime->data + size - sizeof(t), sizeof(t));
	if (memcmp(t.magic, magic, sizeof(magic)) != 0 || t.size > size - sizeof(t))
		return size;
	return size - sizeof(t) - t.size;
}

int bundle_join(const struct buf *runtime, const struct buf *payload, struct buf *out,
	struct error *err)
{
	struct trailer t = { .format = BUNDLE_FORMAT, .size = payload->len };

	if (payload->len > BUNDLE_SIZE_MAX)
		return BAD(err, "%zu bytes are too many for a bundle", payload->len);
	memcpy(t.magic, magic, sizeof(magic));
	make_digest(&t, payload->data, t.digest);
	buf_add(out, runtime->data, runtime_size(runtime));
	buf_add(out, payload->data, payload->len);
	buf_add(out, &t, sizeof(t));
	return 0;
}

/* the number of bytes read, or -errno */
static ssize_t read_at(int fd, void *to, size_t n, off_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)to + done, n - done, at + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

/* where an executable ends: behind its section headers. 0: not known */
static uint64_t end_of_elf(int fd)
{
	Elf64_Ehdr eh;

	if (read_at(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    !eh.e_shoff || eh.e_shoff > UINT64_MAX / 2)
		return 0;
	return eh.e_shoff + (uint64_t)eh.e_shnum * eh.e_shentsize;
}

/* the executable itself is cut, or a payload begins behind it and there is no trailer */
static bool is_cut(int fd, uint64_t size)
{
	uint64_t end = end_of_elf(fd);
	char head[sizeof(BUNDLE_HEAD) - 1];
	ssize_t n;

	if (!end || size <= end)
		return size < end;
	n = read_at(fd, head, sizeof(head), end);
	return n > 0 && memcmp(head, BUNDLE_HEAD, n) == 0;
}

static int check_trailer(const struct trailer *t, uint64_t before, const char *name,
	struct error *err)
{
	if (t->format != BUNDLE_FORMAT) {
		BAD(err, "'%s' is a bundle of format %u, but this program reads format %d", name,
			t->format, BUNDLE_FORMAT);
		return error_hint(err, "build it again");
	}
	if (t->zero || !t->size || t->size > before || t->size > BUNDLE_SIZE_MAX)
		return BAD(err, "'%s' is damaged: its payload has %llu bytes, the file %llu in "
			"front", name, (unsigned long long)t->size, (unsigned long long)before);
	return 0;
}

static struct bundle *read_payload(int fd, const struct trailer *t, off_t at, const char *name,
	struct error *err)
{
	unsigned char digest[DIGEST_SIZE];
	struct bundle *b = NULL;
	char *data = mem_alloc(t->size);
	ssize_t n = read_at(fd, data, t->size, at);

	if (n < 0)
		error_sys(err, "E-FILE", -n, "read '%s'", name);
	else if ((uint64_t)n == t->size)
		make_digest(t, data, digest);
	if (n >= 0 && ((uint64_t)n != t->size || memcmp(digest, t->digest, DIGEST_SIZE) != 0)) {
		BAD(err, "'%s' is damaged: the checksum of its payload does not match", name);
		error_hint(err, "copy it again");
	} else if (n >= 0) {
		b = bundle_read(data, t->size, err);
		if (!b)
			error_wrap(err, "'%s'", name);
	}
	free(data);
	return b;
}

int bundle_open(int fd, const char *name, struct bundle **ret, struct error *err)
{
	struct trailer t;
	struct stat st;
	ssize_t n;
	off_t at;

	if (fstat(fd, &st))
		return error_sys(err, "E-FILE", errno, "stat '%s'", name);
	at = st.st_size - (off_t)sizeof(t);
	if (!S_ISREG(st.st_mode) || at < 0)
		return 0;
	n = read_at(fd, &t, sizeof(t), at);
	if (n < 0)
		return error_sys(err, "E-FILE", -n, "read '%s'", name);
	if (n != sizeof(t) || memcmp(t.magic, magic, sizeof(magic)) != 0) {
		if (!is_cut(fd, st.st_size))
			return 0;
		BAD(err, "'%s' is damaged: the end of the bundle is missing, or something is "
			"behind it", name);
		return error_hint(err, "copy it again");
	}
	if (check_trailer(&t, at, name, err))
		return -1;
	*ret = read_payload(fd, &t, at - t.size, name, err);
	return *ret ? 1 : -1;
}
