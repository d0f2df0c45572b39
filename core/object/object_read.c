/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a program object.  Nothing in the file is believed: first its size
 * and checksum, then each record for its place in the file (here), then
 * what the records mean together (object_check).
 */
#include "object_format.h"

#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "types.h"

#define BAD(err, ...) error_set(err, "E-OBJECT", __VA_ARGS__)

struct section {
	const char *name;
	const Elf64_Shdr *header;
	const void *data;
	size_t size;
	int program;			/* index of the program it holds, or -1 */
};

struct reader {
	Elf *elf;
	struct section *sections;
	size_t n_sections;
	int32_t *map_of_symbol;		/* -1: that symbol is no map */
	size_t n_symbols;
	struct object *obj;
	struct error *err;
};

typedef int section_reader(struct reader *r, struct section *s);

/* ---- before libelf sees it ---- */

static int check_elf_header(const Elf64_Ehdr *eh, struct error *err)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return BAD(err, "not an ELF file");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return BAD(err, "not a 64-bit little-endian ELF file");
	if (eh->e_machine != EM_BPF || eh->e_type != ET_REL || eh->e_version != EV_CURRENT)
		return BAD(err, "not a relocatable file for BPF");
	if (eh->e_ehsize != sizeof(*eh) || eh->e_shentsize != sizeof(Elf64_Shdr))
		return BAD(err, "odd sizes in the ELF header");
	/* libelf hands out pointers into the table as it lies */
	if (eh->e_shoff % sizeof(uint64_t))
		return BAD(err, "the section table is not aligned");
	return 0;
}

static int check_frame(const void *data, size_t size, struct error *err)
{
	struct format_record rec;
	Elf64_Ehdr eh;

	if (size < FORMAT_AT + sizeof(rec))
		return BAD(err, "%zu bytes are too few for a program object", size);
	memcpy(&eh, data, sizeof(eh));
	memcpy(&rec, (const char *)data + FORMAT_AT, sizeof(rec));
	if (check_elf_header(&eh, err))
		return -1;
	if (memcmp(rec.magic, FORMAT_MAGIC, sizeof(rec.magic)) != 0)
		return BAD(err, "an ELF file for BPF, but no program object of moontrace");
	if (rec.format != OBJECT_FORMAT) {
		BAD(err, "object format %u, but this program reads format %d", rec.format,
			OBJECT_FORMAT);
		return error_hint(err, "compile it again with the moontrace that is to run it");
	}
	if (rec.file_size != size || size > OBJECT_SIZE_MAX)
		return BAD(err, "%zu bytes instead of %llu", size,
			(unsigned long long)rec.file_size);
	if (rec.crc != object_checksum(data, size))
		return BAD(err, "damaged: the checksum does not match");
	return 0;
}

/* ---- sections ---- */

static const char *printable(const char *s, char out[64])
{
	size_t i;

	for (i = 0; s[i] && i < 63; i++)
		out[i] = s[i] < ' ' || s[i] > '~' ? '?' : s[i];
	out[i] = '\0';
	return out;
}

static int bad_section(struct reader *r, const struct section *s, const char *problem)
{
	char name[64];

	return BAD(r->err, "section %zu ('%s'): %s", (size_t)(s - r->sections),
		printable(s->name, name), problem);
}

static int load_section(struct reader *r, size_t index, size_t names)
{
	struct section *s = &r->sections[index];
	Elf_Scn *scn = elf_getscn(r->elf, index);
	Elf_Data *data;

	s->program = -1;
	s->header = scn ? elf64_getshdr(scn) : NULL;
	if (!s->header)
		return BAD(r->err, "section %zu has no header", index);
	s->name = elf_strptr(r->elf, names, s->header->sh_name);
	if (!s->name)
		return BAD(r->err, "section %zu has no name", index);
	if (s->header->sh_type == SHT_NOBITS || (s->header->sh_flags & SHF_COMPRESSED))
		return bad_section(r, s, "no bytes of its own");
	data = elf_rawdata(scn, NULL);
	if (!data || data->d_size != s->header->sh_size || (data->d_size && !data->d_buf))
		return bad_section(r, s, "not within the file");
	s->data = data->d_size ? data->d_buf : "";
	s->size = data->d_size;
	return 0;
}

