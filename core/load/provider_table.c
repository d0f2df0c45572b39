/* SPDX-License-Identifier: Apache-2.0 */
/* All providers. A new one adds its row here and its file to meson.build. */
#include <string.h>

#include "load/internal.h"

const struct provider *const provider_table[] = {
	&provider_kprobe,
	&provider_kretprobe,
	&provider_syscall,
	&provider_sysret,
	&provider_uprobe,
	&provider_uretprobe,
	&provider_usdt,
	&provider_tracepoint,
	&provider_raw_tracepoint,
	&provider_fentry,
	&provider_fexit,
	&provider_perf_event,
	&provider_profile,
	&provider_interval,
	NULL
};

const struct provider *provider_find(const char *name)
{
	size_t i;

	if (strcmp(name, "perf") == 0)
		return &provider_perf_event;
	for (i = 0; provider_table[i]; i++) {
		if (strcmp(provider_table[i]->name, name) == 0)
			return provider_table[i];
	}
	return NULL;
}
