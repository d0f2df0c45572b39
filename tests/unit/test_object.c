/* SPDX-License-Identifier: Apache-2.0 */
/* core/object: the file format, what is refused of it, and the disassembler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "object/object.h"
#include "object/object_format.h"
#include "object/plan.h"
#include "object/types.h"
#include "object_sample.h"

static void write_object(const struct object *obj, struct buf *out)
{
	struct error err = ERROR_INIT;

	if (object_write(obj, out, &err))
		fail_msg("%s", err.text);
}

static void write_sample(struct buf *out)
{
	struct object *obj = sample_object();

	write_object(obj, out);
	object_free(obj);
}

static struct object *must_read(const void *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct object *obj = object_read(data, size, &err);

	if (!obj)
		fail_msg("%s", err.text);
	assert_null(err.tag);
	return obj;
}

/* err is an E-OBJECT that says `text`; clears it */
static void assert_refused(struct error *err, const char *text)
{
	assert_non_null(err->tag);
	assert_string_equal(err->tag, "E-OBJECT");
	if (!strstr(err->text, text))
		fail_msg("'%s' does not say '%s'", err->text, text);
	error_clear(err);
}

/* ---- what is written is read ---- */

static void test_round_trip(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
	struct object *obj;
	const struct object_program *p;

	write_sample(&a);
	write_sample(&b);
	obj = must_read(a.data, a.len);
	write_object(obj, &c);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(a.len, c.len);
	assert_memory_equal(a.data, c.data, a.len);

	assert_string_equal(obj->license, "GPL");
	assert_string_equal(obj->source_name, "icmp.lua");
	assert_int_equal(obj->kern_version, 0x30a00);
	assert_string_equal(object_fact(obj, "release"), "3.10.0-1062.el7.x86_64");
	assert_string_equal(object_fact(obj, "headers"), "a=b\x1b[31m");
	assert_null(object_fact(obj, "nothing"));

	assert_int_equal(obj->n_programs, 2);
	assert_int_equal(object_find_program(obj, "by_hand"), 1);
	assert_int_equal(object_find_program(obj, "none"), -1);
	p = &obj->programs[0];
	assert_string_equal(p->name, "kprobe__icmp_echo");
	assert_string_equal(p->probe, "kprobe:icmp_echo");
	assert_null(obj->programs[1].probe);
	assert_int_equal(p->n_insns, 9);
	assert_int_equal(p->insns[3].imm, BPF_FUNC_map_lookup_elem);
	assert_int_equal(p->insns[1].imm, 0);
	assert_int_equal(p->insns[1].src_reg, BPF_PSEUDO_MAP_FD);
	assert_int_equal(p->n_relocs, 2);
	assert_int_equal(p->relocs[1].insn, 4);
	assert_int_equal(p->relocs[1].map, 1);
	assert_int_equal(p->n_lines, 3);
	assert_int_equal(object_program_line(p, 2)->line, 12);
	assert_int_equal(object_program_line(p, 3)->line, 13);
	assert_int_equal(object_program_line(p, 8)->column, 1);
	assert_null(object_program_line(p, 9));
	assert_null(object_program_line(&obj->programs[1], 0));

	assert_int_equal(obj->n_maps, 3);
	assert_int_equal(object_find_map(obj, "nested"), 2);
	assert_int_equal(obj->maps[0].max_entries, 10240);
	assert_int_equal(obj->maps[0].inner, -1);
	assert_int_equal(obj->maps[1].role, MAP_EVENTS);
	assert_int_equal(obj->maps[1].value_type, SAMPLE_ECHO);
	assert_int_equal(obj->maps[2].inner, 0);
	assert_int_equal(types_size(obj->types, SAMPLE_ECHO), 32);
	object_free(obj);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
}

