/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a line for each BPF program and map in the kernel: "program ID" or
 * "map ID".  Prints nothing where the kernel cannot list them (before 4.13).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int list_ids(const char *kind, int (*next)(uint32_t id, uint32_t *ret_next))
{
	uint32_t id = 0;

	while (next(id, &id) == 0)
		printf("%s %u\n", kind, id);
	if (errno == ENOENT || errno == EINVAL)	/* the last one, no such command */
		return 0;
	fprintf(stderr, "list_programs: list the next %s: %s\n", kind, strerror(errno));
	return -1;
}

int main(void)
{
	int err = list_ids("program", bpf_prog_get_next_id);

	err |= list_ids("map", bpf_map_get_next_id);
	return err ? 1 : 0;
}
