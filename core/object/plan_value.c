/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: reads and writes what one operation describes. */
#include "plan.h"

#include <stdbool.h>
#include <string.h>

static uint64_t load(const void *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);		/* little endian */
	return v;
}

static uint64_t sign_extend(uint64_t v, unsigned bits)
{
	return bits >= 64 ? v : (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

/* bits_at + bits_len may reach into a ninth byte when a struct is packed */
static uint64_t load_bits(const struct plan_op *op, const unsigned char *p)
{
	unsigned bytes = (op->bits_at + op->bits_len + 7) / 8;
	unsigned __int128 v = 0;

	memcpy(&v, p, bytes);
	v >>= op->bits_at;
	if (op->bits_len < 64)
		v &= (1ULL << op->bits_len) - 1;
	return v;
}

static void store_bits(const struct plan_op *op, unsigned char *p, uint64_t value)
{
	unsigned bytes = (op->bits_at + op->bits_len + 7) / 8;
	unsigned __int128 v = 0, mask = (((unsigned __int128)1 << op->bits_len) - 1);

	memcpy(&v, p, bytes);
	v &= ~(mask << op->bits_at);
	v |= (value & mask) << op->bits_at;
	memcpy(p, &v, bytes);
}

uint64_t plan_scalar(const struct plan_op *op, const void *value, uint32_t i)
{
	const unsigned char *p = (const unsigned char *)value + op->offset;
	uint64_t v;

	if (op->code == PLAN_UBITS || op->code == PLAN_BITS) {
		v = load_bits(op, p);
		return op->code == PLAN_BITS ? sign_extend(v, op->bits_len) : v;
	}
	v = load(p + (size_t)i * op->size, op->size);
	return op->is_signed ? sign_extend(v, op->size * 8) : v;
}

/* does v (below 0 if negative) fit `bits` bits? */
static bool fits(uint64_t v, bool negative, unsigned bits, bool is_signed)
{
	uint64_t most = bits >= 64 ? UINT64_MAX : (1ULL << bits) - 1;

	if (negative && (int64_t)v < 0)
		return is_signed && (int64_t)v >= -(int64_t)(most >> 1) - 1;
	return v <= (is_signed ? most >> 1 : most);
}

int plan_store(const struct plan_op *op, void *value, uint32_t i, uint64_t v, int negative)
{
	unsigned char *p = (unsigned char *)value + op->offset;
	unsigned bits;

	switch (op->code) {
	case PLAN_OPEN_STRUCT:
	case PLAN_OPEN_ARRAY:
	case PLAN_CLOSE:
		return false;
	case PLAN_UBITS:
	case PLAN_BITS:
		if (!fits(v, negative, op->bits_len, op->code == PLAN_BITS))
			return false;
		store_bits(op, p, v);
		return true;
	default:
		bits = op->code == PLAN_BOOL ? 1 : op->size * 8;
		if (!fits(v, negative, bits, op->is_signed))
			return false;
		memcpy(p + (size_t)i * op->size, &v, op->size);
		return true;
	}
}
