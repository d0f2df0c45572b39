/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/cache.h"
#include "cache/compiler.h"

enum {
	COMPILE_TIMEOUT_MS = 300 * 1000,
	OBJECT_LIMIT = 64 << 20,
	MESSAGE_LIMIT = 1 << 20,
	CLAIM_TIMEOUT_MS = 60 * 1000,	/* for another's compiler; then ours starts, too */
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

/* the key: the request's bytes, the object format, and what the compiler is */
static void make_key(const struct buf *request, const char *identity, char ret[DIGEST_HEX])
{
	struct digest d;

	digest_init(&d);
	digest_update(&d, VERSION, strlen(VERSION) + 1);
	digest_update(&d, &(uint32_t){ OBJECT_FORMAT }, sizeof(uint32_t));
	digest_update(&d, identity, strlen(identity) + 1);
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
		bool limit = strcmp(err->tag, "E-LIMIT") == 0;
		char *text = mem_string(err->text);

		error_set(err, limit ? "E-LIMIT" : "E-COMPILER", "%s", text);
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

/* said: lines, which are released */
static void add_warnings(struct buf *warnings, struct buf *said)
{
	char *rest = said->len ? said->data : NULL, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line)
			buf_addf(warnings, "moontrace: warning: %s\n", line);
	}
	buf_release(said);
}

/* the cached object, or NULL */
static struct object *look_up(struct cache *cache, const char *key, struct buf *warnings)
{
	struct object *obj = NULL;
	struct buf said = BUF_INIT;

	if (cache_get(cache, key, &obj, &said) != 1)
		obj = NULL;
	add_warnings(warnings, &said);
	return obj;
}

static struct object *make_object(struct request *req, const struct build_options *opts,
	char *compiler, struct buf *warnings, struct error *err)
{
	if (opts->complete && opts->complete(opts->arg, req, err))
		return NULL;
	return compile(req, compiler, warnings, err);
}

/* of many that start at once, one compiles; the others find its object */
static struct object *make_cached(struct request *req, const struct build_options *opts,
	struct cache *cache, char *compiler, const char *key, struct buf *warnings,
	struct error *err)
{
	struct claim claim = CLAIM_INIT;
	enum claim_result claimed = cache_claim(cache, &claim, key, CACHE_OBJECT,
		CLAIM_TIMEOUT_MS);
	struct error cache_err = ERROR_INIT;
	struct object *obj;

	if (claimed == CLAIM_INTERRUPTED) {
		error_set(err, "E-COMPILER", "interrupted");
		return NULL;
	}
	obj = claimed == CLAIM_NONE ? NULL : look_up(cache, key, warnings);
	if (!obj) {
		obj = make_object(req, opts, compiler, warnings, err);
		if (obj && cache_put(cache, key, obj, &cache_err))
			warn(warnings, &cache_err);
	}
	claim_end(&claim);
	return obj;
}

/* what was kept, else made and kept */
static struct object *get_cached(struct request *req, const struct build_options *opts,
	struct cache *cache, char *compiler, struct buf *warnings, struct error *err)
{
	char identity[DIGEST_HEX], key[DIGEST_HEX];
	struct buf wire = BUF_INIT, said = BUF_INIT;
	struct object *obj;
	int bad = compiler_identity(cache, compiler, identity, &said, err);

	add_warnings(warnings, &said);
	if (bad)
		return NULL;
	request_write(req, &wire);
	make_key(&wire, identity, key);
	buf_release(&wire);
	obj = look_up(cache, key, warnings);
	return obj ? obj : make_cached(req, opts, cache, compiler, key, warnings, err);
}

struct object *build_object(struct request *req, const struct build_options *opts,
	struct buf *warnings, struct error *err)
{
	char *compiler = build_compiler(opts, err);
	struct error cache_err = ERROR_INIT;
	struct cache *cache = NULL;
	struct object *obj;

	if (!compiler)
		return NULL;
	if (!opts->no_cache) {
		cache = cache_open(opts->cache_dir, &cache_err);
		if (!cache)
			warn(warnings, &cache_err);
	}
	obj = cache ? get_cached(req, opts, cache, compiler, warnings, err) :
		make_object(req, opts, compiler, warnings, err);
	cache_free(cache);
	free(compiler);
	return obj;
}
