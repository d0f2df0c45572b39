/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles in memory and as records; moontrace-bundle(5) has the format in prose. */
#include "cache/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"

#define BAD(err, ...) error_set(err, "E-BUNDLE", __VA_ARGS__)

/* ---- in memory ---- */

struct bundle *bundle_new(void)
{
	struct bundle *b = mem_alloc(sizeof(*b));

	b->version = mem_string("");
	b->machine = mem_string("");
	b->script.name = mem_string("");
	b->script.text = mem_string("");
	return b;
}

static void release_files(struct bundle_file *files, size_t n)
{
	while (n--) {
		free(files[n].name);
		free(files[n].text);
	}
	free(files);
}

static void release_object(struct bundle_object *o)
{
	while (o->n_targets)
		free(o->targets[--o->n_targets]);
	free(o->targets);
	request_release(&o->facts);
	object_free(o->object);
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	free(b->version);
	free(b->machine);
	free(b->script.name);
	free(b->script.text);
	release_files(b->modules, b->n_modules);
	release_files(b->files, b->n_files);
	while (b->n_objects)
		release_object(&b->objects[--b->n_objects]);
	free(b->objects);
	free(b);
}

static struct bundle_file *find_file(struct bundle_file *files, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	}
	return NULL;
}

static void set_file(struct bundle_file *f, const char *name, const char *text)
{
	free(f->name);
	free(f->text);
	f->name = mem_string(name);
	f->text = mem_string(text);
}

void bundle_add_module(struct bundle *b, const char *name, const char *text)
{
	struct bundle_file *f = find_file(b->modules, b->n_modules, name);

	set_file(f ? f : MEM_GROW(b->modules, b->n_modules), name, text);
}

void bundle_add_file(struct bundle *b, const char *path, const char *text)
{
	struct bundle_file *f = find_file(b->files, b->n_files, path);

	set_file(f ? f : MEM_GROW(b->files, b->n_files), path, text);
}

const char *bundle_module(const struct bundle *b, const char *name)
{
	struct bundle_file *f = find_file(b->modules, b->n_modules, name);

	return f ? f->text : NULL;
}

const char *bundle_file(const struct bundle *b, const char *path)
{
	struct bundle_file *f = find_file(b->files, b->n_files, path);

	return f ? f->text : NULL;
}

/* ---- adding objects ---- */

/* facts that tell of one target only; those of another kernel would differ in them alone */
static void reduce_object(struct object *obj, bool any)
{
	size_t i, n = 0;

	for (i = 0; i < obj->n_facts; i++) {
		struct object_fact *f = &obj->facts[i];

		if (strcmp(f->key, "key") == 0 || (any && strcmp(f->key, "release") == 0)) {
			free(f->key);
			free(f->value);
		} else {
			obj->facts[n++] = *f;
		}
	}
	obj->n_facts = n;
	if (any)
		obj->kern_version = 0;
}

static void entry_bytes(const struct request *facts, const struct buf *object, struct buf *out)
{
	request_write(facts, out);
	buf_add(out, object->data, object->len);
}

static void add_target(struct bundle_object *o, const char *target)
{
	size_t i;

	for (i = 0; i < o->n_targets; i++) {
		if (strcmp(o->targets[i], target) == 0)
			return;
	}
	*MEM_GROW(o->targets, o->n_targets) = mem_string(target);
}

/* the same object under the same facts */
static struct bundle_object *find_same(struct bundle *b, const struct buf *bytes)
{
	struct bundle_object *found = NULL;
	struct error ignored = ERROR_INIT;
	size_t i;

	for (i = 0; i < b->n_objects && !found; i++) {
		struct buf object = BUF_INIT, other = BUF_INIT;

		if (object_write(b->objects[i].object, &object, &ignored) == 0) {
			entry_bytes(&b->objects[i].facts, &object, &other);
			if (other.len == bytes->len &&
			    memcmp(other.data, bytes->data, other.len) == 0)
				found = &b->objects[i];
		}
		buf_release(&object);
		buf_release(&other);
	}
	error_clear(&ignored);
	return found;
}

int bundle_add_object(struct bundle *b, const char *target, const struct request *req,
	struct object *obj, struct error *err)
{
	struct buf object = BUF_INIT, bytes = BUF_INIT;
	struct bundle_object *o;
	struct request facts;
	int bad;

	bundle_facts(req, &facts);
	reduce_object(obj, !*facts.release);
	bad = object_write(obj, &object, err);
	if (!bad) {
		entry_bytes(&facts, &object, &bytes);
		o = find_same(b, &bytes);
		if (!o) {
			o = MEM_GROW(b->objects, b->n_objects);
			o->facts = facts;
			o->object = obj;
			request_init(&facts);
			obj = NULL;
		}
		add_target(o, target);
	}
	object_free(obj);
	request_release(&facts);
	buf_release(&object);
	buf_release(&bytes);
	return bad;
}

/* ---- writing ---- */