static void test_empty(void **state)
{
	struct object *obj = object_new(), *back;
	struct buf file = BUF_INIT;

	write_object(obj, &file);
	back = must_read(file.data, file.len);
	assert_int_equal(back->n_programs, 0);
	assert_null(back->license);
	assert_null(back->types);
	object_free(back);
	object_free(obj);
	object_free(NULL);
	buf_release(&file);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_object_XXXXXX";
	struct error err = ERROR_INIT;
	struct buf file = BUF_INIT;
	struct object *obj;
	int fd = mkstemp(path);

	write_sample(&file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.data, file.len), file.len);
	obj = object_read_file(path, &err);
	assert_non_null(obj);
	object_free(obj);
	assert_int_equal(ftruncate(fd, 1000), 0);
	assert_null(object_read_file(path, &err));
	assert_non_null(strstr(err.text, path));
	assert_refused(&err, "1000 bytes instead of");
	close(fd);
	unlink(path);
	assert_null(object_read_file(path, &err));
	assert_string_equal(err.tag, "E-FILE");
	error_clear(&err);
	buf_release(&file);
}

/* ---- damage ---- */

static void test_flips(void **state)
{
	struct buf file = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i;
	int bit;

	write_sample(&file);
	for (i = 0; i < file.len; i++) {
		for (bit = 0; bit < 9; bit++) {
			int mask = bit == 8 ? 0xff : 1 << bit;

			file.data[i] ^= mask;
			if (object_read(file.data, file.len, &err))
				fail_msg("byte %zu, mask %02x is not noticed", i, mask);
			assert_string_equal(err.tag, "E-OBJECT");
			file.data[i] ^= mask;
		}
	}
	error_clear(&err);
	buf_release(&file);
}

static void test_truncations(void **state)
{
	struct buf file = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t n;

	write_sample(&file);
	for (n = 0; n < file.len; n++) {
		char *part = mem_copy(file.data, n);

		assert_null(object_read(part, n, &err));
		assert_string_equal(err.tag, "E-OBJECT");
		/* and with a right checksum, where there is room for it */
		if (n >= FORMAT_AT + sizeof(struct format_record)) {
			object_seal(part, n);
			assert_null(object_read(part, n, &err));
			assert_string_equal(err.tag, "E-OBJECT");
		}
		free(part);
	}
	error_clear(&err);
	buf_release(&file);
}

/* whatever is read can be written, shown and decoded */
static void use_object(struct object *obj)
{
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	size_t i;

	write_object(obj, &out);
	buf_clear(&out);
	object_dump(obj, &out);
	assert_true(out.len > 0);
	for (i = 0; i < obj->n_maps; i++) {
		struct plan *plan = plan_new(obj->types, obj->maps[i].key_type, 0, &err);

		plan_free(plan);
		plan = plan_new(obj->types, obj->maps[i].value_type, 0, &err);
		plan_free(plan);
	}
	error_clear(&err);
	buf_release(&out);
}

/* the same flips under a right checksum: refused, or a sound object */
static void test_sealed_flips(void **state)
{
	static const int masks[] = { 0x01, 0x80, 0x0a, 0xff };
	struct buf file = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i, m, good = 0, bad = 0;

	write_sample(&file);
	for (i = 0; i < file.len; i++) {
		for (m = 0; m < ARRAY_SIZE(masks); m++) {
			char *copy = mem_copy(file.data, file.len);
			struct object *obj;

			copy[i] ^= masks[m];
			object_seal(copy, file.len);
			obj = object_read(copy, file.len, &err);
			free(copy);
			*(obj ? &good : &bad) += 1;
			if (!obj)
				assert_string_equal(err.tag, "E-OBJECT");
			else
				use_object(obj);
			object_free(obj);
		}
	}
	assert_true(good > 0 && bad > 1000);
	error_clear(&err);
	buf_release(&file);
}

/* ---- bad files with a right checksum ---- */

static Elf64_Shdr *find_section(char *file, const char *name)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)file;
	Elf64_Shdr *sh = (Elf64_Shdr *)(file + eh->e_shoff);
	const char *names = file + sh[eh->e_shstrndx].sh_offset;
	int i;

	for (i = 1; i < eh->e_shnum; i++) {
		if (strcmp(names + sh[i].sh_name, name) == 0)
			return &sh[i];
	}
	fail_msg("no section '%s'", name);
	return NULL;
}

