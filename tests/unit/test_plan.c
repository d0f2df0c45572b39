/* SPDX-License-Identifier: Apache-2.0 */
/* core/object: C types (checks, extraction, spelling) and decode plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "object/plan.h"
#include "object/types.h"

/* ---- helpers ---- */

/* takes btf */
static struct types *make_types(struct btf *btf)
{
	struct error err = ERROR_INIT;
	struct types *t;
	const void *raw;
	uint32_t size;

	raw = btf__raw_data(btf, &size);
	t = types_read(raw, size, &err);
	if (!t)
		fail_msg("%s", err.text);
	btf__free(btf);
	return t;
}

/* takes btf */
static void assert_bad_types(struct btf *btf, const char *text)
{
	struct error err = ERROR_INIT;
	const void *raw;
	uint32_t size;

	raw = btf__raw_data(btf, &size);
	if (types_read(raw, size, &err))
		fail_msg("not refused: %s", text);
	assert_string_equal(err.tag, "E-OBJECT");
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
	error_clear(&err);
	btf__free(btf);
}

static struct plan *make_plan(const struct types *t, uint32_t id, uint32_t size)
{
	struct error err = ERROR_INIT;
	struct plan *plan = plan_new(t, id, size, &err);

	if (!plan)
		fail_msg("%s", err.text);
	return plan;
}

static const char *const code_names[] = {
	[PLAN_UINT] = "uint", [PLAN_INT] = "int", [PLAN_BOOL] = "bool", [PLAN_FLOAT] = "float",
	[PLAN_POINTER] = "pointer", [PLAN_ENUM] = "enum", [PLAN_UBITS] = "ubits",
	[PLAN_BITS] = "bits", [PLAN_STRING] = "string", [PLAN_BYTES] = "bytes",
	[PLAN_OPEN_STRUCT] = "{", [PLAN_OPEN_ARRAY] = "[", [PLAN_CLOSE] = "}",
};

/* "{ uint4 pid@0 string comm@4x16 }" */
static void print_plan(const struct plan *plan, struct buf *out)
{
	size_t i;

	for (i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		buf_addf(out, "%s%s", i ? " " : "", code_names[op->code]);
		if (op->code < PLAN_UBITS)
			buf_addf(out, "%u%s", op->size, op->is_signed ? "s" : "");
		if (op->code == PLAN_CLOSE)
			continue;
		if (op->name)
			buf_addf(out, " %s", op->name);
		buf_addf(out, "@%u", op->offset);
		if (op->code == PLAN_UBITS || op->code == PLAN_BITS)
			buf_addf(out, ".%u:%u", op->bits_at, op->bits_len);
		if (op->is_array || op->code == PLAN_STRING || op->code == PLAN_BYTES)
			buf_addf(out, "x%u", op->count);
		if (op->stride)
			buf_addf(out, "/%u", op->stride);
	}
}

static void assert_plan(const struct plan *plan, const char *text)
{
	struct buf out = BUF_INIT;
	size_t i;

	print_plan(plan, &out);
	assert_string_equal(out.data, text);
	buf_release(&out);
	/* OPEN and CLOSE point at each other */
	for (i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->code == PLAN_OPEN_STRUCT || op->code == PLAN_OPEN_ARRAY) {
			assert_int_equal(plan->ops[op->next - 1].code, PLAN_CLOSE);
			assert_int_equal(plan->ops[op->next - 1].next, i);
		}
	}
}

/* ids of what basic() adds first */
enum {
	U8 = 1, U16, U32, U64, S8, S16, S32, S64, CHAR, BOOL, I128, U128, FLOAT, DOUBLE,
	LONG_DOUBLE, VOID_PTR, COMM, BASIC_END
};

static struct btf *basic(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_int(btf, "unsigned char", 1, 0);
	btf__add_int(btf, "unsigned short", 2, 0);
	btf__add_int(btf, "unsigned int", 4, 0);
	btf__add_int(btf, "unsigned long long", 8, 0);
	btf__add_int(btf, "signed char", 1, BTF_INT_SIGNED);
	btf__add_int(btf, "short", 2, BTF_INT_SIGNED);
	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_int(btf, "long long", 8, BTF_INT_SIGNED);
	btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL);
	btf__add_int(btf, "__int128", 16, BTF_INT_SIGNED);
	btf__add_int(btf, "unsigned __int128", 16, 0);
	btf__add_float(btf, "float", 4);
	btf__add_float(btf, "double", 8);
	btf__add_float(btf, "long double", 16);
	btf__add_ptr(btf, 0);
	assert_int_equal(btf__add_array(btf, U32, CHAR, 16), COMM);
	return btf;
}

static uint64_t scalar_at(const struct plan *plan, const char *path, const void *value)
{
	struct error err = ERROR_INIT;
	struct plan_op op;

	if (plan_find(plan, path, &op, &err))
		fail_msg("%s", err.text);
	return plan_scalar(&op, value, 0);
}

static void assert_no_field(const struct plan *plan, const char *path, const char *text,
	const char *hint)
{
	struct error err = ERROR_INIT;
	struct plan_op op;

	assert_int_equal(plan_find(plan, path, &op, &err), -1);
	assert_string_equal(err.tag, "E-FIELD");
	assert_string_equal(err.text, text);
	if (hint)
		assert_string_equal(err.hint, hint);
	else
		assert_null(err.hint);
	error_clear(&err);
}

/* ---- plans ---- */