static void write_record(struct buf *out, const char *key, const void *bytes, size_t n)
{
	buf_addf(out, "%s %zu\n", key, n);
	buf_add(out, bytes, n);
	buf_addc(out, '\n');
}

static void write_text(struct buf *out, const char *key, const char *text)
{
	write_record(out, key, text, strlen(text));
}

/* the name is the first line */
static void write_file(struct buf *out, const char *key, const struct bundle_file *f)
{
	char *text = mem_format("%s\n%s", f->name, f->text);

	write_text(out, key, text);
	free(text);
}

static int write_object(struct buf *out, const struct bundle_object *o, struct error *err)
{
	struct buf bytes = BUF_INIT;
	size_t i;
	int bad;

	for (i = 0; i < o->n_targets; i++)
		write_text(out, "target", o->targets[i]);
	request_write(&o->facts, &bytes);
	write_record(out, "facts", bytes.data, bytes.len);
	buf_clear(&bytes);
	bad = object_write(o->object, &bytes, err);
	if (!bad)
		write_record(out, "object", bytes.data, bytes.len);
	buf_release(&bytes);
	return bad;
}

int bundle_write(const struct bundle *b, struct buf *out, struct error *err)
{
	struct buf data = BUF_INIT;
	struct bundle *back = NULL;
	size_t i;
	int bad = 0;

	buf_adds(&data, BUNDLE_HEAD);
	write_text(&data, "version", b->version);
	write_text(&data, "machine", b->machine);
	if (b->strict)
		write_text(&data, "option", "strict");
	if (b->destructive)
		write_text(&data, "option", "destructive");
	write_file(&data, "script", &b->script);
	for (i = 0; i < b->n_modules; i++)
		write_file(&data, "module", &b->modules[i]);
	for (i = 0; i < b->n_files; i++)
		write_file(&data, "file", &b->files[i]);
	for (i = 0; i < b->n_objects && !bad; i++)
		bad = write_object(&data, &b->objects[i], err);
	write_text(&data, "end", "");
	/* what is written can be read: limits and names are in one place */
	if (!bad)
		back = bundle_read(data.data, data.len, err);
	if (back)
		buf_add(out, data.data, data.len);
	bundle_free(back);
	buf_release(&data);
	return back ? 0 : -1;
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	char key[16];			/* of the current record */
	const char *bytes;
	size_t len;
	struct bundle *b;
	struct error *err;
};

static bool read_length(const char *s, const char *end, size_t max, size_t *ret)
{
	char copy[16];
	uint64_t n;

	if (s == end || end - s >= (ptrdiff_t)sizeof(copy) || (*s == '0' && end - s > 1) ||
	    *s < '0' || *s > '9')
		return false;
	memcpy(copy, s, end - s);
	copy[end - s] = '\0';
	if (!str_to_u64(copy, 0, max, &n))
		return false;
	*ret = n;
	return true;
}

static int next_record(struct reader *r)
{
	size_t left = r->end - r->at, head = left < 64 ? left : 64;
	const char *lf = memchr(r->at, '\n', head);
	const char *space = lf ? memchr(r->at, ' ', lf - r->at) : NULL;

	if (!space || space == r->at || (size_t)(space - r->at) >= sizeof(r->key))
		return BAD(r->err, "a record has no 'KEY LENGTH' line");
	memcpy(r->key, r->at, space - r->at);
	r->key[space - r->at] = '\0';
	if (!read_length(space + 1, lf, BUNDLE_SIZE_MAX, &r->len))
		return BAD(r->err, "the length of a record is no number");
	if (r->len >= (size_t)(r->end - lf - 1) || lf[1 + r->len] != '\n')
		return BAD(r->err, "a record is shorter or longer than it says");
	r->bytes = lf + 1;
	r->at = r->bytes + r->len + 1;
	return 0;
}

static bool is_key(const struct reader *r, const char *key)
{
	return strcmp(r->key, key) == 0;
}

/* one line that may go to a terminal */
static bool is_line(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	}
	return n > 0 && n <= 4096;
}

static int read_line(struct reader *r, char **ret)
{
	if (!is_line(r->bytes, r->len))
		return BAD(r->err, "'%s' is no line of text", r->key);
	free(*ret);
	*ret = mem_string_n(r->bytes, r->len);
	return 0;
}

static int read_needed(struct reader *r, const char *key, char **ret)
{
	if (!is_key(r, key))
		return BAD(r->err, "a record where '%s' should be", key);
	return read_line(r, ret) || next_record(r) ? -1 : 0;
}

static int read_options(struct reader *r)
{
	while (is_key(r, "option")) {
		bool strict = r->len == 6 && memcmp(r->bytes, "strict", 6) == 0;

		if (!strict && (r->len != 11 || memcmp(r->bytes, "destructive", 11) != 0))
			return BAD(r->err, "unknown option");
		r->b->strict |= strict;
		r->b->destructive |= !strict;
		if (next_record(r))
			return -1;
	}
	return 0;
}