#define SHDR(field) offsetof(Elf64_Shdr, field)
#define MAP(field) offsetof(struct map_record, field)
#define ECHO_CODE "kprobe/icmp_echo"
#define ECHO_RELS ".relkprobe/icmp_echo"

/* puts a number into a section's bytes, or into its header */
static const struct patch {
	const char *section;
	int in_header;
	size_t at;
	unsigned size;
	uint64_t value;
	const char *text;
} patches[] = {
	{ SECTION_FORMAT, 0, 8, 4, 2, "object format 2, but this program reads format 1" },
	{ SECTION_FORMAT, 0, 0, 1, 'X', "no program object of moontrace" },
	/* sections */
	{ ECHO_CODE, 1, SHDR(sh_offset), 8, 1 << 20, "not within the file" },
	{ ECHO_CODE, 1, SHDR(sh_offset), 8, ~0ULL, "not within the file" },
	{ ECHO_CODE, 1, SHDR(sh_size), 8, 1 << 30, "not within the file" },
	{ ECHO_CODE, 1, SHDR(sh_size), 8, 71, "no multiple" },
	{ ECHO_CODE, 1, SHDR(sh_name), 4, 1 << 20, "has no name" },
	{ ECHO_CODE, 1, SHDR(sh_type), 4, SHT_NOBITS, "no bytes of its own" },
	{ ECHO_CODE, 1, SHDR(sh_flags), 8, 0, "unknown" },
	{ SECTION_LICENSE, 1, SHDR(sh_name), 4, 0, "section 6 (''): unknown" },
	{ SECTION_VERSION, 1, SHDR(sh_size), 8, 3, "not one number" },
	{ SECTION_LICENSE, 0, 3, 1, 'x', "not one terminated string" },
	{ SECTION_LICENSE, 0, 1, 1, 0, "not one terminated string" },
	{ SECTION_LICENSE, 0, 1, 1, 7, "license is malformed" },
	/* symbols */
	{ SECTION_SYMBOLS, 0, 24 + 4, 1, 0x02, "symbol 1 is not global" },
	{ SECTION_SYMBOLS, 0, 24 + 4, 1, 0x10, "symbol 1 is neither function nor map" },
	{ SECTION_SYMBOLS, 0, 24, 4, 1 << 20, "symbol 1 has no name" },
	{ SECTION_SYMBOLS, 0, 24, 4, 0, "program 0 has a name that is no identifier" },
	{ SECTION_SYMBOLS, 0, 24 + 6, 2, 4, "not exactly one function" },
	{ SECTION_SYMBOLS, 0, 24 + 6, 2, 99, "a function in a section that is no program" },
	{ SECTION_SYMBOLS, 0, 24 + 6, 2, 0, "a function in a section that is no program" },
	{ SECTION_SYMBOLS, 0, 24 + 8, 8, 8, "not exactly one function" },
	{ SECTION_SYMBOLS, 0, 3 * 24 + 6, 2, 2, "a data symbol that is no map" },
	{ SECTION_SYMBOLS, 0, 3 * 24 + 6, 2, 0, "a data symbol that is no map" },
	{ SECTION_SYMBOLS, 0, 3 * 24 + 8, 8, 36, "map 1 has two names" },
	{ SECTION_SYMBOLS, 0, 3 * 24 + 8, 8, 3 * 36, "a map's symbol is out of range" },
	{ SECTION_SYMBOLS, 0, 3 * 24 + 8, 8, 5, "a map's symbol is out of range" },
	{ SECTION_SYMBOLS, 1, SHDR(sh_size), 8, 5 * 24, "map 2 has no name" },
	/* relocations */
	{ ECHO_RELS, 0, 0, 8, 72, "a relocation is out of range" },
	{ ECHO_RELS, 0, 0, 8, ~0ULL - 7, "a relocation is out of range" },
	{ ECHO_RELS, 0, 0, 8, 64, "a relocation is out of range" },
	{ ECHO_RELS, 0, 0, 8, 24, "instruction" },
	{ ECHO_RELS, 0, 0, 8, 56, "relocation 1 is out of order" },
	{ ECHO_RELS, 0, 0, 8, 0, "instruction 0 is relocated but loads no map" },
	{ ECHO_RELS, 0, 8, 4, 10, "unknown type" },
	{ ECHO_RELS, 0, 12, 4, 1, "a relocation names no map" },
	{ ECHO_RELS, 0, 12, 4, 600, "a relocation names no map" },
	{ ECHO_RELS, 1, SHDR(sh_info), 4, 1, "relocations of what is no program" },
	{ ECHO_RELS, 1, SHDR(sh_info), 4, 0, "relocations of what is no program" },
	{ ECHO_RELS, 1, SHDR(sh_info), 4, 1000, "relocations of what is no program" },
	{ ECHO_RELS, 1, SHDR(sh_size), 8, 16, "instruction 4 loads a map or symbol without" },
	/* code */
	{ ECHO_CODE, 0, 8 + 4, 4, 3, "a relocated instruction has an immediate" },
	{ ECHO_CODE, 0, 16, 1, 7, "instruction 1 lacks its second half" },
	{ ECHO_CODE, 0, 8 + 1, 1, 1, "instruction 1 is relocated but loads no map" },
	{ ECHO_CODE, 0, 64, 1, 0x18, "instruction 8 lacks its second half" },
	/* maps */
	{ SECTION_MAPS, 0, MAP(type), 4, 0, "unknown map type 0" },
	{ SECTION_MAPS, 0, MAP(type), 4, 4000, "map 'counts': unknown map type 4000" },
	{ SECTION_MAPS, 0, MAP(type), 4, BPF_MAP_TYPE_RINGBUF, "a key of 4 bytes" },
	{ SECTION_MAPS, 0, MAP(key_size), 4, 0, "a key of 0 bytes" },
	{ SECTION_MAPS, 0, MAP(key_size), 4, 1 << 30, "a key of 1073741824 bytes" },
	{ SECTION_MAPS, 0, MAP(key_size), 4, 8, "its key type has 4 bytes, its key 8" },
	{ SECTION_MAPS, 0, MAP(value_size), 4, 1 << 30, "a value of 1073741824 bytes" },
	{ SECTION_MAPS, 0, MAP(max_entries), 4, 0, "no entries" },
	{ SECTION_MAPS, 0, MAP(key_type), 4, 7, "its key type 7 is no type of a value" },
	{ SECTION_MAPS, 0, MAP(role), 4, 3, "unknown role 3" },
	{ SECTION_MAPS, 0, MAP(inner), 4, 1, "an inner map in a map that holds none" },
	{ SECTION_MAPS, 0, 72 + MAP(inner), 4, 3, "its inner map 3 does not exist" },
	{ SECTION_MAPS, 0, 72 + MAP(inner), 4, 0xffffffff, "its inner map -1 does not exist" },
	{ SECTION_MAPS, 0, 72 + MAP(inner), 4, 2, "its inner map holds maps itself" },
	{ SECTION_MAPS, 1, SHDR(sh_size), 8, 72, "a map's symbol is out of range" },
	/* lines, facts, types */
	{ SECTION_LINES, 0, 0, 4, 9, "a line of a program that is not there" },
	{ SECTION_LINES, 0, 0, 4, 1, "a line of a program that is not there" },
	{ SECTION_LINES, 0, 4, 4, 3, "line record 1 is out of order" },
	{ SECTION_LINES, 0, 36, 4, 9, "line record 2 is out of range" },
	{ SECTION_LINES, 0, 8, 4, 0, "line record 0 has no line" },
	{ SECTION_FACTS, 0, 7, 1, '-', "a fact without '='" },
	{ SECTION_FACTS, 0, 0, 1, '=', "fact 0 is malformed" },
	{ SECTION_FACTS, 0, 0, 1, 27, "fact 0 is malformed" },
	{ SECTION_FACTS, 1, SHDR(sh_size), 8, 5, "not terminated" },
	{ SECTION_TYPES, 0, 0, 2, 0, "types: unknown magic" },
	{ SECTION_TYPES, 0, 24, 4, 1 << 20, "types: record 1: name" },
};

