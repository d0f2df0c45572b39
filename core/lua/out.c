/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module out: rows as text, JSON (an object a line) or CSV from one
 * description.  An event that goes to columns never enters Lua, unless a
 * column is a Lua function.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "lua/internal.h"
#include "lua/value.h"

enum { MAX_COLUMNS = 64, MAX_WIDTH = 400 };

/* what out.list() marks tables with */
#define TYPE_LIST "moontrace.list"

/* how a field's bits are read before they are formatted */
enum convert {
	CONVERT_NONE, CONVERT_BE16, CONVERT_BE32, CONVERT_BE64, CONVERT_IPV4, CONVERT_IPV6,
	CONVERT_MAC, CONVERT_US, CONVERT_MS, CONVERT_S, CONVERT_TIME, CONVERT_ELAPSED,
	CONVERT_KSYM, CONVERT_HEX,
};
static const char *const convert_names[] = {
	"none", "be16", "be32", "be64", "ipv4", "ipv6", "mac", "us", "ms", "s", "time",
	"elapsed", "ksym", "hex", NULL,
};

struct column {
	char *field;		/* path; NULL: `fn` makes the value */
	char *title, *key;	/* heading of text; name in JSON and CSV */
	int fn;			/* registry ref */
	enum convert convert;
	/* the printf format, taken apart */
	char *before, *after;	/* literal text around the conversion */
	char flags[8];
	int width, precision;	/* precision -1: none */
	bool left, zero;
	char conversion;	/* d u x s f ... */
	bool plain;		/* of an integer it says no more than a width */
	bool of_bits;		/* u x X o */
	int decimals;		/* of a double in JSON and CSV; -1: as many as it has */
	struct plan_op op;	/* of the prepared plan */
	bool of_key;		/* of a map's entry: in its key, else in its value */
};

struct columns {
	void *open;		/* first: not NULL */
	size_t n;
	struct column *columns;
	bool has_fn, prepared, headed;
	const struct plan *plan;	/* lent by the map */
	const void *entries;		/* the map whose entries it shows, or NULL */
	uint64_t start;			/* CLOCK_MONOTONIC of the header, ns */
	struct buf row;
};

/* one value on its way into a row */
struct cell {
	enum { CELL_INT, CELL_UINT, CELL_DOUBLE, CELL_TEXT, CELL_BOOL, CELL_NULL } kind;
	union {
		int64_t i;
		uint64_t u;
		double d;
	};
	const char *text;
	size_t len;
	char scratch[128];
};

/* ---- descriptions ---- */

static bool plain_decimal(const struct column *c)
{
	/* flags and precision of %s say nothing about a number */
	return c->conversion == 's' || (strchr("du", c->conversion) && !c->zero &&
		c->precision < 0 && (!c->flags[0] || (c->left && !c->flags[1])));
}

/* "%-7d ms" taken apart; raises on anything but exactly one conversion */
static void parse_format(lua_State *L, struct column *c, const char *fmt)
{
	const char *at = fmt, *start;
	struct buf text = BUF_INIT;
	size_t n = 0;

	c->precision = -1;
	for (; *at && !(at[0] == '%' && at[1] != '%'); at++) {
		buf_addc(&text, *at);
		at += *at == '%';
	}
	c->before = buf_take(&text, NULL);
	if (!*at)
		luaL_error(L, "format '%s' has no conversion", fmt);
	start = ++at;
	for (; *at && strchr("-+ #0", *at) && n + 1 < sizeof(c->flags); at++) {
		c->left |= *at == '-';
		c->zero |= *at == '0';
		c->flags[n++] = *at;
	}
	c->width = strtol(at, (char **)&at, 10);
	if (*at == '.')
		c->precision = strtol(at + 1, (char **)&at, 10);
	if (!*at || !strchr("diuxXosfgec", *at) || c->width < 0 || c->width > MAX_WIDTH ||
		c->precision > MAX_WIDTH)
		luaL_error(L, "format '%s': '%%%s' is no conversion of d i u x X o s f g e c", fmt,
			start);
	c->conversion = *at++ == 'i' ? 'd' : at[-1];
	for (; *at; at++) {
		if (*at == '%' && at[1] != '%') {
			buf_release(&text);
			luaL_error(L, "format '%s' has more than one conversion", fmt);
		}
		buf_addc(&text, *at);
		at += *at == '%';
	}
	c->after = buf_take(&text, NULL);
	c->plain = plain_decimal(c);
	c->of_bits = strchr("uxXo", c->conversion) != NULL;
}

