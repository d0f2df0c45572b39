/* SPDX-License-Identifier: Apache-2.0 */
/* A file with its debug information, and the functions of its symbol table. */
#include "debuglines.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"
#include "debuglines_internal.h"
#include "demangle.h"
#include "elf_file_internal.h"

#ifndef HAVE_LIBDW

struct debug_lines *debug_lines_open(int fd, const char *path, struct error *err)
{
	close(fd);
	(void)dw_library(err);
	return NULL;
}

void debug_lines_close(struct debug_lines *d)
{
}

bool debug_lines_build_id(const struct debug_lines *d, struct build_id *ret)
{
	return false;
}

const char *debug_lines_banner(const struct debug_lines *d)
{
	return NULL;
}

const char *debug_lines_separate(const struct debug_lines *d)
{
	return NULL;
}

unsigned debug_lines_at(struct debug_lines *d, uint64_t vaddr, debug_place_fn fn, void *arg)
{
	return 0;
}

void debug_lines_find(struct debug_lines *d, const char *name, debug_symbol_fn fn, void *arg)
{
}

bool debug_lines_symbol(struct debug_lines *d, uint64_t vaddr, struct debug_symbol *ret)
{
	return false;
}

uint64_t debug_lines_address(struct debug_lines *d, const char *name)
{
	return 0;
}

#else

struct dsym {
	const char *name;	/* lent by libdwfl */
	uint64_t vaddr, size, span;
	uint32_t section;
	bool function;		/* not a label of assembler, nor of another kind */
};

struct debug_lines {
	const struct dw *dw;
	Dwfl *dwfl;
	Dwfl_Module *module;
	uint64_t bias;			/* from the file's addresses to libdwfl's */
	struct debug_units *units;
	struct dsym *syms;		/* by vaddr */
	size_t n_syms;
	bool read_syms, given;		/* given: separate, to libdwfl */
	struct build_id id;
	char *banner, *separate;
};

/* ---- open and close ---- */

/* libdwfl asks for it when the file has no DWARF, or no symbols, of its own */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	struct debug_lines *d = *data;
	/* asked again it wants what dwz shares among files, which libdw finds itself */
	int fd = d && d->separate && !d->given ? open_regular(d->separate, 0) : -1;

	if (fd >= 0) {
		*ret_name = strdup(d->separate);
		d->given = true;
	}
	return fd;
}

/* our own find the file that find_debuginfo gives */
static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
	char **ret_name, Elf **ret_elf)
{
	return -1;
}

static char *no_path;
static Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.debuginfo_path = &no_path,
};

/* what a kernel image says of itself, with the newline cut off */
static char *read_banner(const struct elf_file *f)
{
	static const char start[] = "Linux version ";
	Elf_Data *data = elf_section_data(f, SHT_PROGBITS, ".rodata", NULL, NULL);
	const char *at, *end;

	if (!data || !data->d_buf || !data->d_size)
		return NULL;
	at = memmem(data->d_buf, data->d_size, start, strlen(start));
	end = at ? memchr(at, '\n', (char *)data->d_buf + data->d_size - at) : NULL;
	return end && end - at < 1024 ? mem_string_n(at, end - at) : NULL;
}

/* what is read without libdw: who it is, and where its debug file is */
static bool identify(struct debug_lines *d, int fd, const char *path, struct buf *refused)
{
	struct elf_file *f = elf_file_open(fd);

	if (!f)
		return false;
	if (!elf_file_build_id(f, &d->id))
		d->id.len = 0;
	d->banner = read_banner(f);
	if (!elf_section_is_there(f, SHT_PROGBITS, ".debug_info") &&
		!elf_section_is_there(f, SHT_PROGBITS, ".zdebug_info"))
		d->separate = elf_file_debug_path(f, path, refused);
	elf_file_close(f);
	return true;
}

/* E-DEBUGINFO */
static int no_lines(const struct debug_lines *d, const char *path, const struct buf *refused,
	struct error *err)
{
	struct buf b = BUF_INIT;
	size_t i;