static void test_scalars(void **state)
{
	static const struct {
		uint32_t id, size;
		const char *text;
	} rows[] = {
		{ U8, 1, "uint1@0" }, { U16, 2, "uint2@0" }, { U32, 4, "uint4@0" },
		{ U64, 8, "uint8@0" }, { S8, 1, "int1s@0" }, { S16, 2, "int2s@0" },
		{ S32, 4, "int4s@0" }, { S64, 8, "int8s@0" }, { CHAR, 1, "int1s@0" },
		{ BOOL, 1, "bool1@0" }, { I128, 16, "bytes@0x16" }, { U128, 16, "bytes@0x16" },
		{ FLOAT, 4, "float4@0" }, { DOUBLE, 8, "float8@0" },
		{ LONG_DOUBLE, 16, "bytes@0x16" }, { VOID_PTR, 8, "pointer8@0" },
		{ COMM, 16, "string@0x16" },
	};
	struct types *t = make_types(basic());
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan = make_plan(t, rows[i].id, rows[i].size);

		assert_int_equal(plan->size, rows[i].size);
		assert_plan(plan, rows[i].text);
		plan_free(plan);
	}
	types_free(t);
}

static void test_untyped(void **state)
{
	static const struct {
		uint32_t size;
		const char *text;
	} rows[] = {
		{ 0, "bytes@0x0" }, { 1, "uint1@0" }, { 2, "uint2@0" }, { 3, "bytes@0x3" },
		{ 4, "uint4@0" }, { 8, "uint8@0" }, { 16, "bytes@0x16" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan = make_plan(NULL, 0, rows[i].size);

		assert_int_equal(plan->size, rows[i].size);
		assert_plan(plan, rows[i].text);
		plan_free(plan);
	}
}

static void test_refused_plans(void **state)
{
	struct btf *btf = basic();
	struct error err = ERROR_INIT;
	uint32_t fwd = btf__add_fwd(btf, "sk_buff", BTF_FWD_STRUCT);
	struct types *t = make_types(btf);

	assert_null(plan_new(t, U32, 8, &err));
	assert_string_equal(err.text, "'unsigned int' has 4 bytes where 8 are needed");
	assert_null(plan_new(t, fwd, 8, &err));
	assert_string_equal(err.text, "'struct sk_buff' is no type of a value");
	assert_null(plan_new(t, fwd + 1, 8, &err));
	assert_string_equal(err.text, "type 19 does not exist");
	assert_null(plan_new(NULL, 1, 8, &err));
	assert_string_equal(err.tag, "E-OBJECT");
	error_clear(&err);
	types_free(t);
}

/* struct { u32 pid; struct { u8 a[4]; } in[2]; char comm[16]; }: plan.h's example */
static void test_nested(void **state)
{
	static const char bytes[] = "\x2a\0\0\0" "\x01\x02\x03\x04" "\x05\x06\x07\x08" "swapper/0";
	struct btf *btf = basic();
	uint32_t inner, four, two, outer;
	struct plan_op op;
	struct error err = ERROR_INIT;
	struct types *t;
	struct plan *plan;
	char value[28] = { 0 };

	four = btf__add_array(btf, U32, U8, 4);
	inner = btf__add_struct(btf, NULL, 4);
	btf__add_field(btf, "a", four, 0, 0);
	two = btf__add_array(btf, U32, inner, 2);
	outer = btf__add_struct(btf, "example", 28);
	btf__add_field(btf, "pid", U32, 0, 0);
	btf__add_field(btf, "in", two, 32, 0);
	btf__add_field(btf, "comm", COMM, 96, 0);
	t = make_types(btf);
	plan = make_plan(t, outer, 28);
	assert_plan(plan, "{@0 uint4 pid@0 [ in@4x2/4 {@0 uint1 a@0x4 } } string comm@12x16 }");

	memcpy(value, bytes, sizeof(bytes));
	assert_int_equal(scalar_at(plan, "pid", value), 42);
	assert_int_equal(scalar_at(plan, "in[0].a[0]", value), 1);
	assert_int_equal(scalar_at(plan, "in[1].a[2]", value), 7);
	assert_int_equal(plan_find(plan, "in[1].a[3]", &op, &err), 0);
	assert_int_equal(op.offset, 11);
	assert_int_equal(op.count, 1);
	assert_int_equal(op.is_array, 0);
	assert_int_equal(plan_find(plan, "in[1].a", &op, &err), 0);
	assert_int_equal(op.offset, 8);
	assert_int_equal(op.count, 4);
	assert_int_equal(plan_scalar(&op, value, 3), 8);
	assert_int_equal(plan_find(plan, "in[1]", &op, &err), 0);
	assert_int_equal(op.code, PLAN_OPEN_STRUCT);
	assert_int_equal(op.offset, 8);
	assert_int_equal(plan_find(plan, "comm", &op, &err), 0);
	assert_int_equal(op.code, PLAN_STRING);
	assert_string_equal(value + op.offset, "swapper/0");
	assert_int_equal(plan_scalar(&op, value, 1), 'w');
	assert_int_equal(plan_find(plan, "", &op, &err), 0);
	assert_int_equal(op.code, PLAN_OPEN_STRUCT);

	assert_no_field(plan, "pdi", "no field 'pdi'", "did you mean 'pid'?");
	assert_no_field(plan, "quite_else", "no field 'quite_else'", NULL);
	assert_no_field(plan, "comm.x", "no field 'x' in 'comm'", NULL);
	assert_no_field(plan, "in[1].b", "no field 'b' in 'in[1]'", "did you mean 'a'?");
	assert_no_field(plan, "in[2].a", "'in' has 2 elements, not [2]", NULL);
	assert_no_field(plan, "in[1].a[4]", "'in[1].a' has 4 elements, not [4]", NULL);
	assert_no_field(plan, "in.a", "no field 'a' in 'in'", NULL);
	assert_no_field(plan, "pid[0]", "'pid' is no array", NULL);
	assert_no_field(plan, "comm[0]", "'comm' is no array", NULL);
	assert_no_field(plan, "in[1].a[0][0]", "'in[1].a[0]' is no array", NULL);
	assert_no_field(plan, "in[-1]", "malformed index in 'in[-1]'", NULL);
	assert_no_field(plan, "in[1", "malformed index in 'in[1'", NULL);
	assert_no_field(plan, "in[99999999999]", "malformed index in 'in[99999999999]'", NULL);
	assert_no_field(plan, "in[1]a", "malformed field path 'in[1]a'", NULL);
	assert_no_field(plan, ".pid", "no field ''", NULL);
	assert_no_field(plan, "pid.", "no field '' in 'pid'", NULL);
	plan_free(plan);
	types_free(t);
}

static void test_arrays(void **state)
{
	struct btf *btf = basic();
	uint32_t three, grid, names, one, ptrs, wide, cut, cchar, cname, flex, none, s;
	struct types *t;
	struct plan *plan;
	int32_t cells[2][3] = { { 1, 2, 3 }, { 4, 5, -6 } };

	three = btf__add_array(btf, U32, S32, 3);
	grid = btf__add_array(btf, U32, three, 2);
	names = btf__add_array(btf, U32, COMM, 4);
	one = btf__add_array(btf, U32, U64, 1);
	ptrs = btf__add_array(btf, U32, VOID_PTR, 2);
	wide = btf__add_array(btf, U32, U128, 2);
	cut = btf__add_typedef(btf, "letter", CHAR);
	cchar = btf__add_const(btf, cut);
	cname = btf__add_array(btf, U32, cchar, 8);
	flex = btf__add_array(btf, U32, U8, 0);
	none = btf__add_struct(btf, "none", 0);
	s = btf__add_struct(btf, "s", 4);
	btf__add_field(btf, "n", U32, 0, 0);
	btf__add_field(btf, "lock", none, 32, 0);
	btf__add_field(btf, "rest", flex, 32, 0);
	t = make_types(btf);

	plan = make_plan(t, grid, 24);
	assert_plan(plan, "[@0x2/12 int4s@0x3 }");
	assert_int_equal(scalar_at(plan, "[1][0]", cells), 4);
	assert_int_equal((int64_t)scalar_at(plan, "[1][2]", cells), -6);
	assert_no_field(plan, "[1][3]", "'[1]' has 3 elements, not [3]", NULL);
	plan_free(plan);
	plan = make_plan(t, names, 64);
	assert_plan(plan, "[@0x4/16 string@0x16 }");
	plan_free(plan);
	plan = make_plan(t, one, 0);
	assert_plan(plan, "uint8@0x1");
	plan_free(plan);
	plan = make_plan(t, ptrs, 0);
	assert_plan(plan, "pointer8@0x2");
	assert_int_equal(plan->ops[0].type, VOID_PTR);
	plan_free(plan);
	plan = make_plan(t, wide, 32);
	assert_plan(plan, "[@0x2/16 bytes@0x16 }");
	plan_free(plan);
	plan = make_plan(t, cname, 8);
	assert_plan(plan, "string@0x8");
	plan_free(plan);
	plan = make_plan(t, s, 4);
	assert_plan(plan, "{@0 uint4 n@0 }");
	plan_free(plan);
	types_free(t);
}

static void test_anonymous(void **state)
{
	struct btf *btf = basic();
	uint32_t v4, inner, u, named, outer;
	struct types *t;
	struct plan *plan;
	char value[24] = { 0 };

	v4 = btf__add_array(btf, U32, U8, 4);
	inner = btf__add_struct(btf, NULL, 8);
	btf__add_field(btf, "low", U32, 0, 0);
	btf__add_field(btf, "high", U32, 32, 0);
	u = btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "raw", U64, 0, 0);
	btf__add_field(btf, NULL, inner, 0, 0);
	named = btf__add_union(btf, "addr", 4);
	btf__add_field(btf, "v4", v4, 0, 0);
	btf__add_field(btf, "word", U32, 0, 0);
	outer = btf__add_struct(btf, "key", 24);
	btf__add_field(btf, "ts", U64, 0, 0);
	btf__add_field(btf, NULL, u, 64, 0);
	btf__add_field(btf, "addr", named, 128, 0);
	btf__add_field(btf, "port", U16, 160, 0);
	t = make_types(btf);
	plan = make_plan(t, outer, 24);
	assert_plan(plan, "{@0 uint8 ts@0 uint8 raw@8 uint4 low@8 uint4 high@12 "
		"{ addr@16 uint1 v4@16x4 uint4 word@16 } uint2 port@20 }");
	value[12] = 9;
	value[18] = 7;
	assert_int_equal(scalar_at(plan, "high", value), 9);
	assert_int_equal(scalar_at(plan, "addr.v4[2]", value), 7);
	assert_int_equal(scalar_at(plan, "addr.word", value), 0x70000);
	plan_free(plan);
	types_free(t);
}