/* JSON and CSV have what the format shows, but nanoseconds and thousandths at least */
static int decimals_of(const struct column *c)
{
	int least = c->convert == CONVERT_S || c->convert == CONVERT_ELAPSED ? 9 :
		c->convert == CONVERT_MS ? 6 : 3;

	if (c->conversion == 'f' && c->precision >= 0)
		return c->precision > least ? c->precision : least;
	return c->convert ? least : -1;
}

/* reads { field, format, title=, key=, as= } at the top of the stack */
static void read_column(lua_State *L, struct column *c)
{
	static const char *const known[] = { "title", "key", "as", NULL };
	const char *last;

	luaL_checktype(L, -1, LUA_TTABLE);
	c->fn = LUA_NOREF;
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		if (lua_type(L, -2) == LUA_TSTRING)
			luaL_checkoption(L, -2, NULL, known);
		lua_pop(L, 1);
	}
	if (lua_rawgeti(L, -1, 1) == LUA_TFUNCTION)
		c->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	else {
		c->field = mem_string(luaL_checkstring(L, -1));
		lua_pop(L, 1);
	}
	lua_rawgeti(L, -1, 2);
	parse_format(L, c, luaL_optstring(L, -1, "%s"));
	lua_getfield(L, -2, "as");
	c->convert = luaL_checkoption(L, -1, "none", convert_names);
	c->decimals = decimals_of(c);
	lua_getfield(L, -3, "title");
	last = c->field ? strrchr(c->field, '.') : NULL;
	last = last ? last + 1 : c->field ? c->field : "value";
	c->title = mem_string(luaL_optstring(L, -1, last));
	lua_getfield(L, -4, "key");
	c->key = mem_string(luaL_optstring(L, -1, c->field ? c->field : c->title));
	lua_pop(L, 4);
}

/* out.columns{ {field, format, title=, key=, as=}, ... } -> sink */
static int out_columns(lua_State *L)
{
	struct columns *cs;
	size_t i, n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = luaL_len(L, 1);
	luaL_argcheck(L, n >= 1 && n <= MAX_COLUMNS, 1, "1 to 64 columns");
	cs = lua_newuserdatauv(L, sizeof(*cs), 0);
	memset(cs, 0, sizeof(*cs));
	buf_init(&cs->row);
	cs->columns = mem_array(n, sizeof(*cs->columns));
	luaL_setmetatable(L, TYPE_COLUMNS);
	for (i = 0; i < n; i++) {
		cs->columns[i].fn = LUA_NOREF;
		cs->n = i + 1;
		lua_rawgeti(L, 1, i + 1);
		read_column(L, &cs->columns[i]);
		cs->has_fn |= cs->columns[i].fn != LUA_NOREF;
		lua_pop(L, 1);
	}
	cs->open = cs;
	return 1;
}

static int columns_gc(lua_State *L)
{
	struct columns *cs = luaL_checkudata(L, 1, TYPE_COLUMNS);
	size_t i;

	for (i = 0; i < cs->n; i++) {
		struct column *c = &cs->columns[i];

		free(c->field);
		free(c->title);
		free(c->key);
		free(c->before);
		free(c->after);
		luaL_unref(L, LUA_REGISTRYINDEX, c->fn);
	}
	free(cs->columns);
	buf_release(&cs->row);
	cs->columns = NULL;
	cs->n = 0;
	return 0;
}

struct columns *columns_prepare(lua_State *L, int idx, const struct types *types,
	const struct plan *plan)
{
	struct columns *cs = luaL_checkudata(L, idx, TYPE_COLUMNS);
	struct error err = ERROR_INIT;
	size_t i;

	(void)types;
	/* the places of the fields are those of one type */
	if (cs->prepared)
		luaL_error(L, "these columns show another map: make them anew with out.columns");
	for (i = 0; i < cs->n; i++) {
		struct column *c = &cs->columns[i];

		if (c->field && plan_find(plan, c->field, &c->op, &err)) {
			error_wrap(&err, "column %d", (int)i + 1);
			raise_error(L, &err);
		}
	}
	cs->plan = plan;
	cs->prepared = true;
	/* the heading comes when everything is attached */
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "moontrace.sinks");
	lua_pushvalue(L, idx);
	lua_rawseti(L, -2, lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
	if (host_of(L)->running)
		columns_header(host_of(L), cs);
	return cs;
}

void columns_release(struct columns *cs)
{
	cs->plan = NULL;
	cs->prepared = false;
}

/* ---- cells ---- */

static void cell_text(struct cell *cell, const char *text, size_t len)
{
	cell->kind = CELL_TEXT;
	cell->text = text;
	cell->len = len;
}

