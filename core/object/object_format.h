/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file format of program objects, shared by its writer and its reader;
 * moontrace-object(5) specifies it in prose.  All numbers are little endian.
 */
#ifndef OBJECT_FORMAT_H
#define OBJECT_FORMAT_H

#include <elf.h>
#include <stdint.h>

#include "object/object.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are used as they lie in memory");

/* caps; whatever is larger is refused by both sides */
enum {
	OBJECT_SIZE_MAX = 256 << 20,
	OBJECT_NAME_MAX = 128,
	OBJECT_PROBE_MAX = 4096,	/* a path, and places of arguments */
	OBJECT_TEXT_MAX = 1 << 20,	/* a fact's value, the source's name */
	OBJECT_PROGRAMS_MAX = 10000,
	OBJECT_MAPS_MAX = 1000,
	OBJECT_FACTS_MAX = 10000,
	OBJECT_INSNS_MAX = 1000000,	/* of one program */
	OBJECT_KEY_MAX = 64 << 10,	/* bytes of a map's key */
	OBJECT_VALUE_MAX = 32 << 20,
	OBJECT_PARAMS_MAX = 256,
	OBJECT_ENTRIES_MAX = 1 << 30,	/* of a map, as a parameter */
};

#define SECTION_FORMAT	"moontrace.format"
#define SECTION_MAPS	"moontrace.maps"
#define SECTION_SOURCE	"moontrace.source"
#define SECTION_LINES	"moontrace.lines"
#define SECTION_PARAMS	"moontrace.params"
#define SECTION_PATCHES	"moontrace.patches"
#define SECTION_FACTS	"moontrace.facts"
#define SECTION_LICENSE	"license"
#define SECTION_VERSION	"version"
#define SECTION_TYPES	".BTF"
#define SECTION_SYMBOLS	".symtab"
#define SECTION_STRINGS	".strtab"
#define PREFIX_BY_HAND	"prog/"		/* section of a program without a probe */
#define PREFIX_RELOCS	".rel"
/* in the name of a section a probe's ':' is '/', and what is none of these is "%XX" */
#define PROBE_PLAIN	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$*?-+"

#define RELOC_MAP	1		/* R_BPF_64_64 */

/* section "moontrace.format": always right behind the ELF header */
struct format_record {
	char magic[8];
	uint32_t format;
	uint32_t crc;		/* of the whole file, this field taken as 0 */
	uint64_t file_size;
};
#define FORMAT_MAGIC	"moontrc"	/* and its NUL */
#define FORMAT_AT	sizeof(Elf64_Ehdr)

/* section "moontrace.maps": one each, named by a symbol */
struct map_record {
	uint32_t type, key_size, value_size, max_entries, flags;
	uint32_t key_type, value_type, role;
	int32_t inner;
};

/* section "moontrace.lines": ascending by program, then by instruction */
struct line_record {
	uint32_t program, insn, line, column;
};

/* section "moontrace.patches" */
struct patch_record {
	uint32_t kind, param, at, insn;
};
#define PARAM_OPTIONAL '?'		/* behind the name of such a parameter */

/* puts the file's size and checksum into its format record */
void object_seal(void *data, size_t size);
uint32_t object_checksum(const void *data, size_t size);

/* whether an object in memory is one that can be written, and loaded. E-OBJECT */
int object_check(const struct object *obj, struct error *err);
/* of its parameters and patches alone; programs are good. E-OBJECT */
int object_check_params(const struct object *obj, struct error *err);
/* a C identifier that is not too long; s may be NULL */
bool object_is_identifier(const char *s);
/* "hash", or NULL */
const char *map_type_name(uint32_t type);

#endif
