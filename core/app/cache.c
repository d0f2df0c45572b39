/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace cache: what is kept of earlier compilations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/command.h"
#include "app/json.h"
#include "app/warm.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache.h"

enum { SHOWN_KEY = 12 };

/* what an entry says of itself; "" where it cannot be read */
struct origin {
	char *source, *release;
};

/* for a terminal: what an object has is text, but may be any */
static char *clean(const char *text)
{
	char *copy = mem_string(text ? text : "");

	str_clean(copy);
	return copy;
}

static void read_origin(struct cache *c, const struct cache_entry *e, struct origin *ret)
{
	char *path = mem_format("%s/%s.o", cache_dir(c), e->key);
	struct error err = ERROR_INIT;
	struct object *obj = object_read_file(path, &err);
	const char *release = obj ? object_fact(obj, "release") : NULL;

	ret->source = clean(obj ? obj->source_name : NULL);
	ret->release = clean(release);
	object_free(obj);
	error_clear(&err);
	free(path);
}

static void release_origin(struct origin *o)
{
	free(o->source);
	free(o->release);
}

/* "3 s", "12 min", "5 h", "40 d" */
static void format_age(const struct cache_entry *e, char *text, size_t size)
{
	static const struct { long seconds; const char *unit; } units[] = {
		{ 24 * 3600, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
	};
	long age = time(NULL) - e->used.tv_sec;
	size_t i = 0;

	if (age < 0)
		age = 0;
	while (i + 1 < ARRAY_SIZE(units) && age < 2 * units[i].seconds)
		i++;
	snprintf(text, size, "%ld %s", age / units[i].seconds, units[i].unit);
}

static void print_entry(struct cache *c, const struct cache_entry *e)
{
	struct origin o;
	char age[32];

	read_origin(c, e, &o);
	format_age(e, age, sizeof(age));
	printf("%.*s %8llu %8s  %-24s %s\n", SHOWN_KEY, e->key, (unsigned long long)e->size, age,
		*o.source ? o.source : "(damaged)", o.release);
	release_origin(&o);
}

static void print_json(struct cache *c, const struct cache_entry *e)
{
	struct buf line = BUF_INIT;
	struct origin o;

	read_origin(c, e, &o);
	json_open(&line, NULL, '{');
	json_string(&line, "key", e->key);
	json_number(&line, "bytes", e->size);
	json_number(&line, "used", e->used.tv_sec);
	json_string(&line, "source", *o.source ? o.source : NULL);
	json_string(&line, "release", *o.release ? o.release : NULL);
	json_close(&line, '}');
	puts(line.data);
	buf_release(&line);
	release_origin(&o);
}

static int list(struct cache *c, bool json, struct error *err)
{
	struct cache_entry *entries;
	size_t n, i;

	if (cache_list(c, &entries, &n, err))
		return -1;
	if (!json)
		printf("%-*s %8s %8s  %-24s %s\n", SHOWN_KEY, "KEY", "BYTES", "USED", "SOURCE",
			"KERNEL");
	for (i = 0; i < n; i++)
		(json ? print_json : print_entry)(c, &entries[i]);
	free(entries);
	return 0;
}

static int stat_cache(struct cache *c, bool json, struct error *err)
{
	struct buf text = BUF_INIT;
	struct cache_entry *entries;
	uint64_t bytes = 0;
	size_t n, i;

	if (cache_list(c, &entries, &n, err))
		return -1;
	for (i = 0; i < n; i++)
		bytes += entries[i].size;
	free(entries);
	if (json) {
		json_open(&text, NULL, '{');
		json_string(&text, "directory", cache_dir(c));
		json_number(&text, "objects", n);
		json_number(&text, "bytes", bytes);
		json_number(&text, "limit", CACHE_LIMIT);
		json_close(&text, '}');
	} else {
		buf_addf(&text, "directory  %s\nobjects    %zu\nbytes      %llu of at most %llu",
			cache_dir(c), n, (unsigned long long)bytes,
			(unsigned long long)CACHE_LIMIT);
	}
	puts(text.data);
	buf_release(&text);
	return 0;
}

static int clear(struct cache *c, bool json, struct error *err)
{
	size_t n;

	(void)json;
	if (cache_clear(c, &n, err))
		return -1;
	printf("%zu objects removed\n", n);
	return 0;
}

static const struct action {
	const char *name;
	int (*run)(struct cache *c, bool json, struct error *err);
} actions[] = {
	{ "list", list },
	{ "stat", stat_cache },
	{ "clear", clear },
	{ "warm", NULL },		/* takes the cache as any compilation does */
};

static int unknown(const char *word)
{
	struct nearest near;
	char *hint;
	size_t i;
	int status;

	nearest_init(&near, word);
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		nearest_offer(&near, actions[i].name);
	hint = nearest_hint(&near);
	status = command_usage(&command_cache, "unknown '%s'%s%s", word, hint ? ": " : "",
		hint ? hint : "");
	free(hint);
	return status;
}

static int run_cache(const struct host_options *opts, int argc, char **argv)
{
	bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
	const struct action *a = NULL;
	struct error err = ERROR_INIT;
	struct cache *c;
	size_t i;
	int bad;

	if (argc < 2)
		return command_usage(&command_cache, "list, stat, clear or warm is needed");
	for (i = 0; i < ARRAY_SIZE(actions) && !a; i++)
		a = strcmp(actions[i].name, argv[1]) == 0 ? &actions[i] : NULL;
	if (!a)
		return unknown(argv[1]);
	if (!a->run && opts->no_cache)
		return command_usage(&command_cache, "--no-cache keeps nothing");
	if (!a->run)
		return cache_warm(opts, argc - 2, argv + 2);
	if (argc > 2 && (!json || a->run == clear))
		return command_usage(&command_cache, "unknown argument '%s'", argv[2]);
	c = cache_open(opts->cache_dir, &err);
	bad = !c || a->run(c, json, &err);
	cache_free(c);
	return bad ? command_error(&err) : STATUS_OK;
}

const struct command command_cache = {
	.name = "cache",
	.arguments = "list [--json] | stat [--json] | clear | warm [SCRIPT]...",
	.summary = "what is kept of earlier compilations",
	.run = run_cache,
};