static void cell_format(struct cell *cell, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(cell->scratch, sizeof(cell->scratch), fmt, ap);
	va_end(ap);
	cell_text(cell, cell->scratch, n < 0 ? 0 : (size_t)n < sizeof(cell->scratch) ? (size_t)n :
		sizeof(cell->scratch) - 1);
}

/*
 * "HH:MM:SS.uuuuuu" of a CLOCK_MONOTONIC time; what other programs read has
 * the date and the zone, as time.iso() writes them
 */
static void cell_wall_time(struct host *h, struct cell *cell, uint64_t ns)
{
	char date[32] = "", zone[8] = "";
	struct timespec mono, real;
	struct tm tm;
	int64_t at;
	time_t sec;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	at = (real.tv_sec - mono.tv_sec) * 1000000000ll + real.tv_nsec - mono.tv_nsec + ns;
	sec = at / 1000000000;
	localtime_r(&sec, &tm);
	if (h->format != OUTPUT_TEXT) {
		strftime(date, sizeof(date), "%Y-%m-%dT", &tm);
		snprintf(zone, sizeof(zone), "%c%02d:%02d", tm.tm_gmtoff < 0 ? '-' : '+',
			abs((int)tm.tm_gmtoff / 3600 % 24), abs((int)tm.tm_gmtoff / 60 % 60));
	}
	cell_format(cell, "%s%02d:%02d:%02d.%06d%s", date, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(at % 1000000000 / 1000), zone);
}

static void cell_ksym(struct host *h, struct cell *cell, uint64_t addr)
{
	struct symbol sym = { 0 };

	if (symbol_kernel(h->symbols, addr, &sym))
		cell_text(cell, sym.name, strlen(sym.name));
	else
		cell_format(cell, "0x%llx", (unsigned long long)addr);
}

static void cell_double(struct cell *cell, double d)
{
	cell->kind = CELL_DOUBLE;
	cell->d = d;
}

static void cell_uint(struct cell *cell, uint64_t u)
{
	cell->kind = CELL_UINT;
	cell->u = u;
}

/* a time in nanoseconds, counted in the column's unit */
static void cell_duration(const struct column *c, double ns, struct cell *cell)
{
	cell_double(cell, ns / (c->convert == CONVERT_US ? 1e3 : c->convert == CONVERT_MS ? 1e6 :
		1e9));
}

static bool is_duration(const struct column *c)
{
	return c->convert == CONVERT_US || c->convert == CONVERT_MS || c->convert == CONVERT_S;
}

/* applies the column's conversion to a number's bits */
static void convert_bits(struct host *h, const struct columns *cs, const struct column *c,
	uint64_t bits, bool is_signed, struct cell *cell)
{
	struct in_addr in = { .s_addr = bits };

	switch (c->convert) {
	case CONVERT_BE16:
		cell_uint(cell, be16toh(bits));
		break;
	case CONVERT_BE32:
		cell_uint(cell, be32toh(bits));
		break;
	case CONVERT_BE64:
		cell_uint(cell, be64toh(bits));
		break;
	case CONVERT_IPV4:
		inet_ntop(AF_INET, &in, cell->scratch, sizeof(cell->scratch));
		cell_text(cell, cell->scratch, strlen(cell->scratch));
		break;
	case CONVERT_US:
	case CONVERT_MS:
	case CONVERT_S:
		cell_duration(c, is_signed ? (double)(int64_t)bits : (double)bits, cell);
		break;
	case CONVERT_TIME:
		cell_wall_time(h, cell, bits);
		break;
	case CONVERT_ELAPSED:
		cell_double(cell, (int64_t)(bits - cs->start) / 1e9);
		break;
	case CONVERT_KSYM:
		cell_ksym(h, cell, bits);
		break;
	case CONVERT_HEX:
		cell_format(cell, "0x%llx", (unsigned long long)bits);
		break;
	default:		/* of bytes, not of a number */
		cell->kind = is_signed ? CELL_INT : CELL_UINT;
		cell->u = bits;
		break;
	}
}

static void convert_bytes(const struct column *c, const unsigned char *b, size_t n,
	struct cell *cell)
{
	if (c->convert == CONVERT_IPV6 && n >= 16) {
		inet_ntop(AF_INET6, b, cell->scratch, sizeof(cell->scratch));
		cell_text(cell, cell->scratch, strlen(cell->scratch));
	} else if (c->convert == CONVERT_IPV4 && n >= 4) {
		inet_ntop(AF_INET, b, cell->scratch, sizeof(cell->scratch));
		cell_text(cell, cell->scratch, strlen(cell->scratch));
	} else if (c->convert == CONVERT_MAC && n >= 6) {
		cell_format(cell, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
			b[5]);
	} else {
		cell_text(cell, (const char *)b, n);
	}
}

