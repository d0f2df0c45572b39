/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compile request: all that the compiler may know.  Compiling is a pure
 * function of these bytes (and of the header tree they name, which
 * headers_id identifies), so the digest of a request is the cache key of
 * its object.
 *
 * On the wire (stdin of moontrace-cc) it is a list of records
 *     KEY SP LENGTH LF BYTES LF
 * in the order of the fields below, ended by "end 0 LF LF"; repeated keys
 * are lists.  moontrace-cc(1) specifies it.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctoken.h"
#include "base/error.h"

struct request_format {
	char *category, *event;		/* "irq", "softirq_entry" */
	char *text;			/* tracefs .../format, as read */
};

struct request {
	char *text;		/* BPF C */
	char *file;		/* the user's file, for diagnostics and lines */
	uint32_t line;		/* line of `file` on which text begins, from 1 */
	char **defines;		/* "NAME=VALUE" or "NAME" */
	size_t n_defines;
	/* defines whose value is put in before loading, see object_param: "NAME", or
	 * "NAME?" if they may be absent; not among `defines` */
	char **params;
	size_t n_params;
	char **cflags;		/* further clang flags, verbatim */
	size_t n_cflags;
	char **includes;	/* directories for #include, absolute */
	size_t n_includes;

	/* facts of the target kernel */
	char *release;		/* uname -r */
	char *machine;		/* uname -m */
	uint32_t version_code;	/* LINUX_VERSION_CODE */
	int ringbuf;		/* EVENTS() becomes a ring buffer, not a perf buffer */
	int zero_stack;		/* its verifier refuses bytes that were not written */

	/* where kernel types come from: "" for both means the stub tree */
	char *headers;		/* build tree: has include/generated/autoconf.h */
	char *headers_source;	/* source tree if split from it, else "" */
	char *headers_id;	/* what identifies the tree's content, or the BTF's */
	/* C text that stands in for a tree, made from the target's BTF; else "".
	 * It follows from text, args and headers_id, so that keys leave it out */
	char *types;

	struct request_format *formats;
	size_t n_formats;
	/* each ARG(FUNCTION, NAME) of the text, resolved for the target:
	 * "FUNCTION NAME POSITION TYPE", the position from 1 */
	char **args;
	size_t n_args;
	/* programs for USDT probes: "FUNCTION usdt:PATH:PROVIDER:NAME(ARGUMENTS)", see
	 * usdt_spec.h; each calls the function with the values of its arguments */
	char **usdt;
	size_t n_usdt;
};

void request_init(struct request *req);		/* strings empty, line 1 */
void request_release(struct request *req);
void request_add_define(struct request *req, const char *name, const char *value);
void request_add_param(struct request *req, const char *name, bool optional);
void request_add_arg(struct request *req, const char *function, const char *name,
	unsigned position, const char *type);
void request_add_format(struct request *req, const char *category, const char *event,
	const char *text);

void request_add_usdt(struct request *req, const char *function, const char *spec);
/* the name of a program for req->usdt[i]: FUNCTION__1, FUNCTION__2...; caller owns */
char *request_usdt_program(const struct request *req, size_t i);
/* its "usdt:..."; lent */
const char *request_usdt_probe(const struct request *req, size_t i);

void request_write(const struct request *req, struct buf *out);
/* reads one request from the start of data; *ret_used: its bytes. E-REQUEST */
int request_read(struct request *req, const void *data, size_t size, size_t *ret_used,
	struct error *err);

/* what a text asks of the target, by a scan of its C tokens (no preprocessing) */
struct request_needs {
	struct { char *category, *event; } *tracepoints;	/* without doubles */
	size_t n_tracepoints;
	int events;		/* uses EVENTS() */
	int kernel_types;	/* includes kernel headers that the stub tree has not */
	int kernel_members;	/* seems to look into structs that neither text nor stub define */
	char **configs;		/* CONFIG_NAMEs that it mentions, without doubles */
	size_t n_configs;
	/* arguments of kernel functions: ARG(function, name), and the positional
	 * parameters of int kprobe__FUNCTION(struct pt_regs *ctx, ...) */
	struct request_argument {
		char *function;
		char *name;		/* of ARG; NULL: positional */
		char **types;		/* positional: the declared types */
		size_t n_types;
		uint32_t line;		/* of the text, from 1 */
	} *arguments;
	size_t n_arguments;
};
void request_scan(const char *text, struct request_needs *ret);
void request_needs_release(struct request_needs *needs);
/*
 * The tokens at t name a tracepoint: TRACEPOINT_PROBE(irq, softirq_entry) or
 * struct tracepoint__irq__softirq_entry. Caller owns the two strings.
 */
bool request_tracepoint(const struct ctoken *t, char **ret_category, char **ret_event);
/* an #include of this name needs the kernel's headers: the stub tree has it not */
bool request_kernel_header(const char *name);
/* does the stub tree's linux/kconfig.h decide on it */
bool request_stub_config(const char *name);
/* the names of all headers that a text may include without the kernel's */
const char *const *request_stub_headers(size_t *ret_n);

#endif
