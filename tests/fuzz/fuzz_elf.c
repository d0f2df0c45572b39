/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an ELF file with symbols and USDT probes, as a mangled name,
 * and as the arguments of a probe.
 *
 *	fuzz_elf -max_total_time=60 CORPUS
 *
 * Small programs and libraries, stripped ones too, make a first corpus;
 * corpus/usdt.elf has probes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "object/usdt_spec.h"
#include "symbol/demangle.h"
#include "symbol/elf_symbols.h"
#include "symbol/usdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(struct elf_table *t, size_t size)
{
	uint64_t offset, at;
	const char *name;

	for (at = 0; at < size; at += size / 512 + 1) {
		offset = 0;
		name = elf_table_at(t, at, true, &offset);
		if (name && (!*name || offset > UINT32_MAX))
			abort();
	}
}

static bool count_symbol(void *arg, const struct elf_symbol *sym)
{
	if (!sym->name_len || memchr(sym->name, '@', sym->name_len))
		abort();
	return --*(int *)arg > 0;
}

static void read_file(const uint8_t *data, size_t size)
{
	struct elf_file *f = elf_file_of_memory(data, size);
	struct build_id id;
	int left = 1000;

	if (!f)
		return;
	if (elf_file_build_id(f, &id) && (!id.len || id.len > BUILD_ID_MAX))
		abort();
	elf_file_each(f, f, count_symbol, &left);
	elf_file_close(f);
}

static void read_args(const char *text)
{
	struct usdt_arg args[USDT_ARGS_MAX];
	struct usdt_spec spec;
	size_t m, i, n;

	for (m = 0; machines[m]; m++) {
		n = usdt_args(text, machines[m], args);
		for (i = 0; i < n && i < USDT_ARGS_MAX; i++) {
			if (!args[i].unread && (args[i].size < 1 || args[i].size > 8))
				abort();
		}
	}
	if (usdt_spec_parse(text, &spec)) {
		usdt_spec_fits(&spec);
		usdt_spec_release(&spec);
	}
}

static bool see_note(void *arg, const struct usdt_note *note)
{
	if (note->offset > *(size_t *)arg || note->semaphore > *(size_t *)arg)
		return false;
	read_args(note->args);
	return strlen(note->provider) + strlen(note->name) < *(size_t *)arg;
}

static void read_notes(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;

	usdt_notes_of_memory(data, size, "fuzz", see_note, &size, &err);
	error_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_table *t = elf_table_of_memory(data, size);
	char *name = mem_string_n((const char *)data, size < 4096 ? size : 4096);

	look_up(t, size);
	elf_table_free(t);
	read_file(data, size);
	read_notes(data, size);
	read_args(name);
	free(demangle_rust_v0(name));
	free(demangle_rust_legacy(name));
	free(name);
	return 0;
}