static bool is_signed(const struct plan_op *op)
{
	return op->code == PLAN_INT || op->code == PLAN_BITS || op->is_signed;
}

/* %x and the like of a negative number, as printf would: the bits of the C type */
static bool shows_bits(const struct host *h, const struct column *c)
{
	return h->format == OUTPUT_TEXT && c->op.size < 8 && c->of_bits;
}

static void cell_number(struct host *h, const struct columns *cs, const struct column *c,
	uint64_t bits, struct cell *cell)
{
	const struct plan_op *op = &c->op;
	unsigned n_bits = op->bits_len ? op->bits_len : op->size * 8;

	if (c->convert) {
		convert_bits(h, cs, c, bits, is_signed(op), cell);
	} else if (op->code == PLAN_BOOL && c->conversion == 's') {
		cell->kind = CELL_BOOL;
		cell->u = bits != 0;
	} else if (is_signed(op) && shows_bits(h, c)) {
		cell_uint(cell, bits & ((1ull << n_bits) - 1));
	} else if (is_signed(op)) {
		cell->kind = CELL_INT;
		cell->i = bits;
	} else {
		cell_uint(cell, bits);
	}
}

/* a field of an event by its plan */
static void cell_from_plan(struct host *h, const struct columns *cs, const struct column *c,
	const char *data, struct cell *cell)
{
	const struct plan_op *op = &c->op;

	/* an address may be in a char array */
	if (op->code == PLAN_STRING && c->convert != CONVERT_IPV4 &&
		c->convert != CONVERT_IPV6 && c->convert != CONVERT_MAC) {
		cell_text(cell, data + op->offset, strnlen(data + op->offset, op->count));
		return;
	}
	if (op->code == PLAN_STRING || op->code == PLAN_BYTES || op->is_array) {
		convert_bytes(c, (const unsigned char *)data + op->offset,
			op->is_array ? (size_t)op->count * op->size : op->count, cell);
		return;
	}
	if (op->code >= PLAN_OPEN_STRUCT) {
		cell_text(cell, "{...}", 5);
		return;
	}
	if (op->code == PLAN_FLOAT) {
		float f;

		cell->kind = CELL_DOUBLE;
		if (op->size == sizeof(f)) {
			memcpy(&f, data + op->offset, sizeof(f));
			cell->d = f;
		} else {
			memcpy(&cell->d, data + op->offset, sizeof(cell->d));
		}
		return;
	}
	cell_number(h, cs, c, plan_scalar(op, data, 0), cell);
}

/* the Lua value at the top of the stack, which must stay there meanwhile */
static void cell_from_lua(lua_State *L, const struct columns *cs, const struct column *c,
	struct cell *cell)
{
	switch (lua_type(L, -1)) {
	case LUA_TNUMBER:
		if (!lua_isinteger(L, -1) && is_duration(c)) {
			cell_duration(c, lua_tonumber(L, -1), cell);
		} else if (!lua_isinteger(L, -1)) {
			cell_double(cell, lua_tonumber(L, -1));
		} else if (c->convert) {
			convert_bits(host_of(L), cs, c, lua_tointeger(L, -1), true, cell);
		} else {
			cell->kind = CELL_INT;
			cell->i = lua_tointeger(L, -1);
		}
		break;
	case LUA_TBOOLEAN:
		cell->kind = CELL_BOOL;
		cell->u = lua_toboolean(L, -1);
		break;
	case LUA_TNIL:
		cell->kind = CELL_NULL;
		break;
	default:
		cell->text = lua_tolstring(L, -1, &cell->len);
		if (!cell->text)
			cell->text = luaL_typename(L, -1), cell->len = strlen(cell->text);
		if (c->convert)
			convert_bytes(c, (const unsigned char *)cell->text, cell->len, cell);
		cell->kind = CELL_TEXT;
	}
}

/* ---- rows ---- */

/* pads what was added since `from` to the column's width */
static void pad(struct buf *b, const struct column *c, size_t from, size_t shown)
{
	size_t n;

	if ((int)shown >= c->width)
		return;
	n = c->width - shown;
	memset(buf_reserve(b, n), ' ', n);
	b->len += n;
	b->data[b->len] = '\0';
	if (!c->left) {
		memmove(b->data + from + n, b->data + from, b->len - n - from);
		memset(b->data + from, ' ', n);
	}
}