static int load_sections(struct reader *r)
{
	const size_t max = 2 * OBJECT_PROGRAMS_MAX + 16;
	size_t names, i;

	if (elf_getshdrnum(r->elf, &r->n_sections) || elf_getshdrstrndx(r->elf, &names))
		return BAD(r->err, "the section table is damaged");
	if (r->n_sections < 2 || r->n_sections > max)
		return BAD(r->err, "%zu sections", r->n_sections);
	r->sections = mem_array(r->n_sections, sizeof(*r->sections));
	r->sections[0].program = -1;		/* the one that stands for none */
	r->sections[0].name = "";
	for (i = 1; i < r->n_sections; i++) {
		if (load_section(r, i, names))
			return -1;
	}
	return 0;
}

/* data of `count` records of `each` bytes */
static int check_records(struct reader *r, const struct section *s, size_t each, size_t max,
	size_t *ret_count)
{
	*ret_count = s->size / each;
	if (s->size % each)
		return bad_section(r, s, "its size is no multiple of its records'");
	if (*ret_count > max)
		return bad_section(r, s, "too many records");
	return 0;
}

/* ---- what the sections hold ---- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* the probe that the section's name says; NULL if it is not as a writer spells it */
static char *probe_of_section(const char *name)
{
	struct buf probe = BUF_INIT;

	for (; *name; name++) {
		char c = *name == '/' ? ':' : *name;

		if (c == '%' && hex_digit(name[1]) >= 0 && hex_digit(name[2]) >= 0) {
			c = hex_digit(name[1]) << 4 | hex_digit(name[2]);
			name += 2;
			if (!c || c == ':' || strchr(PROBE_PLAIN, c))
				goto bad;
		} else if (*name == ':' || (c != ':' && !strchr(PROBE_PLAIN, c))) {
			goto bad;
		}
		buf_addc(&probe, c);
	}
	return buf_take(&probe, NULL);
bad:
	buf_release(&probe);
	return NULL;
}

static int read_program(struct reader *r, struct section *s)
{
	struct object_program *prog;
	size_t n;

	if (check_records(r, s, sizeof(struct bpf_insn), OBJECT_INSNS_MAX, &n))
		return -1;
	if (r->obj->n_programs >= OBJECT_PROGRAMS_MAX)
		return bad_section(r, s, "too many programs");
	s->program = r->obj->n_programs;
	prog = object_add_program(r->obj, NULL);
	prog->insns = mem_copy(s->data, s->size);
	prog->n_insns = n;
	if (str_starts(s->name, PREFIX_BY_HAND))
		return 0;
	prog->probe = probe_of_section(s->name);
	return prog->probe ? 0 : bad_section(r, s, "no name of a probe");
}

static int read_maps(struct reader *r, struct section *s)
{
	struct map_record rec;
	size_t n, i;

	if (check_records(r, s, sizeof(rec), OBJECT_MAPS_MAX, &n))
		return -1;
	for (i = 0; i < n; i++) {
		struct object_map *m = object_add_map(r->obj, NULL);

		memcpy(&rec, (const char *)s->data + i * sizeof(rec), sizeof(rec));
		m->type = rec.type;
		m->key_size = rec.key_size;
		m->value_size = rec.value_size;
		m->max_entries = rec.max_entries;
		m->flags = rec.flags;
		m->key_type = rec.key_type;
		m->value_type = rec.value_type;
		m->role = rec.role;
		m->inner = rec.inner;
	}
	return 0;
}

static int read_text(struct reader *r, struct section *s, char **ret)
{
	const char *text = s->data;

	if (!s->size || strnlen(text, s->size) != s->size - 1)
		return bad_section(r, s, "not one terminated string");
	*ret = mem_string(text);
	return 0;
}

static int read_license(struct reader *r, struct section *s)
{
	return read_text(r, s, &r->obj->license);
}

static int read_source(struct reader *r, struct section *s)
{
	return read_text(r, s, &r->obj->source_name);
}

