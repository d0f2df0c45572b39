/* SPDX-License-Identifier: Apache-2.0 */
/* For cmocka: calls that report by `err`, which is the test program's. */
#ifndef EXPECT_H
#define EXPECT_H

#include "base/error.h"

static struct error err;

/* fails the test with the error's text */
#define OK(call) do { \
	if (call) \
		fail_msg("%s: %s", #call, err.text ? err.text : "?"); \
} while (0)
#define REFUSED(call, want) do { \
	assert_true(call); \
	assert_non_null(err.tag); \
	assert_string_equal(err.tag, want); \
} while (0)

#endif