static size_t add_decimal(struct buf *b, uint64_t u, bool negative, size_t width)
{
	char digits[24], *at = digits + sizeof(digits);
	size_t n;

	for (; u >= 10; u /= 10)
		*--at = '0' + u % 10;
	*--at = '0' + u;
	if (negative)
		*--at = '-';
	n = digits + sizeof(digits) - at;
	if (n < width) {
		memset(buf_reserve(b, width), ' ', width - n);
		b->len += width - n;
	}
	buf_add(b, at, n);
	return n > width ? n : width;
}

/* a number by snprintf, for the formats that are not plain decimal */
static void add_printf(struct buf *b, const struct column *c, const struct cell *cell)
{
	char fmt[48], out[1024];	/* MAX_WIDTH, and what the largest double needs */
	char width[16] = "", precision[16] = "";
	int n;

	if (c->zero && !c->left)
		snprintf(width, sizeof(width), "%d", c->width);
	if (c->precision >= 0)
		snprintf(precision, sizeof(precision), ".%d", c->precision);
	if (strchr("fge", c->conversion)) {
		double d = cell->kind == CELL_DOUBLE ? cell->d :
			cell->kind == CELL_INT ? (double)cell->i : (double)cell->u;

		snprintf(fmt, sizeof(fmt), "%%%s%s%s%c", c->flags, width, precision,
			c->conversion);
		n = snprintf(out, sizeof(out), fmt, d);
	} else {
		long long v = cell->kind == CELL_DOUBLE ? (long long)cell->d : (long long)cell->u;

		snprintf(fmt, sizeof(fmt), "%%%s%s%sll%c", c->flags, width, precision,
			c->conversion);
		n = snprintf(out, sizeof(out), fmt, v);
	}
	buf_add(b, out, n < 0 ? 0 : (size_t)n < sizeof(out) ? (size_t)n : sizeof(out) - 1);
}

static void add_text_cell(struct buf *b, const struct column *c, const struct cell *cell)
{
	size_t from, shown;

	if (*c->before)
		buf_adds(b, c->before);
	from = b->len;
	switch (cell->kind) {
	case CELL_TEXT:
		shown = buf_add_safe(b, cell->text, cell->len,
			c->precision >= 0 ? (size_t)c->precision : SIZE_MAX);
		break;
	case CELL_BOOL:
		buf_adds(b, cell->u ? "true" : "false");
		shown = b->len - from;
		break;
	case CELL_NULL:
		buf_adds(b, "-");
		shown = 1;
		break;
	case CELL_DOUBLE:
		if (strchr("sc", c->conversion)) {
			buf_addf(b, "%.3f", cell->d);
			shown = b->len - from;
			break;
		}
		add_printf(b, c, cell);
		shown = b->len - from;
		break;
	default:
		if (c->conversion == 'c') {
			shown = buf_add_safe(b, &(char){ cell->u }, 1, 1);
		} else if (c->plain) {
			bool negative = cell->kind == CELL_INT && cell->i < 0 &&
				c->conversion != 'u';

			shown = add_decimal(b, negative ? -cell->u : cell->u, negative,
				c->left ? 0 : c->width);
		} else {
			add_printf(b, c, cell);
			shown = b->len - from;
		}
	}
	pad(b, c, from, shown);
	if (*c->after)
		buf_adds(b, c->after);
}

static void add_json_cell(struct buf *b, const struct column *c, const struct cell *cell)
{
	buf_add_json(b, c->key, strlen(c->key));
	buf_addc(b, ':');
	switch (cell->kind) {
	case CELL_TEXT:
		buf_add_json(b, cell->text, cell->len);
		break;
	case CELL_BOOL:
		buf_adds(b, cell->u ? "true" : "false");
		break;
	case CELL_NULL:
		buf_adds(b, "null");
		break;
	case CELL_DOUBLE:
		if (isfinite(cell->d))
			buf_add_double(b, cell->d, c->decimals);
		else
			buf_adds(b, "null");	/* no NaN or infinity in JSON */
		break;
	default:
		add_decimal(b, cell->kind == CELL_INT && cell->i < 0 ? -cell->u : cell->u,
			cell->kind == CELL_INT && cell->i < 0, 0);
	}
}

static void add_csv_text(struct buf *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n && !strchr(",\"\r\n", s[i] ? s[i] : 1); i++)
		;
	if (i == n) {
		buf_add(b, s, n);
		return;
	}
	buf_addc(b, '"');
	for (i = 0; i < n; i++) {
		if (s[i] == '"')
			buf_addc(b, '"');
		buf_addc(b, s[i]);
	}
	buf_addc(b, '"');
}

