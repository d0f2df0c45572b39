/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a pack: its directory, as its archive unpacks. */
#include "kernel/pack.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	PACK_VERSION = 1,
	INFO_MAX = 65536,		/* bytes of the file "pack" */
	FORMAT_MAX = 1 << 20,
	FUNCTIONS_MAX = 64 << 20,
	DEPTH_MAX = 64,			/* of directories */
};

static bool has(const char *dir, const char *file)
{
	char *path = mem_format("%s/%s", dir, file);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

bool pack_is(const char *dir)
{
	return has(dir, "pack");
}

/* a file of the pack; what fails is the pack's fault */
static int read_member(const char *dir, const char *name, size_t limit, struct buf *out,
	struct error *err)
{
	char *path = mem_format("%s/%s", dir, name);
	struct error inner = ERROR_INIT;
	int ret = file_read(path, limit, out, &inner);

	if (ret) {
		error_set(err, "E-HEADERS", "header pack: %s", inner.text);
		err->sys = inner.sys;
	}
	error_clear(&inner);
	free(path);
	return ret;
}

/* ---- the file "pack" ---- */

static int check_version(const char *line, struct error *err)
{
	uint64_t version;

	if (!str_starts(line, PACK_MAGIC) ||
		!str_to_u64(line + strlen(PACK_MAGIC), 1, UINT32_MAX, &version))
		return error_set(err, "E-HEADERS", "the file 'pack' does not begin with '"
			PACK_MAGIC "%d'", PACK_VERSION);
	if (version == PACK_VERSION)
		return 0;
	error_set(err, "E-HEADERS", "the header pack has format %llu, and this moontrace reads %d",
		(unsigned long long)version, PACK_VERSION);
	return error_hint(err, "a newer moontrace made it: use that one, or make the pack anew");
}

static void set_text(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

/* "KEY VALUE"; keys of later versions are passed over */
static int take_line(struct pack_info *info, const char *key, const char *value,
	struct error *err)
{
	uint64_t number = 0;

	if (strcmp(key, "release") == 0)
		set_text(&info->release, value);
	else if (strcmp(key, "machine") == 0)
		set_text(&info->machine, value);
	else if (strcmp(key, "distribution") == 0)
		set_text(&info->distribution, value);
	else if (strcmp(key, "made-by") == 0)
		set_text(&info->made_by, value);
	else if (strcmp(key, "version-code") != 0 && strcmp(key, "files") != 0)
		return 0;
	else if (!str_to_u64(value, 1, UINT32_MAX, &number))
		return error_set(err, "E-HEADERS", "the file 'pack' has a bad %s '%s'", key,
			value);
	else if (key[0] == 'v')
		info->version_code = number;
	else
		info->files = number;
	return 0;
}

static int check_complete(const struct pack_info *info, struct error *err)
{
	const char *missing = !*info->release ? "release" : !*info->machine ? "machine" :
		!info->version_code ? "version-code" : NULL;

	return missing ? error_set(err, "E-HEADERS", "the file 'pack' does not tell its %s",
		missing) : 0;
}

static int parse_info(struct pack_info *info, char *text, struct error *err)
{
	char *line = strsep(&text, "\n");
	int ret = check_version(line, err);

	while (ret == 0 && (line = strsep(&text, "\n")) != NULL) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = '\0';
		ret = take_line(info, line, value, err);
	}
	return ret ? ret : check_complete(info, err);
}

int pack_read_info(const char *dir, struct pack_info *ret, struct error *err)
{
	struct pack_info info = { 0 };
	struct buf text = BUF_INIT;
	int status;

	info.release = mem_string("");
	info.machine = mem_string("");
	info.distribution = mem_string("");
	info.made_by = mem_string("");
	info.has_tree = has(dir, "build/include/generated/autoconf.h");
	info.has_btf = has(dir, "btf/vmlinux");
	info.has_functions = has(dir, "functions");
	info.has_formats = has(dir, "formats");
	status = read_member(dir, "pack", INFO_MAX, &text, err);
	if (status == 0)
		status = parse_info(&info, text.data, err);
	buf_release(&text);
	if (status) {
		error_wrap(err, "'%s'", dir);
		pack_info_release(&info);
	} else {
		*ret = info;
	}
	return status;
}

void pack_info_release(struct pack_info *info)
{
	free(info->release);
	free(info->machine);
	free(info->distribution);
	free(info->made_by);
	memset(info, 0, sizeof(*info));
}

/* regular files below path, hidden ones left out */
static uint64_t count_files(const char *path, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	struct dirent *d;
	struct stat st;
	uint64_t n = 0;

	while (dir && (d = readdir(dir)) != NULL) {
		char *child;

		if (d->d_name[0] == '.')
			continue;
		child = mem_format("%s/%s", path, d->d_name);
		if (lstat(child, &st) == 0 && S_ISDIR(st.st_mode))
			n += count_files(child, depth + 1);
		else
			n++;
		free(child);
	}
	if (dir)
		closedir(dir);
	return n;
}

int pack_check_files(const char *dir, struct error *err)
{
	struct pack_info info;
	uint64_t n;

	if (pack_read_info(dir, &info, err))
		return -1;
	n = count_files(dir, 0) - 1;
	if (info.files && n != info.files)
		error_set(err, "E-HEADERS", "the header pack is damaged: it has %llu of its %llu "
			"files", (unsigned long long)n, (unsigned long long)info.files);
	else
		info.files = 0;
	n = info.files;
	pack_info_release(&info);
	return n ? -1 : 0;
}

/* ---- tracepoints ---- */

static int skip_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void offer_category(struct nearest *near, const char *dir, const char *category,
	const char *event, char **same)
{
	char *path = mem_format("%s/formats/%s", dir, category);
	struct dirent **list = NULL;
	int n = scandir(path, &list, skip_dots, alphasort), i;

	for (i = 0; i < n; i++) {
		char *full = mem_format("%s:%s", category, list[i]->d_name);

		nearest_offer(near, full);
		if (!*same && strcmp(list[i]->d_name, event) == 0)
			*same = mem_format("did you mean '%s'?", full);
		free(full);
		free(list[i]);
	}
	free(list);
	free(path);
}

/* names near "category:event"; else where an event of just this name is */
static char *near_events(const char *dir, const char *category, const char *event)
{
	char *want = mem_format("%s:%s", category, event), *same = NULL, *hint;
	char *path = mem_format("%s/formats", dir);
	struct dirent **list = NULL;
	struct nearest near;
	int n = scandir(path, &list, skip_dots, alphasort), i;

	nearest_init(&near, want);
	for (i = 0; i < n; i++) {
		offer_category(&near, dir, list[i]->d_name, event, &same);
		free(list[i]);
	}
	free(list);
	hint = nearest_hint(&near);
	free(path);
	free(want);
	if (!hint)
		return same;
	free(same);
	return hint;
}

/* a name is a name, never a way out of the directory */
static bool is_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/');
}