static void test_patched(void **state)
{
	struct buf file = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(patches); i++) {
		const struct patch *p = &patches[i];
		Elf64_Shdr *sh;
		struct object *obj;

		buf_clear(&file);
		write_sample(&file);
		sh = find_section(file.data, p->section);
		memcpy(p->in_header ? (char *)sh + p->at : file.data + sh->sh_offset + p->at,
			&p->value, p->size);
		object_seal(file.data, file.len);
		obj = object_read(file.data, file.len, &err);
		if (obj)
			fail_msg("patch %zu is not noticed: %s", i, p->text);
		assert_refused(&err, p->text);
	}
	buf_release(&file);
}

static void test_names(void **state)
{
	struct error err = ERROR_INIT;
	struct buf file = BUF_INIT;
	struct object *obj = sample_object();

	free(obj->programs[1].name);
	obj->programs[1].name = mem_string("kprobe__icmp_echo");
	assert_int_equal(object_write(obj, &file, &err), -1);
	assert_refused(&err, "two programs are named 'kprobe__icmp_echo'");
	free(obj->programs[1].name);
	obj->programs[1].name = mem_alloc(130);
	memset(obj->programs[1].name, 'a', 129);
	assert_int_equal(object_write(obj, &file, &err), -1);
	assert_refused(&err, "program 1 has a name that is no identifier");
	strcpy(obj->programs[1].name, "9lives");
	assert_int_equal(object_write(obj, &file, &err), -1);
	assert_refused(&err, "program 1 has a name that is no identifier");
	strcpy(obj->programs[1].name, "ok");
	free(obj->maps[1].name);
	obj->maps[1].name = mem_string("counts");
	assert_int_equal(object_write(obj, &file, &err), -1);
	assert_refused(&err, "two maps are named 'counts'");
	assert_int_equal(file.len, 0);
	object_free(obj);
}

