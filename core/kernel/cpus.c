/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs: how many there may be, which are online, and lists like "0-3,7". */
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { CPUS_MAX = 8192 };	/* what the kernel can be configured for */

/* one number at *p, which is moved behind it */
static bool parse_number(const char **p, unsigned *ret)
{
	unsigned long v;
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	v = strtoul(*p, &end, 10);
	*p = end;
	*ret = v;
	return v < CPUS_MAX;
}

static bool parse_range(const char **p, bool *seen)
{
	unsigned first, last;

	if (!parse_number(p, &first))
		return false;
	last = first;
	if (**p == '-') {
		++*p;
		if (!parse_number(p, &last) || last < first)
			return false;
	}
	for (; first <= last; first++)
		seen[first] = true;
	return true;
}

static bool parse_list(const char *list, bool *seen)
{
	for (;;) {
		if (!parse_range(&list, seen))
			return false;
		if (*list == '\0' || *list == '\n')
			return true;
		if (*list++ != ',')
			return false;
	}
}

static unsigned collect(const bool *seen, unsigned **ret_ids)
{
	unsigned *ids = NULL, n = 0, i;

	for (i = 0; i < CPUS_MAX; i++) {
		if (seen[i])
			*MEM_GROW(ids, n) = i;
	}
	*ret_ids = ids;
	return n;
}

int kernel_parse_cpus(const char *list, unsigned **ret_ids, unsigned *ret_n, struct error *err)
{
	bool *seen = mem_array(CPUS_MAX, sizeof(*seen));
	bool good = parse_list(list, seen);

	if (good)
		*ret_n = collect(seen, ret_ids);
	free(seen);
	if (good)
		return 0;
	error_set(err, "E-ARGS", "'%s' is no list of CPUs", list);
	return error_hint(err, "numbers and ranges below %d, like 0-3,7", CPUS_MAX);
}

/* a list from sysfs; where there is none, as many CPUs as sysconf() says */
static unsigned read_list(const char *path, int fallback, unsigned **ret_ids)
{
	bool *seen = mem_array(CPUS_MAX, sizeof(*seen));
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	long i, n;

	if (!f || getline(&line, &size, f) <= 0 || !parse_list(line, seen)) {
		memset(seen, 0, CPUS_MAX * sizeof(*seen));
		n = sysconf(fallback);
		for (i = 0; i < n || i == 0; i++)
			seen[i] = true;
	}
	n = collect(seen, ret_ids);
	if (f)
		fclose(f);
	free(line);
	free(seen);
	return n;
}

unsigned kernel_possible_cpus(void)
{
	static unsigned count;
	unsigned *ids;

	if (!count) {
		count = read_list("/sys/devices/system/cpu/possible", _SC_NPROCESSORS_CONF, &ids);
		free(ids);
	}
	return count;
}

unsigned kernel_online_cpus(unsigned **ret_ids)
{
	return read_list("/sys/devices/system/cpu/online", _SC_NPROCESSORS_ONLN, ret_ids);
}