int pack_format(const char *dir, const char *category, const char *event, struct buf *out,
	struct error *err)
{
	char *name = mem_format("formats/%s/%s/format", category, event);
	bool there = is_name(category) && is_name(event) && has(dir, name);
	int ret;

	if (there) {
		ret = read_member(dir, name, FORMAT_MAX, out, err);
	} else {
		ret = error_set(err, "E-PROBE", "no tracepoint '%s:%s' in the header pack",
			category, event);
		error_take_hint(err, near_events(dir, category, event));
	}
	free(name);
	return ret;
}

/* false: fn had enough */
static bool each_event(const char *path, const char *category,
	bool (*fn)(void *arg, const char *category, const char *event), void *arg)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, skip_dots, alphasort), i;
	bool more = true;

	for (i = 0; i < n; i++) {
		more = more && fn(arg, category, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return more;
}

int pack_events(const char *dir, bool (*fn)(void *arg, const char *category, const char *event),
	void *arg, struct error *err)
{
	char *root = mem_format("%s/formats", dir);
	struct dirent **list = NULL;
	int n = scandir(root, &list, skip_dots, alphasort), sys = n < 0 ? errno : 0, i;
	bool more = true;

	for (i = 0; i < n; i++) {
		char *path = mem_format("%s/%s", root, list[i]->d_name);

		more = more && each_event(path, list[i]->d_name, fn, arg);
		free(path);
		free(list[i]);
	}
	free(list);
	if (sys)
		error_sys(err, "E-HEADERS", sys, "read '%s'", root);
	free(root);
	return sys ? -1 : 0;
}

/* ---- functions ---- */

int pack_functions(const char *dir, bool (*fn)(void *arg, const char *name, const char *module),
	void *arg, struct error *err)
{
	struct buf text = BUF_INIT;
	char *rest, *line, *colon;

	if (read_member(dir, "functions", FUNCTIONS_MAX, &text, err)) {
		buf_release(&text);
		return -1;
	}
	rest = text.len ? text.data : NULL;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!*line)
			continue;
		colon = strchr(line, ':');
		if (colon)
			*colon = '\0';
		if (!fn(arg, colon ? colon + 1 : line, colon ? line : NULL))
			break;
	}
	buf_release(&text);
	return 0;
}
