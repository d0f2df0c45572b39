/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compilation units of a file by address, and the functions of each.
 *
 * .debug_aranges would tell the unit of an address, but compilers leave it
 * out: the ranges of the units themselves are read, once.  What a damaged
 * file says may be anything: trees are walked to a depth, and only forward.
 */
#include "debuglines_internal.h"

#ifdef HAVE_LIBDW

#include <stdlib.h>

#include "base/mem.h"
#include "demangle.h"
#include "search.h"

enum { DEPTH_MAX = 64 };

struct range {
	uint64_t lo;		/* first: see search.h */
	uint64_t hi, reach;	/* behind its end; the largest hi so far */
	size_t index;		/* of what has it */
};

struct ranges {
	struct range *list;	/* by lo */
	size_t n;
};

struct unit {
	Dwarf_Die die;
	Dwarf_Addr bias;
	bool walked;
	Dwarf_Die *functions;	/* with code */
	size_t n_functions;
	struct ranges ranges;	/* of functions */
};

struct debug_units {
	const struct dw *dw;
	struct unit *list;
	size_t n;
	struct ranges ranges;	/* of units */
};

/* ---- ranges ---- */

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void ranges_sort(struct ranges *r)
{
	uint64_t reach = 0;
	size_t i;

	if (r->n)
		qsort(r->list, r->n, sizeof(*r->list), compare_ranges);
	for (i = 0; i < r->n; i++) {
		if (r->list[i].hi > reach)
			reach = r->list[i].hi;
		r->list[i].reach = reach;
	}
}

/* the shortest one that has addr, or NULL */
static const struct range *ranges_find(const struct ranges *r, uint64_t addr)
{
	const struct range *found = NULL, *at;
	size_t i = COUNT_UP_TO(r->list, r->n, addr);

	while (i > 0 && r->list[i - 1].reach > addr) {
		at = &r->list[--i];
		if (at->hi > addr && (!found || at->hi - at->lo < found->hi - found->lo))
			found = at;
	}
	return found;
}

/* adds the die's, bias added; true if it has any */
static bool add_ranges(const struct dw *dw, Dwarf_Die *die, uint64_t bias, size_t index,
	struct ranges *r)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;
	bool any = false;

	while ((at = dw->dwarf_ranges(die, at, &base, &lo, &hi)) > 0) {
		if (lo >= hi)
			continue;
		*MEM_GROW(r->list, r->n) = (struct range){ .lo = lo + bias, .hi = hi + bias,
			.index = index };
		any = true;
	}
	return any;
}

/* ---- units ---- */

struct debug_units *debug_units_new(const struct dw *dw, Dwfl_Module *module)
{
	struct debug_units *u = mem_alloc(sizeof(*u));
	Dwarf_Die *die = NULL;
	Dwarf_Addr bias;

	u->dw = dw;
	while ((die = dw->dwfl_module_nextcu(module, die, &bias)) != NULL) {
		struct unit unit = { .die = *die, .bias = bias };

		if (add_ranges(dw, die, bias, u->n, &u->ranges))
			*MEM_GROW(u->list, u->n) = unit;
	}
	ranges_sort(&u->ranges);
	return u;
}

void debug_units_free(struct debug_units *u)
{
	size_t i;

	if (!u)
		return;
	for (i = 0; i < u->n; i++) {
		free(u->list[i].functions);
		free(u->list[i].ranges.list);
	}
	free(u->list);
	free(u->ranges.list);
	free(u);
}

/* ---- functions of a unit ---- */

/* the next one, or false; a damaged file must not lead back */
static bool next_die(const struct dw *dw, Dwarf_Die *die)
{
	Dwarf_Off at = dw->dwarf_dieoffset(die);
	Dwarf_Die next;

	if (dw->dwarf_siblingof(die, &next) != 0 || dw->dwarf_dieoffset(&next) <= at)
		return false;
	*die = next;
	return true;
}

static bool has_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:		/* lambdas, nested functions */
	case DW_TAG_lexical_block:
		return true;
	default:
		return false;
	}
}

static void walk_functions(const struct dw *dw, struct unit *unit, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;
	int tag;

	if (depth == DEPTH_MAX || dw->dwarf_child(parent, &die) != 0)
		return;
	do {
		tag = dw->dwarf_tag(&die);
		if (has_functions(tag))
			walk_functions(dw, unit, &die, depth + 1);
		if (tag == DW_TAG_subprogram &&
			add_ranges(dw, &die, 0, unit->n_functions, &unit->ranges))
			*MEM_GROW(unit->functions, unit->n_functions) = die;
	} while (next_die(dw, &die));
}

static Dwarf_Die *function_at(const struct dw *dw, struct unit *unit, uint64_t pc)
{
	const struct range *r;

	if (!unit->walked) {
		unit->walked = true;
		walk_functions(dw, unit, &unit->die, 0);
		ranges_sort(&unit->ranges);
	}
	r = ranges_find(&unit->ranges, pc);
	return r ? &unit->functions[r->index] : NULL;
}