static void add_csv_cell(struct buf *b, const struct column *c, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_TEXT:
		add_csv_text(b, cell->text, cell->len);
		break;
	case CELL_BOOL:
		buf_adds(b, cell->u ? "true" : "false");
		break;
	case CELL_NULL:
		break;
	case CELL_DOUBLE:
		if (isfinite(cell->d))
			buf_add_double(b, cell->d, c->decimals);
		break;
	default:
		add_decimal(b, cell->kind == CELL_INT && cell->i < 0 ? -cell->u : cell->u,
			cell->kind == CELL_INT && cell->i < 0, 0);
	}
}

static void add_cell(struct host *h, struct columns *cs, size_t i, const struct cell *cell)
{
	struct buf *b = &cs->row;

	switch (h->format) {
	case OUTPUT_JSON:
		buf_addc(b, i ? ',' : '{');
		add_json_cell(b, &cs->columns[i], cell);
		break;
	case OUTPUT_CSV:
		if (i)
			buf_addc(b, ',');
		add_csv_cell(b, &cs->columns[i], cell);
		break;
	default:
		if (i)
			buf_addc(b, ' ');
		add_text_cell(b, &cs->columns[i], cell);
	}
}

static void end_row(struct host *h, struct columns *cs)
{
	if (h->format == OUTPUT_JSON)
		buf_addc(&cs->row, '}');
	buf_addc(&cs->row, '\n');
	fwrite_unlocked(cs->row.data, 1, cs->row.len, stdout);
	buf_clear(&cs->row);
}

void columns_header(struct host *h, struct columns *cs)
{
	size_t i;

	if (cs->headed)
		return;
	cs->headed = true;
	cs->start = loop_now();
	if (h->format == OUTPUT_JSON)
		return;
	for (i = 0; i < cs->n; i++) {
		struct column *c = &cs->columns[i];
		size_t from;

		if (i)
			buf_addc(&cs->row, h->format == OUTPUT_CSV ? ',' : ' ');
		from = cs->row.len;
		if (h->format == OUTPUT_CSV) {
			add_csv_text(&cs->row, c->key, strlen(c->key));
		} else {
			/* the heading stands over the whole cell, literal text included */
			struct column head = *c;

			head.width = c->width ? c->width + strlen(c->before) + strlen(c->after) : 0;
			pad(&cs->row, &head, from,
				buf_add_safe(&cs->row, c->title, strlen(c->title), SIZE_MAX));
		}
	}
	while (cs->row.len && cs->row.data[cs->row.len - 1] == ' ')
		cs->row.data[--cs->row.len] = '\0';
	buf_addc(&cs->row, '\n');
	fwrite_unlocked(cs->row.data, 1, cs->row.len, stdout);
	buf_clear(&cs->row);
}

/* a function column: fn(event) with the event at stack index `event` */
static bool call_column(struct host *h, struct columns *cs, size_t i, int event)
{
	lua_State *L = h->L;
	struct cell cell;

	lua_rawgeti(L, LUA_REGISTRYINDEX, cs->columns[i].fn);
	lua_pushvalue(L, event);
	if (!host_call(h, 1, 1)) {
		buf_clear(&cs->row);
		return false;
	}
	cell_from_lua(L, cs, &cs->columns[i], &cell);
	add_cell(h, cs, i, &cell);
	lua_pop(L, 1);
	return true;
}

/* "key", "key.pid" or "value.bytes": the rest behind "key" or "value", or NULL */
static const char *entry_path(const char *field, const char *part)
{
	size_t n = strlen(part);

	if (strncmp(field, part, n) != 0)
		return NULL;
	return field[n] == '.' ? field + n + 1 : field[n] == '[' || !field[n] ? field + n : NULL;
}

static int prepare_entry_column(struct column *c, const struct plan *key, const struct plan *value,
	struct error *err)
{
	const char *path = entry_path(c->field, "key");

	c->of_key = path != NULL;
	if (!path)
		path = entry_path(c->field, "value");
	if (!path) {
		error_set(err, "E-FIELD", "no field '%s' in an entry", c->field);
		return error_hint(err, "an entry has 'key' and 'value', and what is in them: "
			"'value.bytes'");
	}
	return plan_find(c->of_key ? key : value, path, &c->op, err);
}

