/* SPDX-License-Identifier: Apache-2.0 */
/* Finding libdw: in a static executable it is a part of it, or is not there. */
#include "dw.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"

#if !defined(HAVE_LIBDW)

const struct dw *dw_library(struct error *err)
{
	error_set(err, "E-DEBUGINFO", "this moontrace was built without libdw, "
		"which reads debug information");
	return NULL;
}

#elif defined(STATIC_LIBDW)

#define DW_ADDRESS(fn) .fn = fn,

const struct dw *dw_library(struct error *err)
{
	static const struct dw dw = { DW_FUNCTIONS(DW_ADDRESS) };

	return &dw;
}

#else

/* weak, so that no -ldl is needed */
#pragma weak dlerror
#pragma weak dlopen
#pragma weak dlsym

#define DW_NAME(fn) { #fn, offsetof(struct dw, fn) },

/* NULL, or what is missing */
static const char *fill(struct dw *dw, void *lib)
{
	static const struct { const char *name; size_t at; } functions[] = {
		DW_FUNCTIONS(DW_NAME)
	};
	size_t i;
	void *fn;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		fn = dlsym(lib, functions[i].name);
		if (!fn)
			return functions[i].name;
		memcpy((char *)dw + functions[i].at, &fn, sizeof(fn));
	}
	return NULL;
}

const struct dw *dw_library(struct error *err)
{
	static struct dw dw;
	static bool filled;
	const char *missing;
	void *lib;

	if (filled)
		return &dw;
	lib = dlopen && dlsym && dlerror ? dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL) : NULL;
	missing = lib ? fill(&dw, lib) : NULL;
	filled = lib && !missing;
	if (filled)
		return &dw;
	if (missing)
		error_set(err, "E-DEBUGINFO", "libdw.so.1, which reads debug information, "
			"has no %s: it is too old", missing);
	else
		error_set(err, "E-DEBUGINFO", "cannot load what reads debug information: %s",
			dlerror ? dlerror() : "there is no dynamic linker");
	error_hint(err, "libdw.so.1 is in the package libdw1 of Debian, elfutils-libs of Red Hat");
	return NULL;
}

#endif