static void test_bits(void **state)
{
	struct btf *btf = basic();
	uint32_t s, ubits;
	struct types *t;
	struct plan *plan;
	struct plan_op op;
	struct error err = ERROR_INIT;
	unsigned char value[17];
	struct {
		uint32_t a : 3, b : 11, c : 18;
		int32_t d : 5;
		uint64_t e : 40;
	} v = { .a = 5, .b = 1234, .c = 200000, .d = -3, .e = 0xabcdef0123 };

	ubits = btf__add_typedef(btf, "u32", U32);
	s = btf__add_struct(btf, "bits", 16);
	btf__add_field(btf, "a", ubits, 0, 3);
	btf__add_field(btf, "b", U32, 3, 11);
	btf__add_field(btf, "c", U32, 14, 18);
	btf__add_field(btf, "d", S32, 32, 5);
	btf__add_field(btf, "e", U64, 64, 40);
	t = make_types(btf);
	assert_int_equal(sizeof(v), 16);
	plan = make_plan(t, s, 16);
	assert_plan(plan, "{@0 ubits a@0.0:3 ubits b@0.3:11 ubits c@1.6:18 bits d@4.0:5 "
		"ubits e@8.0:40 }");
	assert_int_equal(scalar_at(plan, "a", &v), 5);
	assert_int_equal(scalar_at(plan, "b", &v), 1234);
	assert_int_equal(scalar_at(plan, "c", &v), 200000);
	assert_int_equal((int64_t)scalar_at(plan, "d", &v), -3);
	assert_int_equal(scalar_at(plan, "e", &v), 0xabcdef0123);

	assert_int_equal(plan_find(plan, "b", &op, &err), 0);
	assert_true(plan_store(&op, &v, 0, 2047, 0));
	assert_false(plan_store(&op, &v, 0, 2048, 0));
	assert_int_equal(v.a, 5);
	assert_int_equal(v.b, 2047);
	assert_int_equal(v.c, 200000);
	assert_int_equal(plan_find(plan, "d", &op, &err), 0);
	assert_true(plan_store(&op, &v, 0, -16, 1));
	assert_int_equal(v.d, -16);
	assert_false(plan_store(&op, &v, 0, -17, 1));
	assert_false(plan_store(&op, &v, 0, 16, 0));
	assert_true(plan_store(&op, &v, 0, 15, 0));
	assert_int_equal(v.d, 15);
	plan_free(plan);
	types_free(t);

	/* 64 bits from bit 3 on reach into a ninth byte */
	op = (struct plan_op){ .code = PLAN_UBITS, .size = 8, .offset = 4, .count = 1,
		.bits_at = 3, .bits_len = 64 };
	memset(value, 0xff, sizeof(value));
	assert_true(plan_store(&op, value, 0, 0x8000000000000001, 0));
	assert_int_equal(plan_scalar(&op, value, 0), 0x8000000000000001);
	assert_int_equal(value[4], 0x0f);
	assert_int_equal(value[12], 0xfc);
	assert_int_equal(value[3], 0xff);
	assert_int_equal(value[13], 0xff);
}