static int read_version(struct reader *r, struct section *s)
{
	if (s->size != sizeof(r->obj->kern_version))
		return bad_section(r, s, "not one number");
	memcpy(&r->obj->kern_version, s->data, s->size);
	return 0;
}

static int read_types(struct reader *r, struct section *s)
{
	r->obj->types = types_read(s->data, s->size, r->err);
	return r->obj->types ? 0 : -1;
}

static int read_facts(struct reader *r, struct section *s)
{
	const char *p = s->data, *end = p + s->size, *equals;
	struct object_fact *fact;

	if (s->size && end[-1])
		return bad_section(r, s, "its last string is not terminated");
	for (; p < end; p += strlen(p) + 1) {
		equals = strchr(p, '=');
		if (!equals)
			return bad_section(r, s, "a fact without '='");
		if (r->obj->n_facts >= OBJECT_FACTS_MAX)
			return bad_section(r, s, "too many facts");
		fact = MEM_GROW(r->obj->facts, r->obj->n_facts);
		fact->key = mem_string_n(p, equals - p);
		fact->value = mem_string(equals + 1);
	}
	return 0;
}

static int read_params(struct reader *r, struct section *s)
{
	const char *p = s->data, *end = p + s->size;
	size_t n;

	if (s->size && end[-1])
		return bad_section(r, s, "its last string is not terminated");
	for (; p < end; p += n + 1) {
		n = strlen(p);
		if (r->obj->n_params >= OBJECT_PARAMS_MAX)
			return bad_section(r, s, "too many parameters");
		object_add_param(r->obj, p, n && p[n - 1] == PARAM_OPTIONAL);
		if (n && p[n - 1] == PARAM_OPTIONAL)
			r->obj->params[r->obj->n_params - 1].name[n - 1] = '\0';
	}
	return 0;
}

static int read_patches(struct reader *r, struct section *s)
{
	struct patch_record rec;
	size_t n, i;

	if (check_records(r, s, sizeof(rec), OBJECT_INSNS_MAX, &n))
		return -1;
	for (i = 0; i < n; i++) {
		memcpy(&rec, (const char *)s->data + i * sizeof(rec), sizeof(rec));
		*MEM_GROW(r->obj->patches, r->obj->n_patches) =
			(struct object_patch){ rec.kind, rec.param, rec.at, rec.insn };
	}
	return 0;
}

/* the programs before it in the file are known */
static int read_lines(struct reader *r, struct section *s)
{
	struct line_record rec;
	size_t n, i, last = 0;

	if (check_records(r, s, sizeof(rec), SIZE_MAX, &n))
		return -1;
	for (i = 0; i < n; i++) {
		struct object_program *prog;

		memcpy(&rec, (const char *)s->data + i * sizeof(rec), sizeof(rec));
		if (rec.program >= r->obj->n_programs || rec.program < last)
			return bad_section(r, s, "a line of a program that is not there");
		last = rec.program;
		prog = &r->obj->programs[last];
		*MEM_GROW(prog->lines, prog->n_lines) =
			(struct object_line){ rec.insn, rec.line, rec.column };
	}
	return 0;
}

/* ---- symbols: the names of programs and maps ---- */

static int name_program(struct reader *r, const Elf64_Sym *sym, const char *name)
{
	struct section *s = sym->st_shndx < r->n_sections ? &r->sections[sym->st_shndx] : NULL;
	struct object_program *prog;

	if (!s || s->program < 0)
		return BAD(r->err, "a function in a section that is no program");
	prog = &r->obj->programs[s->program];
	if (prog->name || sym->st_value != 0 || sym->st_size != s->size)
		return bad_section(r, s, "not exactly one function");
	if (!prog->probe && strcmp(s->name + strlen(PREFIX_BY_HAND), name) != 0)
		return bad_section(r, s, "its function has another name");
	prog->name = mem_string(name);
	return 0;
}