static void test_probes(void **state)
{
	static const char *const bad[] = {
		"kprobe", "kprobe:", ":f", "kprobe:a/b", "kprobe:a b", "kpr-obe:x", "prog:x",
		"kprobe:\x1b",
	};
	struct error err = ERROR_INIT;
	struct buf file = BUF_INIT;
	struct object *obj = sample_object();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		free(obj->programs[0].probe);
		obj->programs[0].probe = mem_string(bad[i]);
		assert_int_equal(object_write(obj, &file, &err), -1);
		assert_refused(&err, "its probe is malformed");
	}
	free(obj->programs[0].probe);
	obj->programs[0].probe = mem_string("tracepoint:irq:softirq_entry");
	write_object(obj, &file);
	object_free(obj);
	obj = must_read(file.data, file.len);
	assert_string_equal(obj->programs[0].probe, "tracepoint:irq:softirq_entry");
	find_section(file.data, "tracepoint/irq/softirq_entry");
	find_section(file.data, "prog/by_hand");
	object_free(obj);
	buf_release(&file);
}

/* ---- text ---- */

static const char dump_text[] =
	"format          1\n"
	"license         GPL\n"
	"kernel version  3.10.0\n"
	"source          icmp.lua\n"
	"release         3.10.0-1062.el7.x86_64\n"
	"headers         a=b\\x1b[31m\n"
	"\n"
	"map 0 counts: hash, key 4, value 8, 10240 entries\n"
	"\tkey: unsigned int\n"
	"\tvalue: unsigned long long\n"
	"\n"
	"map 1 echoes: perf_event_array, key 4, value 4, 0 entries, events\n"
	"\tevent: struct echo\n"
	"\t  struct echo {\n"
	"\t  \tunsigned long long ts;\t/* offset 0, size 8 */\n"
	"\t  \tunsigned int pid;\t/* offset 8, size 4 */\n"
	"\t  \tunsigned short seq;\t/* offset 12, size 2 */\n"
	"\t  \tchar comm[16];\t/* offset 14, size 16 */\n"
	"\t  };\t/* size 32 */\n"
	"\n"
	"map 2 nested: array_of_maps, key 4, value 4, 2 entries, of maps like counts\n"
	"\n"
	"program 0 kprobe__icmp_echo: kprobe:icmp_echo, 9 instructions\n"
	"    12      0: r6 = r1\n"
	"            1: r1 = map counts\n"
	"    13      3: call map_lookup_elem#1\n"
	"            4: r2 = map echoes\n"
	"            6: if r0 == 0 goto +1\n"
	"            7: r0 = 0\n"
	"    20      8: exit\n"
	"\n"
	"program 1 by_hand: attached by hand, 2 instructions\n"
	"            0: r0 = 0\n"
	"            1: exit\n";