static void test_enums(void **state)
{
	struct btf *btf = basic();
	uint32_t color, sign, wide, arr, s;
	struct types *t;
	struct plan *plan;
	struct plan_op op;
	struct error err = ERROR_INIT;
	unsigned char value[32] = { 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 7, 0, 0, 0, 6 };

	color = btf__add_enum(btf, "color", 4);
	btf__add_enum_value(btf, "RED", 1);
	btf__add_enum_value(btf, "GREEN", 2);
	sign = btf__add_enum(btf, "sign", 4);
	btf__add_enum_value(btf, "MINUS", -1);
	wide = btf__add_enum64(btf, "wide", 8, false);
	btf__add_enum64_value(btf, "ALL", UINT64_MAX);
	arr = btf__add_array(btf, U32, color, 2);
	s = btf__add_struct(btf, "e", 32);
	btf__add_field(btf, "color", color, 0, 0);
	btf__add_field(btf, "sign", sign, 32, 0);
	btf__add_field(btf, "wide", wide, 64, 0);
	btf__add_field(btf, "two", arr, 128, 0);
	btf__add_field(btf, "packed", color, 193, 2);
	t = make_types(btf);
	plan = make_plan(t, s, 32);
	assert_plan(plan, "{@0 enum4 color@0 enum4s sign@4 enum8 wide@8 enum4 two@16x2 "
		"ubits packed@24.1:2 }");
	assert_int_equal(plan_find(plan, "color", &op, &err), 0);
	assert_string_equal(plan_enum_name(t, &op, plan_scalar(&op, value, 0)), "GREEN");
	assert_null(plan_enum_name(t, &op, 3));
	assert_int_equal(plan_find(plan, "sign", &op, &err), 0);
	assert_int_equal((int64_t)plan_scalar(&op, value, 0), -1);
	assert_string_equal(plan_enum_name(t, &op, plan_scalar(&op, value, 0)), "MINUS");
	assert_int_equal(plan_find(plan, "wide", &op, &err), 0);
	assert_string_equal(plan_enum_name(t, &op, plan_scalar(&op, value, 0)), "ALL");
	assert_int_equal(plan_find(plan, "two[0]", &op, &err), 0);
	assert_string_equal(plan_enum_name(t, &op, plan_scalar(&op, value, 0)), "RED");
	assert_int_equal(plan_find(plan, "two[1]", &op, &err), 0);
	assert_null(plan_enum_name(t, &op, plan_scalar(&op, value, 0)));
	assert_int_equal(plan_find(plan, "packed", &op, &err), 0);
	assert_int_equal(plan_scalar(&op, value, 0), 3);
	assert_null(plan_enum_name(NULL, &op, 1));
	plan_free(plan);
	types_free(t);
}