static int name_map(struct reader *r, const Elf64_Sym *sym, const char *name, int32_t *ret_map)
{
	size_t i = sym->st_value / sizeof(struct map_record);

	if (sym->st_shndx >= r->n_sections ||
		strcmp(r->sections[sym->st_shndx].name, SECTION_MAPS) != 0)
		return BAD(r->err, "a data symbol that is no map");
	if (sym->st_value % sizeof(struct map_record) || i >= r->obj->n_maps ||
		sym->st_size != sizeof(struct map_record))
		return BAD(r->err, "a map's symbol is out of range");
	if (r->obj->maps[i].name)
		return BAD(r->err, "map %zu has two names", i);
	r->obj->maps[i].name = mem_string(name);
	*ret_map = i;
	return 0;
}

static int read_symbol(struct reader *r, const struct section *s, size_t i)
{
	const char *name;
	Elf64_Sym sym;

	memcpy(&sym, (const char *)s->data + i * sizeof(sym), sizeof(sym));
	name = elf_strptr(r->elf, s->header->sh_link, sym.st_name);
	if (!name)
		return BAD(r->err, "symbol %zu has no name", i);
	if (ELF64_ST_BIND(sym.st_info) != STB_GLOBAL)
		return BAD(r->err, "symbol %zu is not global", i);
	if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC)
		return name_program(r, &sym, name);
	if (ELF64_ST_TYPE(sym.st_info) == STT_OBJECT)
		return name_map(r, &sym, name, &r->map_of_symbol[i]);
	return BAD(r->err, "symbol %zu is neither function nor map", i);
}

static int read_symbols(struct reader *r, struct section *s)
{
	size_t i;

	if (check_records(r, s, sizeof(Elf64_Sym), 1 + OBJECT_PROGRAMS_MAX + OBJECT_MAPS_MAX,
		&r->n_symbols))
		return -1;
	r->map_of_symbol = mem_array(r->n_symbols, sizeof(*r->map_of_symbol));
	for (i = 0; i < r->n_symbols; i++)
		r->map_of_symbol[i] = -1;
	for (i = 1; i < r->n_symbols; i++) {
		if (read_symbol(r, s, i))
			return -1;
	}
	return 0;
}

static int check_named(struct reader *r)
{
	size_t i;

	for (i = 0; i < r->obj->n_programs; i++) {
		if (!r->obj->programs[i].name)
			return BAD(r->err, "program %zu has no name", i);
	}
	for (i = 0; i < r->obj->n_maps; i++) {
		if (!r->obj->maps[i].name)
			return BAD(r->err, "map %zu has no name", i);
	}
	return 0;
}

/* ---- relocations ---- */

static int read_reloc(struct reader *r, const struct section *s, size_t i,
	struct object_program *prog)
{
	const size_t each = sizeof(struct bpf_insn);
	size_t symbol;
	Elf64_Rel rel;

	memcpy(&rel, (const char *)s->data + i * sizeof(rel), sizeof(rel));
	symbol = ELF64_R_SYM(rel.r_info);
	if (ELF64_R_TYPE(rel.r_info) != RELOC_MAP)
		return bad_section(r, s, "a relocation of unknown type");
	if (rel.r_offset % each || rel.r_offset / each + 1 >= prog->n_insns)
		return bad_section(r, s, "a relocation is out of range");
	if (symbol >= r->n_symbols || r->map_of_symbol[symbol] < 0)
		return bad_section(r, s, "a relocation names no map");
	if (prog->insns[rel.r_offset / each].imm || prog->insns[rel.r_offset / each + 1].imm)
		return bad_section(r, s, "a relocated instruction has an immediate");
	*MEM_GROW(prog->relocs, prog->n_relocs) = (struct object_reloc){
		rel.r_offset / each, r->map_of_symbol[symbol],
	};
	return 0;
}

static int read_relocs(struct reader *r, struct section *s)
{
	struct object_program *prog;
	struct section *target;
	size_t n, i;

	target = s->header->sh_info < r->n_sections ? &r->sections[s->header->sh_info] : NULL;
	if (!target || target->program < 0)
		return bad_section(r, s, "relocations of what is no program");
	prog = &r->obj->programs[target->program];
	if (prog->relocs)
		return bad_section(r, s, "the program has relocations already");
	if (check_records(r, s, sizeof(Elf64_Rel), OBJECT_INSNS_MAX, &n))
		return -1;
	for (i = 0; i < n; i++) {
		if (read_reloc(r, s, i, prog))
			return -1;
	}
	return 0;
}

