/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a program object as an ELF file.  The bytes are laid out here and
 * not by libelf, so that they depend on the object and on nothing else.
 */
#include "object_format.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "types.h"

struct writer {
	const struct object *obj;
	struct buf *out;
	Elf64_Shdr *sections;
	size_t n_sections;
	struct buf strings;		/* .strtab, for sections and symbols */
	uint32_t *program_section;	/* section index by program */
	uint32_t maps_section;
};

static uint32_t add_string(struct writer *w, const char *prefix, const char *s)
{
	uint32_t at = w->strings.len;

	buf_adds(&w->strings, prefix);
	buf_add(&w->strings, s, strlen(s) + 1);
	return at;
}

static void align(struct writer *w, size_t to)
{
	while (w->out->len % to)
		buf_addc(w->out, 0);
}

/* appends a section with its bytes; returns its header, valid until the next one */
static Elf64_Shdr *add_section(struct writer *w, uint32_t name, uint32_t type, uint64_t flags,
	size_t alignment, const void *data, size_t size)
{
	Elf64_Shdr *sh;

	align(w, alignment);
	sh = MEM_GROW(w->sections, w->n_sections);
	sh->sh_name = name;
	sh->sh_type = type;
	sh->sh_flags = flags;
	sh->sh_offset = w->out->len;
	sh->sh_size = size;
	sh->sh_addralign = alignment;
	buf_add(w->out, data, size);
	return sh;
}

static void add_data(struct writer *w, const char *name, size_t alignment, const void *data,
	size_t size)
{
	add_section(w, add_string(w, "", name), SHT_PROGBITS, 0, alignment, data, size);
}

static void add_format(struct writer *w)
{
	struct format_record rec = { .magic = FORMAT_MAGIC, .format = OBJECT_FORMAT };

	add_data(w, SECTION_FORMAT, 8, &rec, sizeof(rec));
}

/* ---- programs ---- */

static uint32_t program_section_name(struct writer *w, const struct object_program *prog)
{
	struct buf name = BUF_INIT;
	const char *p;
	uint32_t at;

	if (!prog->probe)
		return add_string(w, PREFIX_BY_HAND, prog->name);
	for (p = prog->probe; *p; p++) {
		if (*p == ':')
			buf_addc(&name, '/');
		else if (strchr(PROBE_PLAIN, *p))
			buf_addc(&name, *p);
		else
			buf_addf(&name, "%%%02X", (unsigned char)*p);
	}
	at = add_string(w, "", name.data);
	buf_release(&name);
	return at;
}

static void add_relocs(struct writer *w, size_t program, const char *section)
{
	const struct object_program *prog = &w->obj->programs[program];
	Elf64_Rel *rels = mem_array(prog->n_relocs, sizeof(*rels));
	uint32_t first_map = 1 + w->obj->n_programs;
	Elf64_Shdr *sh;
	size_t i;

	for (i = 0; i < prog->n_relocs; i++) {
		rels[i].r_offset = prog->relocs[i].insn * sizeof(struct bpf_insn);
		rels[i].r_info = ELF64_R_INFO((uint64_t)first_map + prog->relocs[i].map, RELOC_MAP);
	}
	sh = add_section(w, add_string(w, PREFIX_RELOCS, section), SHT_REL, SHF_INFO_LINK, 8,
		rels, prog->n_relocs * sizeof(*rels));
	sh->sh_entsize = sizeof(*rels);
	sh->sh_info = w->program_section[program];
	free(rels);
}

static void add_program(struct writer *w, size_t program)
{
	const struct object_program *prog = &w->obj->programs[program];
	size_t size = prog->n_insns * sizeof(prog->insns[0]), i;
	struct bpf_insn *insns = mem_copy(prog->insns, size);
	uint32_t name = program_section_name(w, prog);
	char *section = mem_string(w->strings.data + name);

	for (i = 0; i < prog->n_relocs; i++) {
		insns[prog->relocs[i].insn].imm = 0;
		insns[prog->relocs[i].insn + 1].imm = 0;
	}
	w->program_section[program] = w->n_sections;
	add_section(w, name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 8, insns, size);
	if (prog->n_relocs)
		add_relocs(w, program, section);
	free(section);
	free(insns);
}