static void test_store(void **state)
{
	static const struct {
		uint32_t id;
		uint64_t v;
		int negative, fits;
	} rows[] = {
		{ U8, 255, 0, 1 }, { U8, 256, 0, 0 }, { U8, -1, 1, 0 }, { U8, 0, 1, 1 },
		{ S8, 127, 0, 1 }, { S8, 128, 0, 0 }, { S8, -128, 1, 1 }, { S8, -129, 1, 0 },
		{ U16, 65536, 0, 0 }, { S16, -32768, 1, 1 }, { S16, 32768, 0, 0 },
		{ U32, UINT32_MAX, 0, 1 }, { U32, 1ULL << 32, 0, 0 }, { S32, INT32_MIN, 1, 1 },
		{ S32, INT32_MIN - 1LL, 1, 0 }, { S32, 1ULL << 31, 0, 0 },
		{ U64, UINT64_MAX, 0, 1 }, { U64, -1, 1, 0 }, { S64, INT64_MIN, 1, 1 },
		{ S64, UINT64_MAX, 0, 0 }, { S64, INT64_MAX, 0, 1 },
		{ BOOL, 1, 0, 1 }, { BOOL, 2, 0, 0 }, { BOOL, -1, 1, 0 },
		{ VOID_PTR, UINT64_MAX, 0, 1 }, { VOID_PTR, -1, 1, 0 },
		{ FLOAT, 0x3f800000, 0, 1 }, { FLOAT, 1ULL << 32, 0, 0 },
		{ DOUBLE, 0x3ff0000000000000, 0, 1 },
	};
	struct types *t = make_types(basic());
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan = make_plan(t, rows[i].id, 0);
		unsigned char value[16], before[16];
		int fits;

		memset(value, 0x5a, sizeof(value));
		memcpy(before, value, sizeof(value));
		fits = plan_store(&plan->ops[0], value, 0, rows[i].v, rows[i].negative);
		if (fits != rows[i].fits)
			fail_msg("row %zu", i);
		if (fits)
			assert_int_equal(plan_scalar(&plan->ops[0], value, 0), rows[i].v);
		else
			assert_memory_equal(value, before, sizeof(value));
		assert_memory_equal(value + plan->size, before + plan->size, 16 - plan->size);
		plan_free(plan);
	}
	types_free(t);
}

/* ---- spelling ---- */

static void test_spelling(void **state)
{
	struct btf *btf = basic();
	uint32_t s = btf__add_struct(btf, "echo", 0), cchar = btf__add_const(btf, CHAR);
	uint32_t str = btf__add_ptr(btf, cchar), cstr = btf__add_const(btf, str);
	uint32_t tag = btf__add_type_tag(btf, "user", s), user = btf__add_ptr(btf, tag);
	uint32_t three = btf__add_array(btf, U32, S32, 3);
	uint32_t grid = btf__add_array(btf, U32, three, 2);
	uint32_t to_three = btf__add_ptr(btf, three), pp = btf__add_ptr(btf, str);
	uint32_t proto = btf__add_func_proto(btf, S32), fn = btf__add_ptr(btf, proto);
	uint32_t u32 = btf__add_typedef(btf, "u32", U32), cu32 = btf__add_const(btf, u32);
	uint32_t fwd = btf__add_fwd(btf, "x", BTF_FWD_UNION);
	uint32_t vol = btf__add_volatile(btf, cu32), anon = btf__add_struct(btf, NULL, 0);
	const struct {
		uint32_t id;
		const char *text;
	} rows[] = {
		{ 0, "void" }, { U64, "unsigned long long" }, { COMM, "char[16]" },
		{ VOID_PTR, "void *" }, { s, "struct echo" }, { str, "const char *" },
		{ cstr, "const char *const" }, { user, "struct echo *" }, { grid, "int[2][3]" },
		{ to_three, "int (*)[3]" }, { pp, "const char **" }, { fn, "int (*)()" },
		{ u32, "u32" }, { cu32, "const u32" }, { vol, "volatile const u32" },
		{ fwd, "union x" }, { anon, "struct (anonymous)" },
	};
	struct types *t = make_types(btf);
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_clear(&out);
		types_name(t, rows[i].id, &out);
		assert_string_equal(out.data, rows[i].text);
	}
	buf_release(&out);
	types_free(t);
}

static void assert_declared(const struct types *t, uint32_t id, const char *text)
{
	struct buf out = BUF_INIT;

	types_declare(t, id, &out);
	assert_string_equal(out.data, text);
	buf_release(&out);
}

