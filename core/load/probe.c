/* SPDX-License-Identifier: Apache-2.0 */
/* Probe specs: "PROVIDER:WHAT", as text and as struct probe. */
#include "load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "load/internal.h"

int parse_plain_name(const char *spec, struct probe *ret, struct error *err)
{
	if (!*spec)
		return error_set(err, "E-PROBE", "a name is missing");
	ret->name = mem_string(spec);
	return 0;
}

void format_plain_name(const struct probe *p, struct buf *out)
{
	buf_adds(out, p->name ? p->name : "");
}

int parse_filters(char *spec, struct probe *ret, struct error *err)
{
	char *comma;
	uint64_t v;

	while ((comma = strrchr(spec, ',')) != NULL) {
		if (str_starts(comma, ",pid=") && str_to_u64(comma + 5, 1, 1 << 22, &v))
			ret->pid = v;
		else if (str_starts(comma, ",cpu=") && str_to_u64(comma + 5, 0, 8191, &v))
			ret->cpu = v;
		else if (str_starts(comma, ",pid=") || str_starts(comma, ",cpu="))
			return error_set(err, "E-PROBE", "'%s' is no number that fits", comma + 1);
		else
			break;
		*comma = '\0';
	}
	return 0;
}

void format_filters(const struct probe *p, struct buf *out)
{
	if (p->pid > 0)
		buf_addf(out, ",pid=%d", p->pid);
}

static const struct {
	const char *unit;
	uint64_t ns;			/* 0: a frequency */
} rate_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "hz", 0 },
};

int parse_rate(const char *text, struct probe *ret, struct error *err)
{
	size_t digits = strspn(text, "0123456789"), i;
	char *number = mem_string_n(text, digits);
	bool good = str_to_u64(number, 1, 1000000000000, &ret->frequency);
	uint64_t v = ret->frequency;

	free(number);
	if (good && !text[digits])
		return 0;
	for (i = 0; i < ARRAY_SIZE(rate_units) && good; i++) {
		if (strcmp(text + digits, rate_units[i].unit) != 0)
			continue;
		if (rate_units[i].ns) {
			ret->period = v * rate_units[i].ns;
			ret->frequency = 0;
		}
		return 0;
	}
	error_set(err, "E-PROBE", "'%s' is no rate", text);
	return error_hint(err, "write 99hz, or a time like 100ms");
}

void format_rate(const struct probe *p, struct buf *out)
{
	size_t i = ARRAY_SIZE(rate_units) - 1;

	if (p->frequency) {
		buf_addf(out, "%lluhz", (unsigned long long)p->frequency);
		return;
	}
	do
		i--;
	while (i > 0 && p->period % rate_units[i].ns != 0);
	buf_addf(out, "%llu%s", (unsigned long long)(p->period / rate_units[i].ns),
		rate_units[i].unit);
}

static int unknown_provider(const char *name, struct error *err)
{
	struct nearest near;
	size_t i;

	nearest_init(&near, name);
	for (i = 0; provider_table[i]; i++)
		nearest_offer(&near, provider_table[i]->name);
	error_set(err, "E-PROBE", "no kind of probe '%s'", name);
	return error_take_hint(err, nearest_hint(&near));
}

int probe_parse(const char *spec, struct probe *ret, struct error *err)
{
	size_t n = strcspn(spec, ":");
	const struct provider *provider;
	struct probe p = { .cpu = -1 };
	char *name = mem_string_n(spec, n);
	int bad;

	provider = provider_find(name);
	bad = provider ? 0 : unknown_provider(name, err);
	free(name);
	if (bad)
		return -1;
	p.provider = provider->name;
	if (provider->parse(spec[n] ? spec + n + 1 : "", &p, err)) {
		error_wrap(err, "probe '%s'", spec);
		probe_release(&p);
		return -1;
	}
	*ret = p;
	return 0;
}

void probe_release(struct probe *p)
{
	free((char *)p->name);
	free((char *)p->path);
	free((char *)p->event);
	free((char *)p->args);
	memset(p, 0, sizeof(*p));
}

void probe_format(const struct probe *p, struct buf *out)
{
	const struct provider *provider = provider_find(p->provider);

	buf_addf(out, "%s:", p->provider);
	if (provider)
		provider->format(p, out);
}