	buf_addf(&b, "'%s' has no debug information", path);
	if (refused->len)
		buf_addf(&b, ", and what is there for it is refused:%s", refused->data);
	error_set(err, "E-DEBUGINFO", "%s", b.data);
	buf_clear(&b);
	for (i = 0; i < d->id.len; i++)
		buf_addf(&b, "%02x", d->id.bytes[i]);
	error_hint(err, "it has %s%s; a debug file was looked for below /usr/lib/debug/.build-id, "
		"and what .gnu_debuglink names beside it and below /usr/lib/debug",
		b.len ? "build id " : "no build id", b.data);
	buf_release(&b);
	return -1;
}

/* takes fd. E-FILE, E-DEBUGINFO */
static int report(struct debug_lines *d, int fd, const char *path, const struct buf *refused,
	struct error *err)
{
	const struct dw *dw = d->dw;
	Dwarf_Addr bias;
	void **data;

	callbacks.section_address = dw->dwfl_offline_section_address;
	d->dwfl = dw->dwfl_begin(&callbacks);
	d->module = d->dwfl ? dw->dwfl_report_offline(d->dwfl, path, path, fd) : NULL;
	if (!d->module) {
		close(fd);
		return error_set(err, "E-FILE", "'%s' is damaged: %s", path, dw->dwfl_errmsg(-1));
	}
	dw->dwfl_report_end(d->dwfl, NULL, NULL);
	dw->dwfl_module_info(d->module, &data, NULL, NULL, NULL, NULL, NULL, NULL);
	*data = d;
	if (!dw->dwfl_module_getelf(d->module, &bias))
		return error_set(err, "E-FILE", "'%s' is damaged: %s", path, dw->dwfl_errmsg(-1));
	d->bias = bias;
	if (!dw->dwfl_module_getdwarf(d->module, &bias))
		return no_lines(d, path, refused, err);
	d->units = debug_units_new(dw, d->module);
	return 0;
}

struct debug_lines *debug_lines_open(int fd, const char *path, struct error *err)
{
	struct debug_lines *d = mem_alloc(sizeof(*d));
	struct buf refused = BUF_INIT;
	int bad;

	d->dw = dw_library(err);
	if (!d->dw) {
		bad = -1;
		close(fd);
	} else if (!identify(d, fcntl(fd, F_DUPFD_CLOEXEC, 0), path, &refused)) {
		close(fd);
		bad = error_set(err, "E-FILE", "'%s' is no ELF file, or a damaged one", path);
	} else {
		bad = report(d, fd, path, &refused, err);
	}
	buf_release(&refused);
	if (!bad)
		return d;
	debug_lines_close(d);
	return NULL;
}

void debug_lines_close(struct debug_lines *d)
{
	if (!d)
		return;
	debug_units_free(d->units);
	if (d->dwfl)
		d->dw->dwfl_end(d->dwfl);
	free(d->syms);
	free(d->banner);
	free(d->separate);
	free(d);
}

bool debug_lines_build_id(const struct debug_lines *d, struct build_id *ret)
{
	if (d->id.len)
		*ret = d->id;
	return d->id.len != 0;
}

const char *debug_lines_banner(const struct debug_lines *d)
{
	return d->banner;
}

const char *debug_lines_separate(const struct debug_lines *d)
{
	return d->separate;
}

unsigned debug_lines_at(struct debug_lines *d, uint64_t vaddr, debug_place_fn fn, void *arg)
{
	return debug_units_at(d->units, vaddr + d->bias, fn, arg);
}

/* ---- symbols ---- */

static bool is_code(Elf *elf, GElf_Word section)
{
	GElf_Shdr header;
	Elf_Scn *scn = section && section < SHN_LORESERVE ? elf_getscn(elf, section) : NULL;

	return scn && gelf_getshdr(scn, &header) && (header.sh_flags & SHF_EXECINSTR);
}