/* ---- maps, lines, facts ---- */

static void add_maps(struct writer *w)
{
	const struct object *obj = w->obj;
	struct map_record *recs = mem_array(obj->n_maps, sizeof(*recs));
	size_t i;

	for (i = 0; i < obj->n_maps; i++) {
		const struct object_map *m = &obj->maps[i];

		recs[i] = (struct map_record){
			.type = m->type, .key_size = m->key_size, .value_size = m->value_size,
			.max_entries = m->max_entries, .flags = m->flags,
			.key_type = m->key_type, .value_type = m->value_type,
			.role = m->role, .inner = m->inner,
		};
	}
	w->maps_section = w->n_sections;
	add_section(w, add_string(w, "", SECTION_MAPS), SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 4,
		recs, obj->n_maps * sizeof(*recs));
	free(recs);
}

static void add_lines(struct writer *w)
{
	struct buf recs = BUF_INIT;
	size_t p, i;

	for (p = 0; p < w->obj->n_programs; p++) {
		const struct object_program *prog = &w->obj->programs[p];

		for (i = 0; i < prog->n_lines; i++) {
			const struct object_line *l = &prog->lines[i];
			struct line_record rec = { p, l->insn, l->line, l->column };

			buf_add(&recs, &rec, sizeof(rec));
		}
	}
	if (recs.len)
		add_data(w, SECTION_LINES, 4, recs.data, recs.len);
	buf_release(&recs);
}

static void add_params(struct writer *w)
{
	const struct object *obj = w->obj;
	struct buf text = BUF_INIT;
	size_t i;

	for (i = 0; i < obj->n_params; i++) {
		buf_adds(&text, obj->params[i].name);
		if (obj->params[i].optional)
			buf_addc(&text, PARAM_OPTIONAL);
		buf_addc(&text, 0);
	}
	if (text.len)
		add_data(w, SECTION_PARAMS, 1, text.data, text.len);
	buf_clear(&text);
	for (i = 0; i < obj->n_patches; i++) {
		const struct object_patch *p = &obj->patches[i];
		struct patch_record rec = { p->kind, p->param, p->at, p->insn };

		buf_add(&text, &rec, sizeof(rec));
	}
	if (text.len)
		add_data(w, SECTION_PATCHES, 4, text.data, text.len);
	buf_release(&text);
}

static void add_facts(struct writer *w)
{
	struct buf text = BUF_INIT;
	size_t i;

	for (i = 0; i < w->obj->n_facts; i++) {
		buf_addf(&text, "%s=%s", w->obj->facts[i].key, w->obj->facts[i].value);
		buf_addc(&text, 0);
	}
	if (text.len)
		add_data(w, SECTION_FACTS, 1, text.data, text.len);
	buf_release(&text);
}

static void add_types(struct writer *w)
{
	const void *raw;
	size_t size;

	if (!w->obj->types)
		return;
	raw = types_raw(w->obj->types, &size);
	add_data(w, SECTION_TYPES, 4, raw, size);
}

static void add_text(struct writer *w, const char *name, const char *text)
{
	if (text)
		add_data(w, name, 1, text, strlen(text) + 1);
}

/* ---- symbols and the end ---- */

static Elf64_Sym make_symbol(struct writer *w, const char *name, unsigned type, uint32_t section,
	uint64_t value, uint64_t size)
{
	return (Elf64_Sym){
		.st_name = add_string(w, "", name), .st_info = ELF64_ST_INFO(STB_GLOBAL, type),
		.st_shndx = section, .st_value = value, .st_size = size,
	};
}

static void add_symbols(struct writer *w)
{
	const struct object *obj = w->obj;
	size_t n = 1 + obj->n_programs + obj->n_maps, i;
	Elf64_Sym *syms = mem_array(n, sizeof(*syms)), *s = syms + 1;
	Elf64_Shdr *sh;

	for (i = 0; i < obj->n_programs; i++)
		*s++ = make_symbol(w, obj->programs[i].name, STT_FUNC, w->program_section[i], 0,
			obj->programs[i].n_insns * sizeof(struct bpf_insn));
	for (i = 0; i < obj->n_maps; i++)
		*s++ = make_symbol(w, obj->maps[i].name, STT_OBJECT, w->maps_section,
			i * sizeof(struct map_record), sizeof(struct map_record));
	sh = add_section(w, add_string(w, "", SECTION_SYMBOLS), SHT_SYMTAB, 0, 8, syms,
		n * sizeof(*syms));
	sh->sh_entsize = sizeof(*syms);
	sh->sh_info = 1;			/* no local ones but the first */
	free(syms);
}

