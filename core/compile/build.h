/* SPDX-License-Identifier: Apache-2.0 */
/* One run of libbcc: from a prepared request to a program object. */
#ifndef BUILD_H
#define BUILD_H

#include "base/buf.h"
#include "base/error.h"
#include "compile/prepare.h"
#include "compile/tree.h"
#include "object/request.h"

enum build_result {
	BUILD_OK,
	BUILD_WRONG,		/* the text is wrong; said on descriptor 2 */
	BUILD_FAILED,		/* err says what */
};

/*
 * Compiles in this process, which is not the same afterwards: its directory,
 * environment and libbcc's state are used up.  Diagnostics go to descriptors
 * 1 and 2, which are a file that is truncated before a second attempt.  dir
 * is the private directory for temporary files.  *object gets the ELF bytes.
 */
enum build_result build(const struct request *req, const struct tree_list *trees,
	const char *dir, struct buf *object, struct error *err);

/* the stub header tree's place in the private directory */
#define BUILD_STUB "stub"

#endif