static bool read_sym(const struct debug_lines *d, int i, struct dsym *ret)
{
	const struct dw *dw = d->dw;
	GElf_Word section = 0;
	Elf *elf = NULL;
	GElf_Addr addr;
	GElf_Sym sym;
	const char *name;
	int type;

	name = dw->dwfl_module_getsym_info(d->module, i, &sym, &addr, &section, &elf, NULL);
	if (!name || !*name || *name == '$' || !elf || !is_code(elf, section))
		return false;
	type = GELF_ST_TYPE(sym.st_info);
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	*ret = (struct dsym){ .name = name, .vaddr = addr - d->bias, .size = sym.st_size,
		.section = section, .function = type != STT_NOTYPE };
	return true;
}

/* functions first where several are at one address */
static int compare_syms(const void *a, const void *b)
{
	const struct dsym *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->function != y->function)
		return x->function ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void set_spans(struct debug_lines *d)
{
	size_t i, next = d->n_syms;

	for (i = d->n_syms; i-- > 0;) {
		if (i + 1 < d->n_syms && d->syms[i + 1].vaddr != d->syms[i].vaddr)
			next = i + 1;
		if (next < d->n_syms && d->syms[next].section == d->syms[i].section)
			d->syms[i].span = d->syms[next].vaddr - d->syms[i].vaddr;
	}
}

static void read_syms(struct debug_lines *d)
{
	int n, i;

	if (d->read_syms)
		return;
	d->read_syms = true;
	n = d->dw->dwfl_module_getsymtab(d->module);
	for (i = 0; i < n; i++) {
		struct dsym sym;

		if (read_sym(d, i, &sym))
			*MEM_GROW(d->syms, d->n_syms) = sym;
	}
	if (d->n_syms)
		qsort(d->syms, d->n_syms, sizeof(*d->syms), compare_syms);
	set_spans(d);
}

static bool is_named(const char *sym, const char *name, bool mangled)
{
	char *plain;
	bool same;

	if (strcmp(sym, name) == 0 || !mangled)
		return strcmp(sym, name) == 0;
	plain = demangle(sym);
	same = plain && strcmp(plain, name) == 0;
	free(plain);
	return same;
}

static struct debug_symbol symbol_of(const struct dsym *s)
{
	return (struct debug_symbol){ .name = s->name, .vaddr = s->vaddr, .size = s->size,
		.span = s->span };
}

void debug_lines_find(struct debug_lines *d, const char *name, debug_symbol_fn fn, void *arg)
{
	bool mangled = name[strcspn(name, ":(<")] != '\0';
	const struct dsym *last = NULL;
	struct debug_symbol sym;
	size_t i;

	read_syms(d);
	for (i = 0; i < d->n_syms; i++) {
		if (!is_named(d->syms[i].name, name, mangled))
			continue;
		/* .symtab and .dynsym may both have it */
		if (last && last->vaddr == d->syms[i].vaddr)
			continue;
		last = &d->syms[i];
		sym = symbol_of(last);
		fn(arg, &sym);
	}
}

bool debug_lines_symbol(struct debug_lines *d, uint64_t vaddr, struct debug_symbol *ret)
{
	size_t lo = 0, hi, mid;

	read_syms(d);
	for (hi = d->n_syms; lo < hi;) {
		mid = (lo + hi) / 2;
		if (d->syms[mid].vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	for (lo--; lo > 0 && d->syms[lo - 1].vaddr == d->syms[lo].vaddr;)
		lo--;
	*ret = symbol_of(&d->syms[lo]);
	return vaddr - ret->vaddr < (ret->span ? ret->span : ret->size ? ret->size : 1);
}

uint64_t debug_lines_address(struct debug_lines *d, const char *name)
{
	size_t i;

	read_syms(d);
	for (i = 0; i < d->n_syms; i++) {
		if (strcmp(d->syms[i].name, name) == 0)
			return d->syms[i].vaddr;
	}
	return 0;
}

#endif