static void add_strings(struct writer *w)
{
	uint32_t name = add_string(w, "", SECTION_STRINGS);

	add_section(w, name, SHT_STRTAB, 0, 1, w->strings.data, w->strings.len);
}

/* the last two sections are .symtab and .strtab: now their indices are known */
static void link_sections(struct writer *w)
{
	uint32_t strings = w->n_sections - 1, symbols = w->n_sections - 2;
	size_t i;

	for (i = 1; i < w->n_sections; i++) {
		if (w->sections[i].sh_type == SHT_REL)
			w->sections[i].sh_link = symbols;
		else if (w->sections[i].sh_type == SHT_SYMTAB)
			w->sections[i].sh_link = strings;
	}
}

static void finish(struct writer *w)
{
	Elf64_Ehdr *eh;

	link_sections(w);
	align(w, 8);
	eh = (Elf64_Ehdr *)(w->out->data);
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_ident[EI_VERSION] = EV_CURRENT;
	eh->e_type = ET_REL;
	eh->e_machine = EM_BPF;
	eh->e_version = EV_CURRENT;
	eh->e_shoff = w->out->len;
	eh->e_ehsize = sizeof(*eh);
	eh->e_shentsize = sizeof(Elf64_Shdr);
	eh->e_shnum = w->n_sections;
	eh->e_shstrndx = w->n_sections - 1;
	buf_add(w->out, w->sections, w->n_sections * sizeof(w->sections[0]));
}

static void write_all(struct writer *w)
{
	const struct object *obj = w->obj;
	Elf64_Ehdr header = { 0 };
	size_t i;

	buf_add(w->out, &header, sizeof(header));
	buf_addc(&w->strings, 0);
	(void)MEM_GROW(w->sections, w->n_sections);	/* section 0 is none */
	add_format(w);
	for (i = 0; i < obj->n_programs; i++)
		add_program(w, i);
	if (obj->n_maps)
		add_maps(w);
	add_text(w, SECTION_LICENSE, obj->license);
	add_data(w, SECTION_VERSION, 4, &obj->kern_version, sizeof(obj->kern_version));
	add_types(w);
	add_text(w, SECTION_SOURCE, obj->source_name);
	add_lines(w);
	add_params(w);
	add_facts(w);
	add_symbols(w);
	add_strings(w);
	finish(w);
}

uint32_t object_checksum(const void *data, size_t size)
{
	const size_t at = FORMAT_AT + offsetof(struct format_record, crc);
	static const unsigned char zero[4];
	uint32_t crc = crc32(0, data, at);

	crc = crc32(crc, zero, sizeof(zero));
	return crc32(crc, (const unsigned char *)data + at + 4, size - at - 4);
}

void object_seal(void *data, size_t size)
{
	unsigned char *rec = (unsigned char *)data + FORMAT_AT;
	uint64_t file_size = size;
	uint32_t crc;

	memcpy(rec + offsetof(struct format_record, file_size), &file_size, sizeof(file_size));
	crc = object_checksum(data, size);
	memcpy(rec + offsetof(struct format_record, crc), &crc, sizeof(crc));
}

int object_write(const struct object *obj, struct buf *out, struct error *err)
{
	struct buf file = BUF_INIT;
	struct writer w = { .obj = obj, .out = &file, .strings = BUF_INIT };
	int rc = 0;

	if (object_check(obj, err))
		return -1;
	w.program_section = mem_array(obj->n_programs, sizeof(uint32_t));
	write_all(&w);
	if (file.len > OBJECT_SIZE_MAX) {
		rc = error_set(err, "E-OBJECT", "%zu bytes are too many for an object", file.len);
	} else {
		object_seal(file.data, file.len);
		buf_add(out, file.data, file.len);
	}
	buf_release(&file);
	buf_release(&w.strings);
	free(w.sections);
	free(w.program_section);
	return rc;
}