static void test_dump(void **state)
{
	struct object *obj = sample_object();
	struct buf out = BUF_INIT;

	object_dump(obj, &out);
	assert_string_equal(out.data, dump_text);
	object_free(obj);
	buf_release(&out);
}

/* bytes and text as llvm-objdump 14 prints them (-mcpu=v3; 32-bit atomics with +alu32) */
static const struct disasm_row {
	const char *bytes, *text;
} disasm_rows[] = {
	{ "0f 21 00 00 00 00 00 00", "r1 += r2" },
	{ "17 01 00 00 05 00 00 00", "r1 -= 5" },
	{ "27 01 00 00 f9 ff ff ff", "r1 *= -7" },
	{ "3f 43 00 00 00 00 00 00", "r3 /= r4" },
	{ "47 03 00 00 ff 00 00 00", "r3 |= 255" },
	{ "5f 13 00 00 00 00 00 00", "r3 &= r1" },
	{ "67 03 00 00 20 00 00 00", "r3 <<= 32" },
	{ "77 03 00 00 20 00 00 00", "r3 >>= 32" },
	{ "c7 03 00 00 03 00 00 00", "r3 s>>= 3" },
	{ "97 03 00 00 0a 00 00 00", "r3 %= 10" },
	{ "af 33 00 00 00 00 00 00", "r3 ^= r3" },
	{ "87 03 00 00 00 00 00 00", "r3 = -r3" },
	{ "bf a3 00 00 00 00 00 00", "r3 = r10" },
	{ "b7 03 00 00 ff ff ff ff", "r3 = -1" },
	{ "0c 21 00 00 00 00 00 00", "w1 += w2" },
	{ "b4 01 00 00 07 00 00 00", "w1 = 7" },
	{ "bc 61 00 00 00 00 00 00", "w1 = w6" },
	{ "c4 01 00 00 04 00 00 00", "w1 s>>= 4" },
	{ "84 01 00 00 00 00 00 00", "w1 = -w1" },
	{ "dc 01 00 00 10 00 00 00", "r1 = be16 r1" },
	{ "dc 01 00 00 20 00 00 00", "r1 = be32 r1" },
	{ "dc 01 00 00 40 00 00 00", "r1 = be64 r1" },
	{ "d4 01 00 00 10 00 00 00", "r1 = le16 r1" },
	{ "71 21 00 00 00 00 00 00", "r1 = *(u8 *)(r2 + 0)" },
	{ "69 21 06 00 00 00 00 00", "r1 = *(u16 *)(r2 + 6)" },
	{ "61 21 f8 ff 00 00 00 00", "r1 = *(u32 *)(r2 - 8)" },
	{ "79 a1 00 fe 00 00 00 00", "r1 = *(u64 *)(r10 - 512)" },
	{ "73 2a ff ff 00 00 00 00", "*(u8 *)(r10 - 1) = r2" },
	{ "6b 2a fe ff 00 00 00 00", "*(u16 *)(r10 - 2) = r2" },
	{ "63 2a fc ff 00 00 00 00", "*(u32 *)(r10 - 4) = r2" },
	{ "7b 2a f8 ff 00 00 00 00", "*(u64 *)(r10 - 8) = r2" },
	{ "db 21 08 00 00 00 00 00", "lock *(u64 *)(r1 + 8) += r2" },
	{ "c3 21 08 00 00 00 00 00", "lock *(u32 *)(r1 + 8) += r2" },
	{ "db 31 00 00 01 00 00 00", "r3 = atomic_fetch_add((u64 *)(r1 + 0), r3)" },
	{ "db 31 f8 ff a1 00 00 00", "r3 = atomic_fetch_xor((u64 *)(r1 - 8), r3)" },
	{ "db 31 00 00 e1 00 00 00", "r3 = xchg_64(r1 + 0, r3)" },
	{ "db 31 00 00 f1 00 00 00", "r0 = cmpxchg_64(r1 + 0, r0, r3)" },
	{ "c3 31 00 00 41 00 00 00", "w3 = atomic_fetch_or((u32 *)(r1 + 0), w3)" },
	{ "c3 31 00 00 e1 00 00 00", "w3 = xchg32_32(r1 + 0, w3)" },
	{ "c3 31 00 00 f1 00 00 00", "w0 = cmpxchg32_32(r1 + 0, w0, w3)" },
	{ "30 00 00 00 17 00 00 00", "r0 = *(u8 *)skb[23]" },
	{ "20 00 00 00 0e 00 00 00", "r0 = *(u32 *)skb[14]" },
	{ "48 10 00 00 00 00 00 00", "r0 = *(u16 *)skb[r1]" },
	{ "18 01 00 00 ef cd ab 89 00 00 00 00 67 45 23 01", "r1 = 81985529216486895 ll" },
	{ "18 02 00 00 05 00 00 00 00 00 00 00 00 00 00 00", "r2 = 5 ll" },
	{ "15 01 fb ff 00 00 00 00", "if r1 == 0 goto -5" },
	{ "5d 21 fb ff 00 00 00 00", "if r1 != r2 goto -5" },
	{ "25 01 07 00 05 00 00 00", "if r1 > 5 goto +7" },
	{ "35 01 07 00 05 00 00 00", "if r1 >= 5 goto +7" },
	{ "a5 01 07 00 05 00 00 00", "if r1 < 5 goto +7" },
	{ "b5 01 07 00 05 00 00 00", "if r1 <= 5 goto +7" },
	{ "65 01 07 00 fb ff ff ff", "if r1 s> -5 goto +7" },
	{ "7d 51 07 00 00 00 00 00", "if r1 s>= r5 goto +7" },
	{ "cd 51 07 00 00 00 00 00", "if r1 s< r5 goto +7" },
	{ "dd 51 07 00 00 00 00 00", "if r1 s<= r5 goto +7" },
	{ "16 01 07 00 00 00 00 00", "if w1 == 0 goto +7" },
	{ "de 21 07 00 00 00 00 00", "if w1 s<= w2 goto +7" },
	{ "05 00 fb ff 00 00 00 00", "goto -5" },
	{ "05 00 07 00 00 00 00 00", "goto +7" },
	{ "95 00 00 00 00 00 00 00", "exit" },
	/* ours: helpers, calls and maps have names; some are newer than LLVM 14 */
	{ "85 00 00 00 71 00 00 00", "call probe_read_kernel#113" },
	{ "85 00 00 00 ff ff 00 00", "call 65535" },
	{ "85 10 00 00 05 00 00 00", "call pc+5" },
	{ "85 10 00 00 fd ff ff ff", "call pc-3" },
	{ "85 20 00 00 39 30 00 00", "call kfunc#12345" },
	{ "8d 03 00 00 00 00 00 00", "callx r3" },
	{ "18 11 00 00 07 00 00 00 00 00 00 00 00 00 00 00", "r1 = map fd 7" },
	{ "18 21 00 00 07 00 00 00 00 00 00 00 08 00 00 00", "r1 = map fd 7 value + 8" },
	{ "18 42 00 00 0c 00 00 00 00 00 00 00 00 00 00 00", "r2 = function pc+12" },
	{ "18 31 00 00 07 00 00 00 00 00 00 00 00 00 00 00", "r1 = 7 ll (kind 3)" },
	{ "18 01 00 00 ff ff ff ff 00 00 00 00 ff ff ff ff", "r1 = 18446744073709551615 ll" },
	{ "18 01 00 00 05 00 00 00", "unknown instruction 18" },
	{ "48 10 00 00 04 00 00 00", "r0 = *(u16 *)skb[r1 + 4]" },
	{ "7a 0a f8 ff fb ff ff ff", "*(u64 *)(r10 - 8) = -5" },
	{ "3f 43 01 00 00 00 00 00", "r3 s/= r4" },
	{ "94 03 01 00 0a 00 00 00", "w3 s%= 10" },
	{ "bf 21 08 00 00 00 00 00", "r1 = (s8)r2" },
	{ "bc 21 10 00 00 00 00 00", "w1 = (s16)w2" },
	{ "81 21 f8 ff 00 00 00 00", "r1 = *(s32 *)(r2 - 8)" },
	{ "d7 01 00 00 20 00 00 00", "r1 = bswap32 r1" },
	{ "06 00 00 00 00 00 01 00", "gotol +65536" },
	{ "45 21 03 00 00 00 00 00", "if r1 & 0 goto +3" },
	{ "4d 21 03 00 00 00 00 00", "if r1 & r2 goto +3" },
	{ "79 21 00 80 00 00 00 00", "r1 = *(u64 *)(r2 - 32768)" },
	{ "db 31 00 00 a1 00 00 00", "r3 = atomic_fetch_xor((u64 *)(r1 + 0), r3)" },
	{ "db 31 00 00 50 00 00 00", "lock *(u64 *)(r1 + 0) &= r3" },
	{ "db 31 00 00 77 00 00 00", "unknown instruction db" },
	{ "cb 31 00 00 00 00 00 00", "unknown instruction cb" },
	{ "e5 00 00 00 00 00 00 00", "unknown instruction e5" },
	{ "96 00 00 00 00 00 00 00", "unknown instruction 96" },
	{ "e7 00 00 00 00 00 00 00", "unknown instruction e7" },
	{ "00 00 00 00 00 00 00 00", "unknown instruction 00" },
	{ "99 21 00 00 00 00 00 00", "unknown instruction 99" },
};