static int read_file(struct reader *r, struct bundle_file *f)
{
	const char *lf = memchr(r->bytes, '\n', r->len);

	if (!lf || !is_line(r->bytes, lf - r->bytes))
		return BAD(r->err, "'%s' has no name", r->key);
	if (r->len > BUNDLE_TEXT_MAX || memchr(r->bytes, 0, r->len))
		return BAD(r->err, "'%s' is too long, or no text", r->key);
	free(f->name);
	free(f->text);
	f->name = mem_string_n(r->bytes, lf - r->bytes);
	f->text = mem_string_n(lf + 1, r->bytes + r->len - lf - 1);
	return next_record(r);
}

static int read_files(struct reader *r, const char *key, struct bundle_file **files, size_t *n)
{
	struct bundle_file *f;

	while (is_key(r, key)) {
		if (*n >= BUNDLE_FILES_MAX)
			return BAD(r->err, "too many records '%s'", key);
		f = MEM_GROW(*files, *n);
		if (read_file(r, f))
			return -1;
		if (find_file(*files, *n - 1, f->name))
			return BAD(r->err, "two records '%s' are named '%s'", key, f->name);
	}
	return 0;
}

static int read_targets(struct reader *r, struct bundle_object *o)
{
	while (is_key(r, "target")) {
		if (o->n_targets >= BUNDLE_TARGETS_MAX)
			return BAD(r->err, "too many targets of an object");
		(void)MEM_GROW(o->targets, o->n_targets);
		if (read_line(r, &o->targets[o->n_targets - 1]) || next_record(r))
			return -1;
	}
	return o->n_targets ? 0 : BAD(r->err, "a record where 'target' should be");
}

static bool is_digest(const char *s)
{
	return strlen(s) == DIGEST_HEX - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX - 1;
}

static int check_facts(struct reader *r, const struct request *facts)
{
	bool bound = *facts->headers_id || facts->version_code;

	if (!is_digest(facts->text))
		return BAD(r->err, "the facts of an object do not say of which text it is");
	if (strcmp(facts->machine, r->b->machine) != 0)
		return BAD(r->err, "an object for machine '%s' in a bundle for '%s'",
			facts->machine, r->b->machine);
	if (!*facts->release != !bound || (*facts->release &&
	    !is_line(facts->release, strlen(facts->release))))
		return BAD(r->err, "the facts of an object do not say for which kernel it is");
	return 0;
}

static int read_facts(struct reader *r, struct bundle_object *o)
{
	size_t used;

	if (!is_key(r, "facts"))
		return BAD(r->err, "a record where 'facts' should be");
	if (request_read(&o->facts, r->bytes, r->len, &used, r->err)) {
		char *text = mem_string(r->err->text);

		BAD(r->err, "facts: %s", text);
		free(text);
		return -1;
	}
	if (used != r->len)
		return BAD(r->err, "bytes behind the facts of an object");
	return check_facts(r, &o->facts) || next_record(r) ? -1 : 0;
}

static int read_object(struct reader *r)
{
	struct bundle_object *o;

	if (r->b->n_objects >= BUNDLE_OBJECTS_MAX)
		return BAD(r->err, "too many objects");
	o = MEM_GROW(r->b->objects, r->b->n_objects);
	if (read_targets(r, o) || read_facts(r, o))
		return -1;
	if (!is_key(r, "object"))
		return BAD(r->err, "a record where 'object' should be");
	o->object = object_read(r->bytes, r->len, r->err);
	if (!o->object) {
		char *text = mem_string(r->err->text);

		BAD(r->err, "object %zu: %s", r->b->n_objects, text);
		free(text);
		return -1;
	}
	return next_record(r);
}

static int read_all(struct reader *r)
{
	struct bundle *b = r->b;

	if (r->end - r->at < (ptrdiff_t)strlen(BUNDLE_HEAD) ||
	    memcmp(r->at, BUNDLE_HEAD, strlen(BUNDLE_HEAD)) != 0)
		return BAD(r->err, "it does not begin with 'bundle'");
	r->at += strlen(BUNDLE_HEAD);
	if (next_record(r) || read_needed(r, "version", &b->version) ||
	    read_needed(r, "machine", &b->machine) || read_options(r))
		return -1;
	if (!is_key(r, "script"))
		return BAD(r->err, "a record where 'script' should be");
	if (read_file(r, &b->script) || read_files(r, "module", &b->modules, &b->n_modules) ||
	    read_files(r, "file", &b->files, &b->n_files))
		return -1;
	while (!is_key(r, "end")) {
		if (read_object(r))
			return -1;
	}
	if (r->len || r->at != r->end)
		return BAD(r->err, "bytes behind its end");
	return 0;
}

struct bundle *bundle_read(const void *data, size_t size, struct error *err)
{
	struct reader r = { .at = data, .end = (const char *)data + size, .err = err };

	if (size > BUNDLE_SIZE_MAX) {
		BAD(err, "%zu bytes are too many for a bundle", size);
		return NULL;
	}
	r.b = bundle_new();
	if (read_all(&r) == 0)
		return r.b;
	error_wrap(err, "damaged bundle");
	bundle_free(r.b);
	return NULL;
}
