/* SPDX-License-Identifier: Apache-2.0 */
#include "usdt.h"

#include <byteswap.h>
#include <errno.h>
#include <string.h>

#include "base/open.h"
#include "elf_file_internal.h"

enum { NOTE_STAPSDT = 3, NUMBERS = 3 };

typedef bool (*note_fn)(void *arg, const struct usdt_note *note);

struct reader {
	const struct elf_file *file;
	const struct machine *machine;
	bool swapped;			/* the file's byte order is the other one */
	uint64_t base;			/* where .stapsdt.base is now; 0: there is none */
	note_fn fn;
	void *arg;
};

static uint64_t number(const struct reader *r, const char *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return r->swapped ? bswap_64(v) : v;
}

/* the string at *at, which goes behind its NUL; NULL if it has none */
static const char *take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', end - s) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

/*
 * What is described: address, what .stapsdt.base had, address of the
 * semaphore, then the three strings.  Prelink moves sections, and leaves
 * notes as they are.  False: damaged.
 */
static bool read_note(const struct reader *r, const char *desc, size_t size,
	struct usdt_note *ret)
{
	const char *at = desc + NUMBERS * sizeof(uint64_t), *end = desc + size;
	uint64_t moved, semaphore;

	if (size < NUMBERS * sizeof(uint64_t))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->machine = r->machine;
	ret->provider = take_string(&at, end);
	ret->name = ret->provider ? take_string(&at, end) : NULL;
	ret->args = ret->name ? take_string(&at, end) : NULL;
	if (!ret->args)
		return false;
	moved = r->base ? r->base - number(r, desc + 8) : 0;
	semaphore = number(r, desc + 16);
	return segments_offset(&r->file->segments, number(r, desc) + moved, &ret->offset) &&
		(!semaphore || segments_offset(&r->file->segments, semaphore + moved,
			&ret->semaphore));
}

static void read_notes(const struct reader *r, Elf_Data *data)
{
	size_t at = 0, name, desc;
	struct usdt_note note;
	GElf_Nhdr header;

	while ((at = gelf_getnote(data, at, &header, &name, &desc)) > 0) {
		const char *bytes = data->d_buf;

		if (header.n_type != NOTE_STAPSDT || header.n_namesz != sizeof("stapsdt") ||
		    memcmp(bytes + name, "stapsdt", sizeof("stapsdt")) != 0)
			continue;
		if (read_note(r, bytes + desc, header.n_descsz, &note) && !r->fn(r->arg, &note))
			return;
	}
}

static int read_file(const struct elf_file *f, const char *name, note_fn fn, void *arg,
	struct error *err)
{
	struct reader r = { .file = f, .fn = fn, .arg = arg };
	GElf_Shdr header;
	GElf_Ehdr ehdr;
	Elf_Data *data;

	if (!gelf_getehdr(f->elf, &ehdr))
		return error_set(err, "E-FILE", "'%s' is damaged", name);
	if (gelf_getclass(f->elf) != ELFCLASS64) {
		error_set(err, "E-PROBE", "'%s' is a 32-bit program or library", name);
		return error_hint(err, "USDT probes are supported in 64-bit ones");
	}
	r.machine = machine_of_elf(ehdr.e_machine);
	r.swapped = (ehdr.e_ident[EI_DATA] == ELFDATA2LSB) !=
		(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	if (elf_section_data(f, SHT_PROGBITS, ".stapsdt.base", NULL, &header))
		r.base = header.sh_addr;
	data = elf_section_data(f, SHT_NOTE, ".note.stapsdt", NULL, NULL);
	if (data)
		read_notes(&r, data);
	return 0;
}

static int read_and_close(struct elf_file *f, const char *name, note_fn fn, void *arg,
	struct error *err)
{
	int bad = f ? read_file(f, name, fn, arg, err) :
		error_set(err, "E-FILE", "'%s' is no ELF file", name);

	elf_file_close(f);
	return bad;
}

int usdt_notes(const char *path, note_fn fn, void *arg, struct error *err)
{
	int fd = open_regular(path, 0);

	if (fd < 0)
		return error_sys(err, "E-FILE", errno, "open '%s'", path);
	return read_and_close(elf_file_open(fd), path, fn, arg, err);
}

int usdt_notes_of_memory(const void *image, size_t size, const char *name, note_fn fn, void *arg,
	struct error *err)
{
	return read_and_close(elf_file_of_memory(image, size), name, fn, arg, err);
}
