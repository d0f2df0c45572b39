/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C++ names are the business of the C++ runtime.  It is used if it is in
 * the process, else looked for as a shared library; a static executable
 * has neither, and C++ names stay as they are there.
 *
 * A name may say a part of itself again by its number, and such a part may,
 * too: 200 bytes can stand for gigabytes, and the runtime has no limit.  Names
 * that could become long are its business in a process of limited memory and
 * time, which is started for the first of them.
 */
#include "demangle_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/detach.h"
#include "base/mem.h"

extern char *__cxa_demangle(const char *name, char *buf, size_t *size, int *status)
	__attribute__((weak));
/* weak, so that no -ldl is needed */
#pragma weak dlopen
#pragma weak dlsym

typedef char *(*cxx_demangle_fn)(const char *name, char *buf, size_t *size, int *status);

enum {
	NAME_MAX_BYTES = 16 << 10,	/* its parser recurses */
	TEXT_MAX_BYTES = 256 << 10,
	DIRECT_BITS = 20,		/* up to 1 MiB is made here */
	WORKER_MEMORY = 64 << 20,
	WORKER_SECONDS = 1,
	WORKER_LIVES = 4,		/* each takes a second: then such names stay */
};

static cxx_demangle_fn find_cxx(void)
{
	void *lib;

	if (__cxa_demangle)
		return __cxa_demangle;
	/* no AT_BASE: no dynamic linker. A static C library can load a shared
	 * one, but only together with a second C library */
	if (!dlopen || !dlsym || !getauxval(AT_BASE))
		return NULL;
	lib = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
	return lib ? (cxx_demangle_fn)dlsym(lib, "__cxa_demangle") : NULL;
}

/* "S_", "S1A_", "T0_": is p at the number of a part? */
static bool is_reference(const char *p)
{
	p += 1 + strspn(p + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return *p == '_';
}

static unsigned bits_of(size_t n)
{
	unsigned bits = 0;

	while (n >> bits)
		bits++;
	return bits;
}

/*
 * The text has less than 2^n bytes for this n, or a few times as many: each
 * reference may double it, and a pack expansion multiply it by the length of a
 * pack.  Letters of identifiers are taken for such, too.
 */
static unsigned text_bits(const char *name, size_t len)
{
	unsigned bits = bits_of(len), all = bits;
	const char *p;

	for (p = name; *p; p++) {
		if ((*p == 'S' || *p == 'T') && is_reference(p))
			all++;
		if ((*p == 'D' || *p == 's') && p[1] == 'p')
			all += bits;
	}
	return all;
}

/* ---- the process ---- */

enum direction { SEND, RECEIVE };

/* all of it; false: the other side is gone */
static bool transfer(int fd, enum direction to, void *data, size_t size)
{
	char *p = data;
	ssize_t n;

	while (size) {
		n = to == SEND ? send(fd, p, size, MSG_NOSIGNAL) : recv(fd, p, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= n;
	}
	return true;
}

/* each way: the number of bytes, and the bytes; 0 is no answer */
static bool send_text(int fd, const char *s, uint32_t len)
{
	return transfer(fd, SEND, &len, sizeof(len)) && transfer(fd, SEND, (char *)s, len);
}

static char *receive_text(int fd, uint32_t max, bool *ret_alive)
{
	uint32_t len;
	char *s = NULL;

	*ret_alive = transfer(fd, RECEIVE, &len, sizeof(len)) && len <= max;
	if (!*ret_alive || !len)
		return NULL;
	s = mem_alloc(len + 1);
	*ret_alive = transfer(fd, RECEIVE, s, len);
	if (*ret_alive)
		return s;
	free(s);
	return NULL;
}

/* all signals are blocked here; no answer in time is the end */
static void limit_worker(void)
{
	unsigned long pages = 0;
	struct rlimit memory;
	sigset_t set;
	FILE *f = fopen("/proc/self/statm", "re");

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (!f || fscanf(f, "%lu", &pages) != 1)
		_exit(1);
	fclose(f);
	memory.rlim_cur = memory.rlim_max = pages * sysconf(_SC_PAGESIZE) + WORKER_MEMORY;
#ifndef __SANITIZE_ADDRESS__
	setrlimit(RLIMIT_AS, &memory);
#endif
}

static void work(void *arg, int parent)
{
	cxx_demangle_fn fn = *(cxx_demangle_fn *)arg;
	bool alive = true;
	int status;

	limit_worker();
	while (alive) {
		char *name = receive_text(parent, NAME_MAX_BYTES, &alive), *s;
		size_t len;

		alarm(WORKER_SECONDS);
		s = name ? fn(name, NULL, NULL, &status) : NULL;
		len = s ? strlen(s) : 0;
		alarm(0);
		alive = alive && send_text(parent, s, len <= TEXT_MAX_BYTES ? len : 0);
		free(s);
		free(name);
	}
}

static char *ask_worker(cxx_demangle_fn fn, const char *name, size_t len)
{
	static int fd = -1;
	static unsigned lives = WORKER_LIVES;
	struct timeval limit = { 2 * WORKER_SECONDS, 0 };
	bool alive;
	char *s;

	if (fd < 0 && lives) {
		lives--;
		fd = detach_start("mt-demangle", NULL, 0, work, &fn);
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	}
	if (fd < 0)
		return NULL;
	alive = send_text(fd, name, len);
	s = alive ? receive_text(fd, TEXT_MAX_BYTES, &alive) : NULL;
	if (!alive) {
		close(fd);
		fd = -1;
	}
	return s;
}

char *demangle_cxx(const char *name)
{
	static cxx_demangle_fn fn;
	static bool looked;
	size_t len = strlen(name);
	int status = 0;

	if (!looked) {
		looked = true;
		fn = find_cxx();
	}
	if (!fn || len > NAME_MAX_BYTES)
		return NULL;
	if (text_bits(name, len) <= DIRECT_BITS)
		return fn(name, NULL, NULL, &status);
	return ask_worker(fn, name, len);
}