static void test_declarations(void **state)
{
	struct btf *btf = basic();
	uint32_t inner, s, alias, anon, named, e, e64, alias2, pair, outer;
	struct types *t;

	inner = btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "raw", U64, 0, 0);
	btf__add_field(btf, "low", U32, 0, 0);
	s = btf__add_struct(btf, "echo", 40);
	btf__add_field(btf, "ts", U64, 0, 0);
	btf__add_field(btf, NULL, inner, 64, 0);
	btf__add_field(btf, "comm", COMM, 128, 0);
	btf__add_field(btf, "flag", U32, 259, 2);
	alias = btf__add_typedef(btf, "echo_t", s);
	anon = btf__add_struct(btf, NULL, 4);
	btf__add_field(btf, "x", S32, 0, 0);
	named = btf__add_typedef(btf, "point", anon);
	e = btf__add_enum(btf, "color", 4);
	btf__add_enum_value(btf, "RED", -1);
	e64 = btf__add_enum64(btf, "wide", 8, false);
	btf__add_enum64_value(btf, "ALL", UINT64_MAX);
	alias2 = btf__add_typedef(btf, "u32", U32);
	pair = btf__add_array(btf, U32, anon, 2);
	outer = btf__add_struct(btf, "outer", 16);
	btf__add_field(btf, "in", pair, 64, 0);
	t = make_types(btf);
	assert_declared(t, outer,
		"struct outer {\n"
		"\tstruct {\n"
		"\t\tint x;\t/* offset 8, size 4 */\n"
		"\t} in[2];\t/* offset 8, size 8 */\n"
		"};\t/* size 16 */\n");
	assert_declared(t, alias,
		"typedef struct echo echo_t;\n"
		"struct echo {\n"
		"\tunsigned long long ts;\t/* offset 0, size 8 */\n"
		"\tunion {\n"
		"\t\tunsigned long long raw;\t/* offset 8, size 8 */\n"
		"\t\tunsigned int low;\t/* offset 8, size 4 */\n"
		"\t};\t/* offset 8, size 8 */\n"
		"\tchar comm[16];\t/* offset 16, size 16 */\n"
		"\tunsigned int flag : 2;\t/* offset 32, bit 3 */\n"
		"};\t/* size 40 */\n");
	assert_declared(t, named, "typedef struct {\n\tint x;\t/* offset 0, size 4 */\n} point;"
		"\t/* size 4 */\n");
	assert_declared(t, e, "enum color {\n\tRED = -1,\n};\t/* size 4 */\n");
	assert_declared(t, e64, "enum wide {\n\tALL = 18446744073709551615,\n};\t/* size 8 */\n");
	assert_declared(t, alias2, "typedef unsigned int u32;\n");
	assert_declared(t, COMM, "char[16];\n");
	assert_true(types_is_declared(t, alias2) && types_is_declared(t, e));
	assert_false(types_is_declared(t, COMM) || types_is_declared(t, 0));
	types_free(t);
}

/* ---- what is refused ---- */

static struct btf *one_field(uint32_t size, uint32_t type, uint32_t at, uint32_t bits)
{
	struct btf *btf = basic();

	btf__add_struct(btf, "s", size);
	assert_int_equal(btf__add_field(btf, "f", type, at, bits), 0);
	return btf;
}

static void test_bad_references(void **state)
{
	struct btf *btf = basic();

	btf__add_typedef(btf, "t", 999);
	assert_bad_types(btf, "record 18: type 999 is out of range (19)");
	assert_bad_types(one_field(4, 999, 0, 0), "record 18: type 999 is out of range (19)");
	btf = basic();
	btf__add_array(btf, 77, U32, 1);
	assert_bad_types(btf, "record 18: index type 77 is out of range");
	btf = basic();
	btf__add_ptr(btf, 100);
	assert_bad_types(btf, "record 18: type 100 is out of range");
	btf = basic();
	((struct btf_type *)btf__type_by_id(btf, U32))->name_off = 100000;
	assert_bad_types(btf, "record 3: name 100000 is out of range");
	btf = one_field(4, U32, 0, 0);
	btf_members(btf__type_by_id(btf, 18))->name_off = 100000;
	assert_bad_types(btf, "record 18: name 100000 is out of range");
	btf = basic();
	((struct btf_type *)btf__type_by_id(btf, U32))->info = 31 << 24;
	assert_bad_types(btf, "record 3 is of unknown kind 31");
	btf = basic();
	((struct btf_type *)btf__type_by_id(btf, COMM))->info |= 5;
	assert_bad_types(btf, "record 17 (array) has items");
	btf = basic();
	btf__add_struct(btf, "s", 4);
	((struct btf_type *)btf__type_by_id(btf, 18))->info |= 5;
	assert_bad_types(btf, "record 18 is cut off");
}

static void test_self_containing(void **state)
{
	struct btf *btf;

	assert_bad_types(one_field(4, BASIC_END, 0, 0), "record 18 contains itself");
	btf = basic();
	btf__add_struct(btf, "a", 8);
	btf__add_field(btf, "b", BASIC_END + 2, 0, 0);
	btf__add_struct(btf, "b", 8);
	btf__add_field(btf, "a", BASIC_END, 0, 0);
	btf__add_array(btf, U32, BASIC_END + 1, 1);
	assert_bad_types(btf, "contains itself");
	btf = basic();
	btf__add_typedef(btf, "t", BASIC_END);
	assert_bad_types(btf, "record 18 contains itself");
	btf = basic();
	btf__add_const(btf, BASIC_END + 1);
	btf__add_volatile(btf, BASIC_END);
	assert_bad_types(btf, "contains itself");
	btf = basic();
	btf__add_ptr(btf, BASIC_END);
	assert_bad_types(btf, "record 18 is a pointer that does not end");
	btf = basic();
	btf__add_ptr(btf, BASIC_END + 1);
	btf__add_func_proto(btf, BASIC_END);
	assert_bad_types(btf, "a pointer that does not end");
	/* behind a pointer it may: a list */
	btf = one_field(8, BASIC_END + 1, 0, 0);
	btf__add_ptr(btf, BASIC_END);
	types_free(make_types(btf));
}

static void test_nesting_depth(void **state)
{
	int depth;

	/* an int in 31 typedefs is 32 deep, whichever comes first in the file */
	for (depth = 31; depth <= 32; depth++) {
		struct btf *up = basic(), *down = basic();
		int i;

		for (i = 0; i < depth; i++) {
			btf__add_typedef(up, "t", i ? BASIC_END + i - 1 : U32);
			btf__add_typedef(down, "t", i < depth - 1 ? BASIC_END + i + 1 : U32);
		}
		if (depth == 31) {
			types_free(make_types(up));
			types_free(make_types(down));
		} else {
			assert_bad_types(up, "is nested deeper than 32");
			assert_bad_types(down, "is nested deeper than 32");
		}
	}
}

