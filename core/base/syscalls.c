/* SPDX-License-Identifier: Apache-2.0 */
#include "base/syscalls.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* in the order in which they are tried */
static const struct { const char *prefix; bool wrapper; } forms[] = {
	{ "__x64_sys_", true }, { "__arm64_sys_", true }, { "SyS_", false }, { "sys_", false },
};

/* system calls whose function has another name; an old one may be there, too */
static const struct { const char *syscall, *function; } renamed[] = {
	{ "stat", "newstat" }, { "lstat", "newlstat" }, { "fstat", "newfstat" },
	{ "uname", "newuname" }, { "umount2", "umount" }, { "sendfile", "sendfile64" },
};

static const char *function_of(const char *syscall)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(renamed); i++) {
		if (strcmp(renamed[i].syscall, syscall) == 0)
			return renamed[i].function;
	}
	return NULL;
}

const char *syscall_of_function(const char *function)
{
	static const char se[] = "__se_sys_";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		if (str_starts(function, forms[i].prefix))
			return function + strlen(forms[i].prefix);
	}
	return str_starts(function, se) ? function + strlen(se) : NULL;
}

char *syscall_function(const char *syscall, size_t index)
{
	const char *other = function_of(syscall);
	size_t n = ARRAY_SIZE(forms);

	if (index >= (other ? 2 * n : n))
		return NULL;
	return mem_format("%s%s", forms[index % n].prefix, other && index < n ? other : syscall);
}

bool syscall_is_wrapper(const char *function)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		if (str_starts(function, forms[i].prefix))
			return forms[i].wrapper;
	}
	return false;
}