struct columns *columns_prepare_entries(lua_State *L, int idx, const void *map,
	const struct plan *key, const struct plan *value)
{
	struct columns *cs = luaL_checkudata(L, idx, TYPE_COLUMNS);
	struct error err = ERROR_INIT;
	size_t i;

	if (cs->prepared && cs->entries != map)
		luaL_error(L, "these columns show another map: make them anew with out.columns");
	for (i = 0; i < cs->n && !cs->prepared; i++) {
		if (!cs->columns[i].field ||
			!prepare_entry_column(&cs->columns[i], key, value, &err))
			continue;
		error_wrap(&err, "column %d", (int)i + 1);
		raise_error(L, &err);
	}
	cs->prepared = true;
	cs->entries = map;
	columns_header(host_of(L), cs);
	buf_clear(&cs->row);	/* an error may have left half a row */
	return cs;
}

bool columns_need_table(const struct columns *cs)
{
	return cs->has_fn;
}

bool columns_entry(struct host *h, struct columns *cs, const void *key, const void *value,
	int entry)
{
	struct cell cell;
	size_t i;

	for (i = 0; i < cs->n; i++) {
		const struct column *c = &cs->columns[i];

		if (c->fn != LUA_NOREF) {
			if (!call_column(h, cs, i, entry))
				return false;
			continue;
		}
		cell_from_plan(h, cs, c, c->of_key ? key : value, &cell);
		add_cell(h, cs, i, &cell);
	}
	end_row(h, cs);
	return true;
}

void columns_event(struct host *h, struct columns *cs, const void *data, int cpu)
{
	lua_State *L = h->L;
	struct cell cell;
	int event = 0;
	size_t i;

	(void)cpu;
	if (h->failure != LUA_NOREF)
		return;
	if (cs->has_fn) {
		value_push(L, cs->plan, data);
		event = lua_gettop(L);
	}
	for (i = 0; i < cs->n; i++) {
		if (cs->columns[i].fn != LUA_NOREF) {
			if (!call_column(h, cs, i, event))
				goto out;
			continue;
		}
		cell_from_plan(h, cs, &cs->columns[i], data, &cell);
		add_cell(h, cs, i, &cell);
	}
	end_row(h, cs);
out:
	if (event)
		lua_settop(L, event - 1);
}

/* sink:row{field = value, ...}: a row that Lua made, by the columns' paths */
static int columns_row(lua_State *L)
{
	struct columns *cs = luaL_checkudata(L, 1, TYPE_COLUMNS);
	struct host *h = host_of(L);
	size_t i;

	luaL_checktype(L, 2, LUA_TTABLE);
	columns_header(h, cs);
	buf_clear(&cs->row);	/* an error may have left half a row */
	for (i = 0; i < cs->n; i++) {
		struct cell cell;

		if (cs->columns[i].fn != LUA_NOREF) {
			lua_rawgeti(L, LUA_REGISTRYINDEX, cs->columns[i].fn);
			lua_pushvalue(L, 2);
			lua_call(L, 1, 1);
		} else {
			lua_getfield(L, 2, cs->columns[i].field);
		}
		cell_from_lua(L, cs, &cs->columns[i], &cell);
		add_cell(h, cs, i, &cell);
		lua_pop(L, 1);
	}
	end_row(h, cs);
	return 0;
}

/* sink:header(): prints the heading now, once */
static int columns_header_verb(lua_State *L)
{
	columns_header(host_of(L), luaL_checkudata(L, 1, TYPE_COLUMNS));
	return 0;
}

/* ---- the module ---- */

/* out.mode([ "text" | "json" | "csv" ]) -> the mode */
static int out_mode(lua_State *L)
{
	static const char *const modes[] = { "text", "json", "csv", NULL };
	struct host *h = host_of(L);

	if (!lua_isnoneornil(L, 1))
		h->format = luaL_checkoption(L, 1, NULL, modes);
	lua_pushstring(L, modes[h->format]);
	return 1;
}

static void add_json_value(lua_State *L, struct buf *b, int depth);

/* whether out.list() marked the table at the top of the stack */
static bool is_marked(lua_State *L)
{
	bool marked;

	if (!lua_getmetatable(L, -1))
		return false;
	luaL_getmetatable(L, TYPE_LIST);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

static bool is_list(lua_State *L)
{
	size_t n = lua_rawlen(L, -1), seen = 0;

	if (is_marked(L))
		return true;
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pop(L, 1);
		seen++;
	}
	return n > 0 && seen == n;
}

