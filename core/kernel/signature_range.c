/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels that a row of the table of signatures is for. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernel/signature_internal.h"

enum { EL7_FIRST = 957, EL7_LAST = 1160 };

static uint64_t version_number(unsigned major, unsigned minor, unsigned patch)
{
	return (uint64_t)major << 40 | (uint64_t)minor << 20 | patch;
}

/* "4.9" or "4.9.154"; a missing patch level is the first or the last. NULL if it is none */
static const char *read_version(const char *p, bool last, uint64_t *ret)
{
	unsigned v[3] = { 0, 0, last ? 0xfffff : 0 }, n = 0;
	char *end;

	while (n < 3 && isdigit((unsigned char)*p)) {
		v[n++] = strtoul(p, &end, 10);
		p = end;
		if (n == 3 || p[0] != '.' || !isdigit((unsigned char)p[1]))
			break;
		p++;
	}
	*ret = version_number(v[0], v[1], v[2]);
	return n < 2 ? NULL : p;
}

static bool read_el7(const char *p, struct signature_range *ret)
{
	unsigned low = EL7_FIRST, high = EL7_LAST;
	int end = 0;

	if (*p != '\0' && (sscanf(p, ":%u..%u%n", &low, &high, &end) != 2 || p[end] != '\0'))
		return false;
	*ret = (struct signature_range){ true, low, high };
	return low <= high;
}

bool signature_range_read(const char *text, struct signature_range *ret)
{
	const char *p;

	if (str_starts(text, "el7"))
		return read_el7(text + 3, ret);
	*ret = (struct signature_range){ false, 0, UINT64_MAX };
	p = read_version(text, false, &ret->low);
	if (!p)
		return false;
	if (*p == '\0')
		return read_version(text, true, &ret->high) != NULL;
	if (!str_starts(p, ".."))
		return false;
	if (p[2] == '\0')
		return true;
	p = read_version(p + 2, true, &ret->high);
	return p && *p == '\0' && ret->low <= ret->high;
}

/* the N of "3.10.0-N...el7...", else 0 */
static unsigned el7_build(const char *release)
{
	unsigned build;

	if (sscanf(release, "3.10.0-%u.", &build) != 1 || !strstr(release, ".el7"))
		return 0;
	return build;
}

/* a vendor's kernel whose version says little about what is in it */
static bool is_backported(const char *release)
{
	const char *p = strstr(release, ".el");

	return strstr(release, "uek") ||
		(p && isdigit((unsigned char)p[3]) && !strstr(release, ".elrepo"));
}

/* the release tells patch levels above 255, the code those that Debian hides */
static uint64_t target_version(const struct signature_target *t)
{
	unsigned major = t->version_code >> 16, minor = t->version_code >> 8 & 255;
	unsigned patch = t->version_code & 255, r[3] = { 0 };

	if (sscanf(t->release, "%u.%u.%u", &r[0], &r[1], &r[2]) >= 2) {
		if (t->version_code == 0)
			return version_number(r[0], r[1], r[2]);
		if (r[0] == major && r[1] == minor && r[2] > patch)
			patch = r[2];
	}
	return version_number(major, minor, patch);
}

bool signature_row_covers(const struct signature_row *row, const struct signature_target *target)
{
	unsigned build = el7_build(target->release);
	uint64_t version;
	struct signature_range r;

	if (!signature_range_read(row->range, &r))
		return false;
	if (r.el7)
		return build >= r.low && build <= r.high;
	if (build || is_backported(target->release))
		return false;
	version = target_version(target);
	return version >= r.low && version <= r.high;
}
