/* SPDX-License-Identifier: Apache-2.0 */
/* A small program object with a bit of everything, for the tests. */
#ifndef OBJECT_SAMPLE_H
#define OBJECT_SAMPLE_H

#include <stdlib.h>

#include <bpf/btf.h>

#include "base/mem.h"
#include "object/object.h"
#include "object/types.h"

enum { SAMPLE_U32 = 1, SAMPLE_U64, SAMPLE_U16, SAMPLE_CHAR, SAMPLE_COMM, SAMPLE_ECHO };

static inline struct types *sample_types(void)
{
	struct btf *btf = btf__new_empty();
	struct error err = ERROR_INIT;
	struct types *t;
	const void *raw;
	uint32_t size;

	btf__add_int(btf, "unsigned int", 4, 0);
	btf__add_int(btf, "unsigned long long", 8, 0);
	btf__add_int(btf, "unsigned short", 2, 0);
	btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	btf__add_array(btf, SAMPLE_U32, SAMPLE_CHAR, 16);
	btf__add_struct(btf, "echo", 32);
	btf__add_field(btf, "ts", SAMPLE_U64, 0, 0);
	btf__add_field(btf, "pid", SAMPLE_U32, 64, 0);
	btf__add_field(btf, "seq", SAMPLE_U16, 96, 0);
	btf__add_field(btf, "comm", SAMPLE_COMM, 112, 0);
	raw = btf__raw_data(btf, &size);
	t = types_read(raw, size, &err);
	btf__free(btf);
	return t;
}

static inline void sample_maps(struct object *obj)
{
	struct object_map *m;

	m = object_add_map(obj, "counts");
	m->type = BPF_MAP_TYPE_HASH;
	m->key_size = 4;
	m->key_type = SAMPLE_U32;
	m->value_size = 8;
	m->value_type = SAMPLE_U64;
	m->max_entries = 10240;
	m = object_add_map(obj, "echoes");
	m->type = BPF_MAP_TYPE_PERF_EVENT_ARRAY;
	m->key_size = m->value_size = 4;
	m->value_type = SAMPLE_ECHO;
	m->role = MAP_EVENTS;
	m = object_add_map(obj, "nested");
	m->type = BPF_MAP_TYPE_ARRAY_OF_MAPS;
	m->key_size = m->value_size = 4;
	m->max_entries = 2;
	m->inner = 0;
}

static inline void sample_programs(struct object *obj)
{
	static const struct bpf_insn echo[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 },
		{ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, 77 },	/* counts */
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0, 78 },	/* echoes */
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const struct object_reloc relocs[] = { { 1, 0 }, { 4, 1 } };
	static const struct object_line lines[] = { { 0, 12, 5 }, { 3, 13, 0 }, { 8, 20, 1 } };
	struct object_program *p;

	p = object_add_program(obj, "kprobe__icmp_echo");
	p->probe = mem_string("kprobe:icmp_echo");
	p->insns = mem_copy(echo, sizeof(echo));
	p->n_insns = ARRAY_SIZE(echo);
	p->relocs = mem_copy(relocs, sizeof(relocs));
	p->n_relocs = ARRAY_SIZE(relocs);
	p->lines = mem_copy(lines, sizeof(lines));
	p->n_lines = ARRAY_SIZE(lines);
	p = object_add_program(obj, "by_hand");
	p->insns = mem_copy(echo + 7, 2 * sizeof(echo[0]));
	p->n_insns = 2;
}

static inline struct object *sample_object(void)
{
	struct object *obj = object_new();

	obj->license = mem_string("GPL");
	obj->kern_version = 0x30a00;
	obj->source_name = mem_string("icmp.lua");
	obj->types = sample_types();
	sample_maps(obj);
	sample_programs(obj);
	object_add_fact(obj, "release", "3.10.0-1062.el7.x86_64");
	object_add_fact(obj, "headers", "a=b\x1b[31m");
	return obj;
}

#endif
