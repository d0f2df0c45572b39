/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is read, nothing mapped: a file that shrinks under a mapping
 * would end the process.
 */
#include "elf_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "elf_file_internal.h"

/* ---- segments ---- */

bool segments_vaddr(const struct elf_segments *s, uint64_t offset, uint64_t *ret_vaddr)
{
	const struct elf_segment *found = NULL;
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct elf_segment *g = &s->list[i];

		if (offset >= g->offset && offset - g->offset < g->file_size &&
			(!found || g->exec))
			found = g;
	}
	if (found)
		*ret_vaddr = offset - found->offset + found->vaddr;
	return found != NULL;
}

const struct elf_segment *segments_find(const struct elf_segments *s, uint64_t vaddr)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct elf_segment *g = &s->list[i];

		if (vaddr >= g->vaddr && vaddr - g->vaddr < g->mem_size)
			return g;
	}
	return NULL;
}

bool segments_offset(const struct elf_segments *s, uint64_t vaddr, uint64_t *ret_offset)
{
	const struct elf_segment *g = segments_find(s, vaddr);

	if (!g || vaddr - g->vaddr >= g->file_size)
		return false;
	*ret_offset = vaddr - g->vaddr + g->offset;
	return true;
}

static void read_segments(struct elf_file *f)
{
	size_t n, i;
	GElf_Phdr ph;

	if (elf_getphdrnum(f->elf, &n) < 0)
		return;
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(f->elf, i, &ph) || ph.p_type != PT_LOAD)
			continue;
		*MEM_GROW(f->segments.list, f->segments.n) = (struct elf_segment){
			.offset = ph.p_offset, .vaddr = ph.p_vaddr, .file_size = ph.p_filesz,
			.mem_size = ph.p_memsz, .exec = ph.p_flags & PF_X,
		};
	}
}

/* ---- open and close ---- */

static struct elf_file *start(struct elf_file *f)
{
	GElf_Ehdr header;

	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &header)) {
		elf_file_close(f);
		return NULL;
	}
	read_segments(f);
	return f;
}

struct elf_file *elf_file_open(int fd)
{
	struct elf_file *f = mem_alloc(sizeof(*f));

	elf_version(EV_CURRENT);
	f->fd = fd;
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	return start(f);
}

struct elf_file *elf_file_of_memory(const void *image, size_t size)
{
	struct elf_file *f = mem_alloc(sizeof(*f));

	elf_version(EV_CURRENT);
	f->fd = -1;
	f->image = mem_copy(image, size);
	f->elf = elf_memory(f->image, size);
	return start(f);
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f->image);
	free(f->segments.list);
	free(f);
}

const struct elf_segments *elf_file_segments(const struct elf_file *f)
{
	return &f->segments;
}

/* ---- sections ---- */

/*
 * What is read of a section goes to memory as a whole, and a file of a few
 * blocks can have one of gigabytes: all holes.  Of the largest programs with
 * their debug files (browsers, kernels with all modules: up to 4 GiB) some
 * million symbols of 24 bytes and as many names of a hundred are read; of other
 * sections, some MiB at most.
 */
static bool is_readable(const GElf_Shdr *header)
{
	static const struct { unsigned type; uint64_t max; } limits[] = {
		{ SHT_SYMTAB, 256 << 20 },
		{ SHT_DYNSYM, 256 << 20 },
		{ SHT_STRTAB, 768 << 20 },
		{ SHT_PROGBITS, 256 << 20 },	/* .rodata */
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		if (limits[i].type == header->sh_type)
			return header->sh_size <= limits[i].max;
	}
	return header->sh_size <= 32 << 20;
}

/* the first section of this type (and name, unless NULL) and its header; or NULL */
static Elf_Scn *find_section(const struct elf_file *f, unsigned type, const char *name,
	GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;
	const char *s;
	size_t names;

	if (name && (elf_getshdrstrndx(f->elf, &names) < 0 ||
		!gelf_getshdr(elf_getscn(f->elf, names), ret_header) || !is_readable(ret_header)))
		return NULL;
	while ((section = elf_nextscn(f->elf, section))) {
		if (!gelf_getshdr(section, ret_header) || ret_header->sh_type != type)
			continue;
		s = name ? elf_strptr(f->elf, names, ret_header->sh_name) : NULL;
		if (!name || (s && strcmp(s, name) == 0))
			return section;
	}
	return NULL;
}

bool elf_section_is_there(const struct elf_file *f, unsigned type, const char *name)
{
	GElf_Shdr header;

	return find_section(f, type, name, &header) != NULL;
}

/* of the section of a symbol table's names */
static bool names_are_readable(const struct elf_file *f, const GElf_Shdr *symbols)
{
	Elf_Scn *names = elf_getscn(f->elf, symbols->sh_link);
	GElf_Shdr header;

	return names && gelf_getshdr(names, &header) && header.sh_type == SHT_STRTAB &&
		is_readable(&header);
}

