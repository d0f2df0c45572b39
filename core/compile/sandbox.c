/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/digest.h"
#include "base/mem.h"

/*
 * A user of this process's own, so that nobody else's process can touch its
 * files, which become the program that root loads: user "nobody" has many
 * processes.  The first range belongs to none: above what login, sssd and
 * containers hand out, below the users of containers' own files.  The second
 * is unused by systemd's rules, and there where a user namespace maps 16
 * bits; a namespace may map less.
 */
static const struct { uid_t first, n; } users[] = {
	{ 0x78000000, 1 << 26 },
	{ 60578, 600 },
	{ 65534, 1 },
};

/* from the 16 random bytes of each executed program, which are secret themselves */
static uint32_t random_number(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	char hex[DIGEST_HEX];
	pid_t pid = getpid();
	struct digest d;

	digest_init(&d);
	if (random)
		digest_update(&d, random, 16);
	digest_update(&d, &pid, sizeof(pid));
	digest_final_hex(&d, hex);
	hex[8] = '\0';
	return strtoul(hex, NULL, 16);
}

static int become_user(uid_t id)
{
	return setresgid(id, id, id) || setresuid(id, id, id) ? errno : 0;
}

static int become_nobody(struct error *err)
{
	uint32_t random = random_number();
	int sys = EPERM;
	size_t i;

	if (geteuid() != 0 && getuid() != 0)
		return 0;
	if (setgroups(0, NULL))
		return error_sys(err, "E-COMPILER", errno, "give up root's groups");
	for (i = 0; i < ARRAY_SIZE(users) && sys; i++)
		sys = become_user(users[i].first + random % users[i].n);
	if (sys)
		return error_sys(err, "E-COMPILER", sys, "become user %d", users[i - 1].first);
	/* neither traced nor looked into by a process of the same user */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return error_sys(err, "E-COMPILER", errno, "keep other processes out");
	return 0;
}

static int drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (syscall(SYS_capset, &header, none))
		return error_sys(err, "E-COMPILER", errno, "drop capabilities");
	/* EINVAL: before Linux 4.3 there were no ambient ones */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return error_sys(err, "E-COMPILER", errno, "drop ambient capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_sys(err, "E-COMPILER", errno, "set no_new_privs");
	return 0;
}

static int set_limits(struct error *err)
{
	static const struct { int resource; rlim_t value; } limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_CPU, 60 },
		{ RLIMIT_FSIZE, 256 << 20 },
#ifndef __SANITIZE_ADDRESS__
		{ RLIMIT_AS, (rlim_t)4 << 30 },
#endif
	};
	struct rlimit limit;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		if (getrlimit(limits[i].resource, &limit))
			return error_sys(err, "E-COMPILER", errno, "read a resource limit");
		if (limit.rlim_cur > limits[i].value)
			limit.rlim_cur = limits[i].value;
		if (limit.rlim_max > limits[i].value)
			limit.rlim_max = limits[i].value;
		if (setrlimit(limits[i].resource, &limit))
			return error_sys(err, "E-COMPILER", errno, "set a resource limit");
	}
	return 0;
}

int sandbox_enter(struct error *err)
{
	umask(077);
	if (become_nobody(err) || drop_capabilities(err))
		return -1;
	return set_limits(err);
}

int sandbox_follow_parent(int signal, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0))
		return error_sys(err, "E-COMPILER", errno, "follow the parent process");
	return 0;
}

char *sandbox_directory(struct error *err)
{
	const char *const places[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm" };
	int sys = ENOENT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		char *dir;

		if (!places[i] || places[i][0] != '/')
			continue;
		dir = mem_format("%s/moontrace-cc-XXXXXX", places[i]);
		if (mkdtemp(dir))
			return dir;
		sys = errno;
		free(dir);
	}
	error_sys(err, "E-FILE", sys, "no place for temporary files");
	return NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	remove(path);
	return 0;
}

void sandbox_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
