/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: a runtime with a script, its modules and their objects behind it.
 *
 * A bundle is an executable file, a payload of records and a trailer that
 * says where the payload is; moontrace-bundle(5) specifies it in prose.
 * The reader trusts nothing: size and SHA-256 first, then every record, and
 * each object as object_read does.  Nothing of a payload is used before all
 * of it was read.
 *
 * Each error is E-BUNDLE, of files E-FILE.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "object/object.h"
#include "object/request.h"

enum {
	BUNDLE_FORMAT = 1,
	BUNDLE_SIZE_MAX = 256 << 20,	/* bytes of a payload */
	BUNDLE_TEXT_MAX = 16 << 20,	/* of a script, module or file */
	BUNDLE_FILES_MAX = 1000,
	BUNDLE_OBJECTS_MAX = 4096,
	BUNDLE_TARGETS_MAX = 100,	/* of one object */
	BUNDLE_TRAILER = 64,		/* bytes at the end of the file */
};

/* the first bytes of each payload */
#define BUNDLE_HEAD "bundle 1\n1\n"

struct bundle_file {
	char *name;
	char *text;
};

/*
 * One object and the kernels for which it is: `facts` is the request that
 * made it, reduced to what must agree.  facts.text is the digest of the text;
 * facts.release "" and version_code 0: any; formats hold fields only.
 */
struct bundle_object {
	char **targets;			/* "el7": what it was built for, for people */
	size_t n_targets;
	struct request facts;
	struct object *object;
};

struct bundle {
	char *version;			/* of the moontrace that built it */
	char *machine;			/* "x86_64" */
	bool strict, destructive;	/* as the options of moontrace(1) */
	struct bundle_file script;
	struct bundle_file *modules;	/* for require; name without .lua */
	size_t n_modules;
	struct bundle_file *files;	/* for bpf.load{file=}, by the path that it gives */
	size_t n_files;
	struct bundle_object *objects;
	size_t n_objects;
};

struct bundle *bundle_new(void);	/* its strings are "" */
void bundle_free(struct bundle *b);	/* NULL is fine */

/* adds or replaces; strings are copied */
void bundle_add_module(struct bundle *b, const char *name, const char *text);
void bundle_add_file(struct bundle *b, const char *path, const char *text);
/* the text, lent, or NULL */
const char *bundle_module(const struct bundle *b, const char *name);
const char *bundle_file(const struct bundle *b, const char *path);

/*
 * Adds obj, which it takes, for the target of this name. req is reduced to
 * facts; so is the object's record of its target if it fits any.  One that
 * is there already serves this target, too.  E-OBJECT
 */
int bundle_add_object(struct bundle *b, const char *target, const struct request *req,
	struct object *obj, struct error *err);

/* the payload. E-BUNDLE: over a limit */
int bundle_write(const struct bundle *b, struct buf *out, struct error *err);
struct bundle *bundle_read(const void *data, size_t size, struct error *err);

/* puts runtime, payload and trailer together; a payload of the runtime is left out */
int bundle_join(const struct buf *runtime, const struct buf *payload, struct buf *out,
	struct error *err);
/*
 * The payload of an open file: 1 and the caller owns *ret; 0: it has none;
 * -1: it has one that is damaged.  name is for messages.
 */
int bundle_open(int fd, const char *name, struct bundle **ret, struct error *err);

/* ---- which object is for a kernel: bundle_match.c ---- */

/* what a request asks of a kernel, as facts; ret is to be released */
void bundle_facts(const struct request *req, struct request *ret);
/*
 * The object for the request of the running kernel, with the values of its
 * defines put in; the caller owns it.  E-BUNDLE names what there is.
 */
struct object *bundle_object(const struct bundle *b, const struct request *req,
	struct error *err);
/* "3.10.0-1062.el7.x86_64", "any kernel with the fields of irq:softirq_entry" */
void bundle_describe(const struct bundle_object *o, struct buf *out);

#endif