Elf_Data *elf_section_data(const struct elf_file *f, unsigned type, const char *name,
	Elf_Scn **ret_section, GElf_Shdr *ret_header)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(f, type, name, &header);

	if (!section || !is_readable(&header))
		return NULL;
	if (ret_section)
		*ret_section = section;
	if (ret_header)
		*ret_header = header;
	return elf_getdata(section, NULL);
}

bool elf_file_has_symtab(const struct elf_file *f)
{
	GElf_Shdr header;
	Elf_Data *data = elf_section_data(f, SHT_SYMTAB, NULL, NULL, &header);

	return data && data->d_size;
}

static bool note_build_id(Elf_Data *data, struct build_id *ret)
{
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	while ((at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const char *bytes = data->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
			memcmp(bytes + name, "GNU", 4) != 0 || !note.n_descsz ||
			note.n_descsz > BUILD_ID_MAX)
			continue;
		memcpy(ret->bytes, bytes + desc, note.n_descsz);
		ret->len = note.n_descsz;
		return true;
	}
	return false;
}

bool elf_file_build_id(const struct elf_file *f, struct build_id *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	Elf_Data *data;

	while ((section = elf_nextscn(f->elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_NOTE)
			continue;
		data = is_readable(&header) ? elf_getdata(section, NULL) : NULL;
		if (data && note_build_id(data, ret))
			return true;
	}
	return false;
}

/* ---- symbols ---- */

static bool is_code(const struct elf_file *f, const GElf_Sym *sym)
{
	GElf_Shdr header;
	Elf_Scn *section;

	if (sym->st_shndx >= SHN_LORESERVE)
		return false;
	section = elf_getscn(f->elf, sym->st_shndx);
	return section && gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR);
}

/* Labels of assembler have no type; the local ones only mark places inside of functions. */
static bool is_wanted(const struct elf_file *f, const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS)
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	return type == STT_NOTYPE && GELF_ST_BIND(sym->st_info) != STB_LOCAL && is_code(f, sym);
}

/* "memcpy@GLIBC_2.2.5", beside "memcpy@@GLIBC_2.14" */
static void set_name(struct elf_symbol *s, const char *name, Elf_Data *versions, size_t i)
{
	const char *at = strchr(name, '@');
	GElf_Versym version;

	s->name = name;
	s->name_len = at ? (size_t)(at - name) : strlen(name);
	s->old_version = at && at[1] != '@';
	if (versions && gelf_getversym(versions, i, &version))
		s->old_version = version & 0x8000;
}

struct walk {
	const struct elf_file *file;
	uint64_t bias;			/* to add to values: prelink moved f, not its debug file */
	elf_symbol_fn fn;
	void *arg;
};

static bool walk_symbol(const struct walk *w, const GElf_Sym *sym, const char *name,
	Elf_Data *versions, size_t i)
{
	struct elf_symbol s = {
		.vaddr = sym->st_value + w->bias,
		.size = sym->st_size,
		.type = GELF_ST_TYPE(sym->st_info),
		.bind = GELF_ST_BIND(sym->st_info),
	};

	if (!name || !*name || *name == '$')
		return true;
	set_name(&s, name, versions, i);
	return !s.name_len || w->fn(w->arg, &s);
}

static bool walk_section(const struct walk *w, unsigned type)
{
	Elf_Data *data, *versions = NULL;
	GElf_Shdr header;
	GElf_Sym sym;
	size_t i;

	data = elf_section_data(w->file, type, NULL, NULL, &header);
	if (!data || !names_are_readable(w->file, &header))
		return true;
	if (type == SHT_DYNSYM)
		versions = elf_section_data(w->file, SHT_GNU_versym, NULL, NULL, NULL);
	for (i = 0; i <= INT32_MAX && gelf_getsym(data, i, &sym); i++) {
		if (is_wanted(w->file, &sym) && !walk_symbol(w, &sym,
			elf_strptr(w->file->elf, header.sh_link, sym.st_name), versions, i))
			return false;
	}
	return true;
}

static uint64_t first_vaddr(const struct elf_file *f)
{
	return f->segments.n ? f->segments.list[0].vaddr : 0;
}

void elf_file_each(const struct elf_file *f, const struct elf_file *debug, elf_symbol_fn fn,
	void *arg)
{
	struct walk w = { .file = f, .fn = fn, .arg = arg };
	struct walk wd = { .file = debug, .fn = fn, .arg = arg };

	if (!walk_section(&w, SHT_SYMTAB) || !walk_section(&w, SHT_DYNSYM))
		return;
	if (!debug || elf_file_has_symtab(f))
		return;
	wd.bias = first_vaddr(f) - first_vaddr(debug);
	walk_section(&wd, SHT_SYMTAB);
}