static void test_bad_sizes(void **state)
{
	struct btf *btf = basic();
	uint32_t big;

	big = btf__add_array(btf, U32, U64, UINT32_MAX);
	assert_int_equal(big, BASIC_END);
	assert_bad_types(btf, "record 18 is an array of 34359738360 bytes");
	btf = basic();
	btf__add_array(btf, U32, 0, 1);
	assert_bad_types(btf, "an array of something without a size");
	assert_bad_types(one_field(7, U64, 0, 0), "member 0 ends behind the 7 bytes of the struct");
	assert_bad_types(one_field(8, U32, 40, 0), "member 0 ends behind");
	assert_bad_types(one_field(4, U32, 0xffffff, 1), "member 0 ends behind");
	assert_bad_types(one_field(8, U32, 0, 33), "a bit field of 33 bits");
	assert_bad_types(one_field(16, I128, 0, 65), "a bit field of 65 bits");
	assert_bad_types(one_field(8, FLOAT, 0, 3), "a bit field of no integer");
	assert_bad_types(one_field(8, 0, 0, 0), "member 0 has no size");
	btf = one_field(8, U32, 0, 0);
	btf_members(btf__type_by_id(btf, BASIC_END))->offset = 3;
	assert_bad_types(btf, "member 0 is not at a byte");
	btf = basic();
	btf__add_union(btf, "u", 8);
	btf__add_field(btf, "x", U32, 0, 0);
	btf_members(btf__type_by_id(btf, BASIC_END))->offset = 8;
	assert_bad_types(btf, "member 0 is not at the union's start");
	btf = basic();
	((struct btf_type *)btf__type_by_id(btf, U32))->size = 3;
	assert_bad_types(btf, "record 3 (int) has a wrong size of 3 bytes");
	btf = basic();
	btf__add_struct(btf, "s", 0x80000000);
	assert_bad_types(btf, "a struct of 2147483648 bytes");
}

static void test_bad_names(void **state)
{
	char name[140] = { 0 };
	struct btf *btf = basic();

	btf__add_struct(btf, "a\x1b[31mb", 0);
	assert_bad_types(btf, "record 18 has a name that is no identifier");
	btf = basic();
	btf__add_struct(btf, "s", 4);
	btf__add_field(btf, "a b", U32, 0, 0);
	assert_bad_types(btf, "record 18 has a name that is no identifier");
	memset(name, 'n', 129);
	btf = basic();
	btf__add_struct(btf, name, 0);
	assert_bad_types(btf, "record 18 has a name of 129 characters");
	btf = basic();
	btf__add_typedef(btf, "t", U32);
	((struct btf_type *)btf__type_by_id(btf, BASIC_END))->name_off = 0;
	assert_bad_types(btf, "record 18 has no name");
}

/* every flip and truncation of raw BTF is refused or gives usable types */
static void test_raw_damage(void **state)
{
	struct btf *btf = one_field(32, COMM, 64, 0);
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	const void *raw;
	uint32_t size, i, mask;

	btf__add_field(btf, "bits", U32, 32, 5);
	btf__add_typedef(btf, "s_t", BASIC_END);
	raw = btf__raw_data(btf, &size);
	for (i = 0; i < size; i++) {
		char *part = mem_copy(raw, i);

		assert_null(types_read(part, i, &err));
		assert_string_equal(err.tag, "E-OBJECT");
		free(part);
	}
	for (i = 0; i < size * 9; i++) {
		char *copy = mem_copy(raw, size);
		struct types *t;
		uint32_t id;

		mask = i % 9 == 8 ? 0xff : 1 << i % 9;
		copy[i / 9] ^= mask;
		t = types_read(copy, size, &err);
		free(copy);
		for (id = 0; t && id < types_count(t); id++) {
			plan_free(plan_new(t, id, 0, &err));
			buf_clear(&out);
			types_declare(t, id, &out);
			assert_true(out.len > 0);
		}
		types_free(t);
	}
	error_clear(&err);
	buf_release(&out);
	btf__free(btf);
}

/* structs that share members unfold without end: bounded in plans and in text */
static void test_unfolding(void **state)
{
	struct btf *btf = basic();
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	struct types *t;
	uint32_t last = U32;
	int i;

	for (i = 0; i < 30; i++) {
		uint32_t u = btf__add_union(btf, NULL, 4);

		btf__add_field(btf, i ? NULL : "a", last, 0, 0);
		btf__add_field(btf, i ? NULL : "b", last, 0, 0);
		last = u;
	}
	t = make_types(btf);
	assert_null(plan_new(t, last, 0, &err));
	assert_string_equal(err.text, "'union (anonymous)' has too many fields");
	types_declare(t, last, &out);
	assert_true(out.len > 1 << 20 && out.len < 2 << 20);
	error_clear(&err);
	buf_release(&out);
	types_free(t);
}

/* ---- extraction ---- */

/* as a compiler would emit it: a struct that points into a big world */
static struct btf *world(uint32_t *ret_key, uint32_t *ret_value)
{
	struct btf *btf = basic();
	uint32_t skb, pskb, tag, u32, next, list, fn, proto, en, pen, anon, panon;

