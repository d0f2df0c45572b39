/* SPDX-License-Identifier: Apache-2.0 */
/* A process's executable mappings, and the files behind them. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "elf_symbols.h"

struct mapping {
	uint64_t start;		/* first: see search.h */
	uint64_t end, offset;
	uint64_t device, inode;
	char *path;		/* without " (deleted)"; "" if anonymous */
	bool deleted;
	const char *module;	/* lent by the symbolizer, filled there; or NULL */
	bool tried;		/* table is known, or known not to be */
	struct elf_table *table;	/* borrowed */
};

/* tells a reused pid, and the program that execve put in another's place */
struct identity {
	uint64_t started;	/* clock ticks since boot */
	uint64_t stack;		/* where it begins, random; 0: a zombie's, or hidden */
	uint64_t device, inode;	/* of the program; 0: not known */
};

struct process {
	uint32_t pid;
	uint32_t ns_pid;	/* as the process itself sees it */
	uid_t uid;		/* effective */
	struct identity is;
	int64_t loaded;		/* monotonic milliseconds; 0: never tried */
	int64_t checked;	/* when process_check() had its last look */
	struct mapping *maps;	/* by address, executable ones only */
	size_t n_maps;
};

struct process *process_new(uint32_t pid);
void process_free(struct process *p);

/*
 * Reads the mappings (again); tables of those that stayed are kept.  False
 * if the process is gone or hidden: p then is what it was.
 */
bool process_load(struct process *p);
/*
 * Is it another program by now, or another process of this pid?  Then its
 * mappings are forgotten, and read again.  What has ended stays.
 */
void process_check(struct process *p);
/* there is no such process, or the pid is another's */
bool process_has_ended(const struct process *p);
struct mapping *process_find(struct process *p, uint64_t addr);

/* to read the mapped file, be it deleted or in another mount namespace; -1: cannot */
int process_open(const struct process *p, const struct mapping *m);
/* "/proc/PID/root" and the mapping's path, caller owns */
char *process_path(const struct process *p, const struct mapping *m);
/* appends the mapping's memory; false if it cannot be read */
bool process_read(const struct process *p, const struct mapping *m, struct buf *out);

/* monotonic, good to a few milliseconds, never 0; cheap enough for each look-up */
int64_t clock_ms(void);

#endif
