/* SPDX-License-Identifier: Apache-2.0 */
/* What moontrace info finds out, apart from how it is shown. */
#ifndef APP_INFO_H
#define APP_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "kernel/feature.h"
#include "kernel/headers.h"
#include "lua/host.h"

struct info_capability {
	const char *name, *purpose;
	bool held, needed;		/* needed on this kernel, for tracing at all */
};

struct info_setting {
	const char *name;		/* "kptr_restrict" */
	long value;
	bool known;			/* else there is no such setting, or it cannot be read */
	char *effect;			/* what it means for this user; NULL: nothing */
};

enum info_verdict { INFO_NO, INFO_YES, INFO_PARTLY, INFO_UNKNOWN };

struct info_script {
	const char *name;
	enum info_verdict verdict;
	char *why;			/* lines; "" for a plain yes */
};

struct info {
	char *distribution;		/* "" if it does not say */
	uint32_t version_code;
	unsigned online, possible;
	struct kernel_headers headers;
	char *headers_error;		/* of --headers, with its hint, or NULL */
	const char *btf;		/* or NULL */

	struct info_capability *capabilities;
	size_t n_capabilities;
	bool may_trace;
	char *privilege;		/* what is missing, or "" */
	char *lockdown;			/* "none", "integrity", "confidentiality"; "": not known */
	struct info_setting *settings;
	size_t n_settings;
	char *tracefs, *tracefs_error;	/* one of both is NULL */

	enum answer large;		/* programs may have a million instructions */
	int64_t memlock;		/* bytes; -1: unlimited */
	enum answer memlock_matters;
	long mlock_kb;			/* perf_event_mlock_kb; -1: not known */
	long max_stack;			/* frames */
	bool taints;			/* EL7: by the first bpf() */

	char *compiler, *compiler_version;
	char *compiler_error;		/* or NULL */
	char *cache, *cache_error;	/* one of both is NULL */
	struct info_script *scripts;
	size_t n_scripts;
};

void info_collect(const struct host_options *opts, struct info *ret);
void info_collect_scripts(const struct host_options *opts, struct info *info);
void info_release(struct info *info);

const char *info_answer_name(enum answer a);		/* "could not tell" */
const char *info_verdict_name(enum info_verdict v);
void info_text(const struct info *info, struct buf *out, unsigned width);
void info_json(const struct info *info, struct buf *out);

#endif