/* ---- what is inlined there ---- */

struct chain {
	Dwarf_Die list[DEPTH_MAX];	/* the function, and what it has inlined, outermost first */
	unsigned n;
};

/* may code be below it that pc is in? Blocks need not say where they are */
static bool leads_to(const struct dw *dw, Dwarf_Die *die, int tag, uint64_t pc)
{
	if (tag == DW_TAG_inlined_subroutine)
		return dw->dwarf_haspc(die, pc) > 0;
	return tag == DW_TAG_lexical_block && (dw->dwarf_haspc(die, pc) > 0 ||
		(!dw->dwarf_hasattr(die, DW_AT_low_pc) && !dw->dwarf_hasattr(die, DW_AT_ranges)));
}

/* true if something inlined was found below die */
static bool add_inlined(const struct dw *dw, Dwarf_Die *parent, uint64_t pc, struct chain *c,
	int depth)
{
	Dwarf_Die die;
	int tag;

	if (depth == DEPTH_MAX || dw->dwarf_child(parent, &die) != 0)
		return false;
	do {
		tag = dw->dwarf_tag(&die);
		if (!leads_to(dw, &die, tag, pc))
			continue;
		if (tag == DW_TAG_inlined_subroutine) {
			if (c->n < DEPTH_MAX)
				c->list[c->n++] = die;
			add_inlined(dw, &die, pc, c, depth + 1);
			return true;
		}
		if (add_inlined(dw, &die, pc, c, depth + 1))
			return true;
	} while (next_die(dw, &die));
	return false;
}

/* caller owns; NULL: it has none */
static char *name_of(const struct dw *dw, Dwarf_Die *die)
{
	static const unsigned linkage[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name };
	const char *name = NULL;
	Dwarf_Attribute mem;
	char *plain;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(linkage) && !name; i++)
		name = dw->dwarf_formstring(dw->dwarf_attr_integrate(die, linkage[i], &mem));
	plain = name ? demangle(name) : NULL;
	if (plain)
		return plain;
	name = dw->dwarf_formstring(dw->dwarf_attr_integrate(die, DW_AT_name, &mem));
	return mem_string(name);
}

static int number_of(const struct dw *dw, Dwarf_Die *die, unsigned what)
{
	Dwarf_Attribute mem;
	Dwarf_Word value;

	if (dw->dwarf_formudata(dw->dwarf_attr(die, what, &mem), &value) != 0 || value > INT32_MAX)
		return 0;
	return value;
}

/* of an inlined function: where it was called */
static void set_call(const struct dw *dw, Dwarf_Die *unit, Dwarf_Die *die,
	struct debug_place *p)
{
	Dwarf_Files *files;
	size_t n;

	p->line = number_of(dw, die, DW_AT_call_line);
	p->column = number_of(dw, die, DW_AT_call_column);
	p->file = NULL;
	if (dw->dwarf_getsrcfiles(unit, &files, &n) == 0)
		p->file = dw->dwarf_filesrc(files, number_of(dw, die, DW_AT_call_file), NULL, NULL);
}

/* where the instruction is, from the table of lines */
static bool set_line(const struct dw *dw, Dwarf_Die *unit, uint64_t pc, struct debug_place *p)
{
	Dwarf_Line *line = dw->dwarf_getsrc_die(unit, pc);
	Dwarf_Attribute mem;

	p->dir = dw->dwarf_formstring(dw->dwarf_attr(unit, DW_AT_comp_dir, &mem));
	if (!line)
		return false;
	p->file = dw->dwarf_linesrc(line, NULL, NULL);
	if (dw->dwarf_lineno(line, &p->line) != 0)
		p->line = 0;
	if (dw->dwarf_linecol(line, &p->column) != 0)
		p->column = 0;
	return p->file != NULL;
}

unsigned debug_units_at(struct debug_units *u, uint64_t addr, debug_place_fn fn, void *arg)
{
	const struct range *r = ranges_find(&u->ranges, addr);
	struct unit *unit = r ? &u->list[r->index] : NULL;
	struct debug_place p = { NULL };
	struct chain c = { .n = 0 };
	Dwarf_Die *function;
	uint64_t pc;
	unsigned i;
	bool line;

	if (!unit)
		return 0;
	pc = addr - unit->bias;
	line = set_line(u->dw, &unit->die, pc, &p);
	function = function_at(u->dw, unit, pc);
	if (function) {
		c.list[c.n++] = *function;
		add_inlined(u->dw, function, pc, &c, 0);
	} else if (line) {
		fn(arg, &p);
		return 1;
	}
	for (i = c.n; i-- > 0;) {
		char *name = name_of(u->dw, &c.list[i]);

		p.function = name;
		p.inlined = i > 0;
		fn(arg, &p);
		free(name);
		set_call(u->dw, &unit->die, &c.list[i], &p);
	}
	return c.n;
}

#endif