static size_t parse_bytes(const char *text, struct bpf_insn insns[2])
{
	unsigned char *out = (unsigned char *)insns;
	size_t n = 0;

	for (; *text; text += text[2] ? 3 : 2)
		out[n++] = strtoul(text, NULL, 16);
	return n / sizeof(insns[0]);
}

static void test_disasm(void **state)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(disasm_rows); i++) {
		struct bpf_insn insns[2];
		size_t n = parse_bytes(disasm_rows[i].bytes, insns);

		buf_clear(&out);
		assert_int_equal(disasm_insn(insns, n, &out), n);
		assert_string_equal(out.data, disasm_rows[i].text);
	}
	buf_release(&out);
}

/* every opcode with odd operands gives some text, and no more than it was given */
static void test_disasm_any(void **state)
{
	struct buf out = BUF_INIT;
	unsigned code, imm;

	for (code = 0; code < 256; code++) {
		for (imm = 0; imm < 256; imm++) {
			struct bpf_insn *insn = mem_alloc(sizeof(*insn));

			insn->code = code;
			insn->dst_reg = insn->src_reg = imm & 15;
			insn->off = imm - 128;
			insn->imm = imm << 24 | imm;
			buf_clear(&out);
			assert_int_equal(disasm_insn(insn, 1, &out), 1);
			assert_true(out.len > 0);
			free(insn);
		}
	}
	buf_release(&out);
}

static void test_helpers(void **state)
{
	assert_string_equal(helper_name(BPF_FUNC_get_current_comm), "get_current_comm");
	assert_string_equal(helper_name(113), "probe_read_kernel");
	assert_null(helper_name(0));
	assert_null(helper_name(100000));
	assert_null(helper_name(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_sealed_flips),
		cmocka_unit_test(test_patched),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_disasm),
		cmocka_unit_test(test_disasm_any),
		cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
