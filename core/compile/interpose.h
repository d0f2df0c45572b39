/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps libbcc's compiler from reading or changing the host.
 *
 * interpose.cc defines functions that libbcc calls; being in the executable
 * they take precedence over those of the shared libraries (in a static link
 * they are put in place with -Wl,--wrap).  Maps are not created but
 * recorded, programs not loaded but recorded, and questions about the
 * running kernel get fixed answers.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* a map that libbcc wanted to create */
struct captured_map {
	char *name;
	uint32_t type, key_size, value_size, flags;
	uint32_t max_entries;		/* 0 for one slot per CPU */
	int inner;			/* index of the template, or -1 */
};

/* a program that libbcc wanted to load */
struct captured_line {
	uint32_t insn;
	uint32_t line;
	const char *file;		/* into btf */
};

struct captured {
	int active;			/* btf__new captures */
	struct captured_map *maps;	/* in the order of creation */
	size_t n_maps;
	void *btf;			/* the raw .BTF section, with libbcc's changes */
	size_t btf_size;
	/* of the last program that was loaded */
	struct captured_line *lines;
	size_t n_lines;
};

extern struct captured captured;

void captured_clear(void);

/* the file descriptor that stands for captured map i in instructions */
enum { CAPTURED_FD = 1000000 };

/* clang's major version; 0 if it does not tell */
unsigned interpose_clang_version(void);
/* versions of the libraries, as they are loaded now. Caller frees */
char *interpose_versions(void);

#ifdef __cplusplus
}
#endif

#endif
