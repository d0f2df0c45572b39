/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel that texts are compiled for: the running one, or one that is
 * not at hand and is described by a header pack, a profile, or both.
 *
 * All facts that enter a compile request are asked for here, so that
 * compiling for another kernel is the same code with another target.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "kernel/feature.h"
#include "kernel/headers.h"
#include "kernel/profile.h"

struct target_options {
	struct headers_options headers;
	/* another kernel than the running one: its profile, or NULL */
	const struct profile *profile;
	/* the headers that were told, which are of another kernel, say which */
	bool by_headers;
	/* functions of the running kernel: the name under which it has the
	 * function, or NULL and near names as a hint that the caller owns */
	const char *(*function)(void *arg, const char *name, char **ret_near);
	void *arg;
};

struct target;

/* strings of the options are borrowed. E-HEADERS as from kernel_headers_find */
struct target *target_new(const struct target_options *opts, struct error *err);
void target_free(struct target *t);	/* NULL is fine */

bool target_is_running(const struct target *t);
const char *target_name(const struct target *t);	/* "el7", or the release */
const char *target_release(const struct target *t);
const char *target_machine(const struct target *t);
uint32_t target_version_code(const struct target *t);
const struct kernel_headers *target_headers(const struct target *t);
/* are the headers those of the target itself, or the best that there is? */
bool target_headers_match(const struct target *t);
/* raw BTF of the target, a path; NULL if there is none */
const char *target_btf(const struct target *t);

/* are the formats of tracepoints the target's, not the running kernel's? */
bool target_has_formats(const struct target *t);
/*
 * Is the tracepoint there?  NO: err is E-PROBE with near names; UNKNOWN: err
 * says why, among others where the running kernel lacks one, and the
 * target's are not known.  What the running kernel has counts as there.
 */
enum answer target_tracepoint(struct target *t, const char *category, const char *event,
	struct error *err);
/* format of a tracepoint. Without the target's own it is the running kernel's */
int target_format(struct target *t, const char *category, const char *event, struct buf *out,
	struct error *err);
/* NO: *ret_near has near names or NULL, the caller owns it. UNKNOWN: no list of its functions */
enum answer target_function(struct target *t, const char *name, const char **ret_name,
	char **ret_near);
/*
 * A line for each function, or "category:event" of each tracepoint, in no
 * order, of a target that is not the running kernel.  E-HEADERS: they are
 * not known.
 */
int target_functions(struct target *t, struct buf *out, struct error *err);
int target_tracepoints(struct target *t, struct buf *out, struct error *err);
/*
 * The profile for a kernel that is known by its release.  *ret_note is set
 * to what to say of the choice, or NULL if it is just that kernel; the
 * caller owns it.  E-ARGS: none fits, it is older than all.
 */
const struct profile *target_profile_for(const char *release, char **ret_note, struct error *err);
enum answer target_feature(const struct target *t, enum feature f, const char **ret_reason);

#endif