	u32 = btf__add_typedef(btf, "u32", U32);
	skb = btf__add_struct(btf, "sk_buff", 64);
	btf__add_field(btf, "len", u32, 0, 0);
	btf__add_field(btf, "head", VOID_PTR, 64, 0);
	tag = btf__add_type_tag(btf, "user", skb);
	pskb = btf__add_ptr(btf, tag);
	en = btf__add_enum(btf, "color", 4);
	btf__add_enum_value(btf, "RED", 1);
	pen = btf__add_ptr(btf, en);
	anon = btf__add_struct(btf, NULL, 4);
	btf__add_field(btf, "x", S32, 0, 0);
	panon = btf__add_ptr(btf, anon);
	list = btf__add_struct(btf, "list", 56);
	next = btf__type_cnt(btf);
	btf__add_field(btf, "next", next, 0, 0);
	btf__add_field(btf, "skb", pskb, 64, 0);
	btf__add_field(btf, "fn", next + 1, 128, 0);
	btf__add_field(btf, "color", en, 192, 0);
	btf__add_field(btf, "colors", pen, 256, 0);
	btf__add_field(btf, "anon", panon, 320, 0);
	btf__add_field(btf, "bits", u32, 387, 7);
	btf__add_ptr(btf, list);
	fn = btf__add_ptr(btf, next + 2);
	assert_int_equal(fn, next + 1);
	proto = btf__add_func_proto(btf, S32);
	btf__add_func_param(btf, "x", pskb);
	btf__add_func(btf, "kprobe__f", BTF_FUNC_GLOBAL, proto);
	btf__add_var(btf, "v", BTF_VAR_GLOBAL_ALLOCATED, S32);
	btf__add_datasec(btf, "maps", 4);
	btf__add_decl_tag(btf, "tag", skb, -1);
	*ret_key = btf__add_const(btf, u32);
	*ret_value = list;
	return btf;
}

static void test_extract(void **state)
{
	struct error err = ERROR_INIT;
	uint32_t ids[4], again[4], size;
	struct btf *btf;
	struct types *t, *t2;
	struct plan *plan;
	const void *raw, *raw1, *raw2;
	size_t n1, n2;

	btf = world(&ids[0], &ids[2]);
	ids[1] = 0;
	ids[3] = ids[0];
	memcpy(again, ids, sizeof(ids));
	raw = btf__raw_data(btf, &size);
	t = types_extract(raw, size, ids, 4, &err);
	if (!t)
		fail_msg("%s", err.text);
	t2 = types_extract(raw, size, again, 4, &err);
	assert_memory_equal(ids, again, sizeof(ids));
	raw1 = types_raw(t, &n1);
	raw2 = types_raw(t2, &n2);
	assert_int_equal(n1, n2);
	assert_memory_equal(raw1, raw2, n1);

	assert_int_equal(ids[1], 0);
	assert_int_equal(ids[0], ids[3]);
	assert_declared(t, ids[0], "const u32;\n");
	assert_declared(t, ids[2],
		"struct list {\n"
		"\tstruct list *next;\t/* offset 0, size 8 */\n"
		"\tstruct sk_buff *skb;\t/* offset 8, size 8 */\n"
		"\tvoid *fn;\t/* offset 16, size 8 */\n"
		"\tenum color color;\t/* offset 24, size 4 */\n"
		"\tenum color *colors;\t/* offset 32, size 8 */\n"
		"\tvoid *anon;\t/* offset 40, size 8 */\n"
		"\tu32 bits : 7;\t/* offset 48, bit 3 */\n"
		"};\t/* size 56 */\n");
	plan = make_plan(t, ids[2], 56);
	assert_plan(plan, "{@0 pointer8 next@0 pointer8 skb@8 pointer8 fn@16 enum4 color@24 "
		"pointer8 colors@32 pointer8 anon@40 ubits bits@48.3:7 }");
	assert_string_equal(plan_enum_name(t, &plan->ops[4], 1), "RED");
	assert_true(types_count(t) < 20);
	assert_int_equal(btf__find_by_name_kind(types_btf(t), "sk_buff", BTF_KIND_STRUCT), -2);
	assert_true(btf__find_by_name_kind(types_btf(t), "sk_buff", BTF_KIND_FWD) > 0);
	plan_free(plan);
	types_free(t);
	types_free(t2);
	btf__free(btf);
}

static void test_extract_refuses(void **state)
{
	struct error err = ERROR_INIT;
	struct btf *btf = basic();
	uint32_t size, ids[2] = { U32, 999 }, cycle, self;
	const void *raw;

	self = btf__type_cnt(btf);
	btf__add_typedef(btf, "t", self + 1);
	cycle = btf__add_ptr(btf, self);
	btf__add_struct(btf, "s", 4);
	btf__add_field(btf, "s", cycle + 1, 0, 0);
	btf__add_func(btf, "f", BTF_FUNC_GLOBAL, self);
	raw = btf__raw_data(btf, &size);
	assert_null(types_extract(raw, size, ids, 2, &err));
	assert_string_equal(err.text, "types: type 999 is out of range (22)");
	assert_int_equal(ids[0], U32);
	ids[1] = cycle;
	assert_null(types_extract(raw, size, ids, 2, &err));
	assert_string_equal(err.text, "types: nested deeper than 32");
	ids[1] = cycle + 1;
	assert_null(types_extract(raw, size, ids, 2, &err));
	assert_string_equal(err.text, "types: nested deeper than 32");
	ids[1] = cycle + 2;
	assert_null(types_extract(raw, size, ids, 2, &err));
	assert_string_equal(err.text, "types: a record of kind 12 is no type of a value");
	assert_null(types_extract(raw, size - 1, ids, 2, &err));
	assert_string_equal(err.tag, "E-OBJECT");
	error_clear(&err);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_untyped),
		cmocka_unit_test(test_refused_plans),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_spelling),
		cmocka_unit_test(test_declarations),
		cmocka_unit_test(test_bad_references),
		cmocka_unit_test(test_self_containing),
		cmocka_unit_test(test_nesting_depth),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_raw_damage),
		cmocka_unit_test(test_unfolding),
		cmocka_unit_test(test_extract),
		cmocka_unit_test(test_extract_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
