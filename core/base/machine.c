/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine.h"

#include <stddef.h>
#include <string.h>

const struct machine *const machines[] = { &machine_x86_64, &machine_aarch64, NULL };

const struct machine *machine_find(const char *name)
{
	size_t i;

	for (i = 0; machines[i]; i++) {
		if (strcmp(machines[i]->name, name) == 0)
			return machines[i];
	}
	return NULL;
}

const struct machine *machine_of_elf(unsigned elf)
{
	size_t i;

	for (i = 0; machines[i]; i++) {
		if (machines[i]->elf == elf)
			return machines[i];
	}
	return NULL;
}
