/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program object: what the compiler makes and the loader eats.
 *
 * In memory it is the structs below; as a file it is an ELF relocatable
 * (EM_BPF) that readelf and llvm-objdump understand, specified in
 * moontrace-object(5).  The reader trusts nothing: every count, offset,
 * index and string is checked before an object is handed out.
 *
 * core/object may use core/base, libelf and libbpf's BTF functions.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/buf.h"
#include "base/error.h"

struct types;

/* a ld_imm64 whose immediate becomes the fd of a map */
struct object_reloc {
	uint32_t insn;		/* index into insns */
	uint32_t map;		/* index into object.maps */
};

/* instruction `insn` and those after it come from this place of the script */
struct object_line {
	uint32_t insn;
	uint32_t line;		/* of the file the user wrote, from 1 */
	uint32_t column;	/* from 1; 0: not known */
};

struct object_program {
	char *name;		/* the C function's name */
	/*
	 * What the function attaches to by itself, from its BCC-style name:
	 * "kprobe:icmp_echo", "kretprobe:F", "tracepoint:irq:softirq_entry",
	 * "raw_tracepoint:sched_switch", "fentry:F", "fexit:F".
	 * NULL: attached by hand.
	 */
	char *probe;
	struct bpf_insn *insns;
	size_t n_insns;
	struct object_reloc *relocs;	/* ascending by insn */
	size_t n_relocs;
	struct object_line *lines;	/* ascending by insn; may be empty */
	size_t n_lines;
};

enum object_map_role {
	MAP_PLAIN,
	MAP_EVENTS,	/* declared by EVENTS(): value_type is the event's type */
	MAP_LOSSES,	/* the counters behind EVENTS and LOSS(), one per run */
	MAP_ROLES
};

struct object_map {
	char *name;
	uint32_t type;			/* BPF_MAP_TYPE_* */
	uint32_t key_size, value_size;	/* bytes; both 0 for a ring buffer */
	/*
	 * 0 for a perf event array means "one slot per possible CPU", filled
	 * in by the loader; for a ring buffer it is the size in bytes, which
	 * the loader rounds up to a power of two of pages.
	 */
	uint32_t max_entries;
	uint32_t flags;			/* BPF_F_* of map creation */
	uint32_t key_type, value_type;	/* ids into types; 0: not known */
	uint32_t role;			/* enum object_map_role */
	int32_t inner;			/* index of the template map, or -1 */
};

/*
 * A constant of the text that is put in before the object is loaded: what
 * the text has as a macro, and may ask for with #ifdef if it is optional.
 */
struct object_param {
	char *name;
	bool optional;
};

enum object_patch_kind {
	PATCH_VALUE,		/* a 64-bit load of the value */
	PATCH_PRESENT,		/* a 64-bit load of 1 if there is a value, else of 0 */
	PATCH_ENTRIES,		/* max_entries of a map */
	PATCH_KINDS
};

/* a place where a parameter belongs; ascending by place, those of maps last */
struct object_patch {
	uint32_t kind;		/* enum object_patch_kind */
	uint32_t param;		/* index into object.params */
	uint32_t at;		/* index into object.programs, of PATCH_ENTRIES into maps */
	uint32_t insn;		/* index of the load; 0 for maps */
};

/* one thing that was assumed of the target, or tells where the object is from */
struct object_fact {
	char *key, *value;
};

struct object {
	char *license;
	uint32_t kern_version;		/* LINUX_VERSION_CODE compiled for */
	char *source_name;		/* the user's file, as lines name it */
	struct object_program *programs;
	size_t n_programs;
	struct object_map *maps;
	size_t n_maps;
	struct object_param *params;
	size_t n_params;
	struct object_patch *patches;
	size_t n_patches;
	struct object_fact *facts;
	size_t n_facts;
	struct types *types;		/* owned; NULL if nothing is typed */
};

#define OBJECT_FORMAT 1			/* raised when the file format changes */

struct object *object_new(void);
void object_free(struct object *obj);	/* NULL is fine */

struct object_program *object_add_program(struct object *obj, const char *name);
struct object_map *object_add_map(struct object *obj, const char *name);
void object_add_fact(struct object *obj, const char *key, const char *value);
const char *object_fact(const struct object *obj, const char *key);	/* or NULL */
struct object_param *object_add_param(struct object *obj, const char *name, bool optional);
/*
 * Puts a value into all places of a parameter; value NULL: there is none.
 * What has been set is not written to a file again.  E-BUNDLE: it cannot be
 * the number of a map's entries
 */
int object_set_param(struct object *obj, size_t param, const int64_t *value, struct error *err);
/* -1 if there is none */
int object_find_param(const struct object *obj, const char *name);
int object_find_program(const struct object *obj, const char *name);
int object_find_map(const struct object *obj, const char *name);
/* place in the script of an instruction, or NULL */
const struct object_line *object_program_line(const struct object_program *prog, uint32_t insn);

/* the same object always gives the same bytes. E-OBJECT */
int object_write(const struct object *obj, struct buf *out, struct error *err);
/* data is only borrowed for the call. E-OBJECT */
struct object *object_read(const void *data, size_t size, struct error *err);
/* another one like it, on which no parameter was set. E-OBJECT */
struct object *object_copy(const struct object *obj, struct error *err);
/* E-FILE, E-OBJECT */
struct object *object_read_file(const char *path, struct error *err);

/* the whole object as text, disassembly included; what `moontrace dump` prints */
void object_dump(const struct object *obj, struct buf *out);
/*
 * One instruction as text ("r1 = *(u64 *)(r10 - 8)", "call probe_read_kernel#113"),
 * like llvm-objdump's. Returns the instructions consumed (2 for ld_imm64).
 */
size_t disasm_insn(const struct bpf_insn *insn, size_t left, struct buf *out);
const char *helper_name(uint32_t id);	/* "probe_read_kernel", or NULL */

#endif
