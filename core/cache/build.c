/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache.h"

enum {
	COMPILE_TIMEOUT_MS = 300 * 1000,
	OBJECT_LIMIT = 64 << 20,
	MESSAGE_LIMIT = 1 << 20,
};

/* where our compiler may be, relative to our own executable's directory */
static const char *const places[] = {
	"moontrace-cc", "../libexec/moontrace/moontrace-cc", "../compile/moontrace-cc",
};

char *build_compiler(const struct build_options *opts, struct error *err)
{
	const char *env = getenv("MOONTRACE_CC");
	char self[4096], *slash, *path;
	ssize_t n;
	size_t i;

	if (opts->compiler)
		return mem_string(opts->compiler);
	if (env && *env)
		return mem_string(env);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		path = mem_format("%s/%s", self, places[i]);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	error_set(err, "E-COMPILER", "no compiler: moontrace-cc is not beside %s/moontrace", self);
	error_hint(err, "install it, or name one with --cc or MOONTRACE_CC");
	return NULL;
}

/*
 * The key: the request's bytes, the object format, and the compiler as its
 * file's size and time of change (asking it for its version would cost more
 * than the cache saves).
 */
static void make_key(const struct buf *request, const char *compiler, char ret[DIGEST_HEX])
{
	struct digest d;
	struct stat st;
	char id[128] = "";

	if (stat(compiler, &st) == 0)
		snprintf(id, sizeof(id), "%lld %lld.%09ld", (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	digest_init(&d);
	digest_update(&d, VERSION, strlen(VERSION) + 1);
	digest_update(&d, &(uint32_t){ OBJECT_FORMAT }, sizeof(uint32_t));
	digest_update(&d, compiler, strlen(compiler) + 1);
	digest_update(&d, id, strlen(id) + 1);
	digest_update(&d, request->data, request->len);
	digest_final_hex(&d, ret);
}

/* what a compiler said that did not make an object */
static int compile_error(const struct request *req, struct child_result *r, const char *compiler,
	struct error *err)
{
	static const char missing[] = "error[E-HEADERS]: ";
	struct buf how = BUF_INIT;

	while (r->out.len && r->out.data[r->out.len - 1] == '\n')
		r->out.data[--r->out.len] = '\0';
	if (r->timed_out)
		return error_set(err, "E-COMPILER", "%s: gave up after %d s", compiler,
			COMPILE_TIMEOUT_MS / 1000);
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 1 && r->out.len) {
		if (str_starts(r->out.data, missing))
			return error_set(err, "E-HEADERS", "%s",
				r->out.data + sizeof(missing) - 1);
		return error_set(err, "E-COMPILE", "%s: the C text does not compile\n%s",
			req->file, r->out.data);
	}
	child_describe(r->status, &how);
	error_set(err, "E-COMPILER", "%s: %s%s%s", compiler, how.data, r->err.len ? "\n" : "",
		r->err.data);
	buf_release(&how);
	return -1;
}

static struct object *compile(const struct request *req, char *compiler, struct buf *warnings,
	struct error *err)
{
	struct buf wire = BUF_INIT;
	struct child_options options = {
		.out_limit = OBJECT_LIMIT,
		.err_limit = MESSAGE_LIMIT,
		.timeout_ms = COMPILE_TIMEOUT_MS,
		.close_fds = true,
	};
	char *argv[] = { compiler, NULL };
	struct child_result r;
	struct object *obj = NULL;
	int bad;

	request_write(req, &wire);
	options.input = wire.data;
	options.input_size = wire.len;
	bad = child_run(argv, &options, &r, err);
	buf_release(&wire);
	if (bad) {
		char *text = mem_string(err->text);

		error_set(err, "E-COMPILER", "%s", text);
		free(text);
		return NULL;
	}
	if (r.timed_out || !WIFEXITED(r.status) || WEXITSTATUS(r.status) != 0) {
		compile_error(req, &r, compiler, err);
	} else {
		buf_add(warnings, r.err.data, r.err.len);
		obj = object_read(r.out.data, r.out.len, err);
		if (!obj)
			error_wrap(err, "%s", compiler);
	}
	child_result_release(&r);
	return obj;
}

/* a cache is a convenience: what fails in it becomes a warning */
static void warn(struct buf *warnings, struct error *err)
{
	buf_addf(warnings, "moontrace: warning: %s\n", err->text);
	error_clear(err);
}

/* the cached object, or NULL */
static struct object *look_up(struct cache *cache, const char *key, struct buf *warnings)
{
	struct object *obj = NULL;
	struct buf said = BUF_INIT;

	if (!cache || cache_get(cache, key, &obj, &said) != 1)
		obj = NULL;
	if (said.len)
		buf_addf(warnings, "moontrace: warning: %s", said.data);
	buf_release(&said);
	return obj;
}

struct object *build_object(struct request *req, const struct build_options *opts,
	struct buf *warnings, struct error *err)
{
	char *compiler = build_compiler(opts, err), key[DIGEST_HEX];
	struct error cache_err = ERROR_INIT;
	struct cache *cache = NULL;
	struct buf wire = BUF_INIT;
	struct object *obj;

	if (!compiler)
		return NULL;
	request_write(req, &wire);
	make_key(&wire, compiler, key);
	buf_release(&wire);
	if (!opts->no_cache) {
		cache = cache_open(opts->cache_dir, &cache_err);
		if (!cache)
			warn(warnings, &cache_err);
	}
	obj = look_up(cache, key, warnings);
	if (!obj && (!opts->complete || !opts->complete(opts->arg, req, err))) {
		obj = compile(req, compiler, warnings, err);
		if (obj && cache && cache_put(cache, key, obj, &cache_err))
			warn(warnings, &cache_err);
	}
	cache_free(cache);
	free(compiler);
	return obj;
}