/* ---- all together ---- */

static int skip(struct reader *r, struct section *s)
{
	return 0;
}

/* sections that exist once, in the order in which they are read */
static const struct known {
	const char *name;
	section_reader *read;
	bool needed;
} known[] = {
	{ SECTION_FORMAT, skip, true },
	{ SECTION_STRINGS, skip, true },
	{ SECTION_MAPS, read_maps, false },
	{ SECTION_LICENSE, read_license, false },
	{ SECTION_VERSION, read_version, true },
	{ SECTION_TYPES, read_types, false },
	{ SECTION_SOURCE, read_source, false },
	{ SECTION_LINES, read_lines, false },
	{ SECTION_PARAMS, read_params, false },
	{ SECTION_PATCHES, read_patches, false },
	{ SECTION_FACTS, read_facts, false },
	{ SECTION_SYMBOLS, read_symbols, true },
};

static int find_known(const struct section *s)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(s->name, known[i].name) == 0)
			return i;
	}
	return -1;
}

static bool is_program(const struct section *s)
{
	return s->header->sh_type == SHT_PROGBITS && (s->header->sh_flags & SHF_EXECINSTR);
}

/* sorts the sections by what they are; programs are read right away */
static int sort_sections(struct reader *r, struct section *found[])
{
	size_t i;
	int k;

	for (i = 1; i < r->n_sections; i++) {
		struct section *s = &r->sections[i];

		k = find_known(s);
		if (k >= 0) {
			if (found[k])
				return bad_section(r, s, "there are two of them");
			found[k] = s;
		} else if (is_program(s)) {
			if (read_program(r, s))
				return -1;
		} else if (s->header->sh_type != SHT_REL) {
			return bad_section(r, s, "unknown");
		}
	}
	return 0;
}

static int read_all(struct reader *r)
{
	struct section *found[ARRAY_SIZE(known)] = { NULL };
	size_t i;

	if (load_sections(r) || sort_sections(r, found))
		return -1;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!found[i] && known[i].needed)
			return BAD(r->err, "there is no section '%s'", known[i].name);
		if (found[i] && known[i].read(r, found[i]))
			return -1;
	}
	for (i = 1; i < r->n_sections; i++) {
		if (r->sections[i].header->sh_type == SHT_REL && find_known(&r->sections[i]) < 0 &&
			read_relocs(r, &r->sections[i]))
			return -1;
	}
	return check_named(r) || object_check(r->obj, r->err) ? -1 : 0;
}

struct object *object_read(const void *data, size_t size, struct error *err)
{
	struct reader r = { .err = err };
	struct object *obj = NULL;
	void *copy;

	if (check_frame(data, size, err))
		return NULL;
	copy = mem_copy(data, size);
	r.obj = object_new();
	elf_version(EV_CURRENT);
	r.elf = elf_memory(copy, size);
	if (!r.elf) {
		BAD(err, "%s", elf_errmsg(-1));
	} else if (read_all(&r) == 0) {
		obj = r.obj;
		r.obj = NULL;
	}
	elf_end(r.elf);
	object_free(r.obj);
	free(r.sections);
	free(r.map_of_symbol);
	free(copy);
	return obj;
}

struct object *object_copy(const struct object *obj, struct error *err)
{
	struct object *copy = NULL;
	struct buf data = BUF_INIT;

	if (object_write(obj, &data, err) == 0)
		copy = object_read(data.data, data.len, err);
	buf_release(&data);
	return copy;
}

struct object *object_read_file(const char *path, struct error *err)
{
	struct object *obj = NULL;
	struct buf data = BUF_INIT;

	if (file_read(path, OBJECT_SIZE_MAX, &data, err) == 0) {
		obj = object_read(data.data, data.len, err);
		if (!obj)
			error_wrap(err, "'%s'", path);
	}
	buf_release(&data);
	return obj;
}