/* the table at the top of the stack, or where keys are numbers a copy with their texts */
static void name_keys(lua_State *L)
{
	bool numbers = false;

	lua_pushnil(L);
	while (lua_next(L, -2)) {
		numbers |= lua_type(L, -2) == LUA_TNUMBER;
		lua_pop(L, 1);
	}
	if (!numbers)
		return;
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, -3)) {
		lua_pushvalue(L, -2);	/* as lua_next() wants the key as it was */
		if (lua_tostring(L, -1)) {
			lua_insert(L, -2);
			lua_rawset(L, -4);
		} else {
			lua_pop(L, 2);
		}
	}
	lua_replace(L, -2);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* the same table always gives the same text: members sorted by name */
static void add_json_members(lua_State *L, struct buf *b, int depth)
{
	const char **names;
	size_t n = 0, i;

	lua_pushnil(L);
	while (lua_next(L, -2)) {
		n += lua_type(L, -2) == LUA_TSTRING;
		lua_pop(L, 1);
	}
	names = lua_newuserdatauv(L, (n + 1) * sizeof(*names), 0);
	i = 0;
	lua_pushnil(L);
	while (lua_next(L, -3)) {
		if (lua_type(L, -2) == LUA_TSTRING)
			names[i++] = lua_tostring(L, -2);
		lua_pop(L, 1);
	}
	qsort(names, n, sizeof(*names), compare_strings);
	buf_addc(b, '{');
	for (i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ',');
		buf_add_json(b, names[i], strlen(names[i]));
		buf_addc(b, ':');
		lua_getfield(L, -2, names[i]);
		add_json_value(L, b, depth + 1);
		lua_pop(L, 1);
	}
	buf_addc(b, '}');
	lua_pop(L, 1);
}

static void add_json_items(lua_State *L, struct buf *b, int depth)
{
	size_t n = lua_rawlen(L, -1), i;

	buf_addc(b, '[');
	for (i = 1; i <= n; i++) {
		if (i > 1)
			buf_addc(b, ',');
		lua_rawgeti(L, -1, i);
		add_json_value(L, b, depth + 1);
		lua_pop(L, 1);
	}
	buf_addc(b, ']');
}

/* the value at the top of the stack */
static void add_json_value(lua_State *L, struct buf *b, int depth)
{
	const char *s;
	size_t n;

	luaL_checkstack(L, 8, "nested too deeply");
	switch (lua_type(L, -1)) {
	case LUA_TNUMBER:
		if (lua_isinteger(L, -1))
			buf_addf(b, "%lld", (long long)lua_tointeger(L, -1));
		else if (isfinite(lua_tonumber(L, -1)))
			buf_add_double(b, lua_tonumber(L, -1), -1);
		else
			buf_adds(b, "null");
		break;
	case LUA_TBOOLEAN:
		buf_adds(b, lua_toboolean(L, -1) ? "true" : "false");
		break;
	case LUA_TTABLE:
		if (depth > 32) {
			buf_adds(b, "null");
		} else if (is_list(L)) {
			add_json_items(L, b, depth);
		} else {
			name_keys(L);
			add_json_members(L, b, depth);
		}
		break;
	case LUA_TSTRING:
		s = lua_tolstring(L, -1, &n);
		buf_add_json(b, s, n);
		break;
	default:
		buf_adds(b, "null");
	}
}

static int json_gc(lua_State *L)
{
	buf_release(lua_touserdata(L, 1));
	return 0;
}

/* out.json(value) -> JSON text: members sorted; lists by their length, or by out.list() */
static int out_json(lua_State *L)
{
	struct buf *b;

	luaL_checkany(L, 1);
	b = lua_newuserdatauv(L, sizeof(*b), 0);
	buf_init(b);
	if (luaL_newmetatable(L, "moontrace.buffer")) {
		lua_pushcfunction(L, json_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	lua_pushvalue(L, 1);
	add_json_value(L, b, 0);
	lua_pushlstring(L, b->data, b->len);
	return 1;
}

/* out.list([ t ]) -> t, a list for out.json() even while it is empty */
static int out_list(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	if (is_marked(L))
		return 1;
	luaL_argcheck(L, !lua_getmetatable(L, 1), 1, "the table has a metatable");
	luaL_newmetatable(L, TYPE_LIST);
	lua_setmetatable(L, 1);
	return 1;
}

int open_out(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "columns", out_columns },
		{ "json", out_json },
		{ "list", out_list },
		{ "mode", out_mode },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "header", columns_header_verb },
		{ "row", columns_row },
		{ NULL, NULL },
	};
	static const luaL_Reg meta[] = {
		{ "__gc", columns_gc },
		{ NULL, NULL },
	};
	static char buffer[1 << 16];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	new_type(L, TYPE_COLUMNS, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
