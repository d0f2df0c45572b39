/* SPDX-License-Identifier: Apache-2.0 */
/* core/cache: the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "fds.h"

static char top[64];		/* the tests run in here */
static struct cache *cache;
static struct error err;
static struct buf warnings;

static int enter_dir(void **state)
{
	strcpy(top, "/tmp/test_cache.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int leave_dir(void **state)
{
	char *command = mem_format("rm -rf '%s'", top);
	int ret = chdir("/") || system(command);

	free(command);
	return ret;
}

static int setup(void **state)
{
	buf_init(&warnings);
	if (fds_setup(state))
		return -1;
	cache = cache_open("store", &err);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	cache_free(cache);
	error_clear(&err);
	buf_release(&warnings);
	return system("rm -rf store") || fds_teardown(state);
}

static const char *key_of(int i)
{
	static char key[DIGEST_HEX];

	digest_hex(&i, sizeof(i), key);
	return key;
}

static const char *path_of(int i)
{
	static char path[128];

	snprintf(path, sizeof(path), "store/%s.o", key_of(i));
	return path;
}

/* a program of some size that tells its number */
static struct object *make_object(int i)
{
	struct object *obj = object_new();
	struct object_program *prog = object_add_program(obj, "answer");
	char number[16];

	free(obj->license);
	obj->license = mem_string("GPL");
	prog->n_insns = 2;
	prog->insns = mem_array(2, sizeof(prog->insns[0]));
	prog->insns[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
	prog->insns[0].imm = i;
	prog->insns[1].code = BPF_JMP | BPF_EXIT;
	snprintf(number, sizeof(number), "%d", i);
	object_add_fact(obj, "number", number);
	return obj;
}

static int try_put(int i)
{
	struct object *obj = make_object(i);
	int ret = cache_put(cache, key_of(i), obj, &err);

	object_free(obj);
	return ret;
}

static void put(int i)
{
	if (try_put(i))
		fail_msg("%s", err.text);
}

/* 1 or 0; a hit must be the right object */
static int get(int i)
{
	struct object *obj = NULL;
	int ret = cache_get(cache, key_of(i), &obj, &warnings);

	assert_int_equal(ret, obj != NULL);
	if (obj) {
		assert_int_equal(atoi(object_fact(obj, "number")), i);
		assert_string_equal(object_fact(obj, CACHE_FACT), key_of(i));
		assert_int_equal(obj->programs[0].insns[0].imm, i);
	}
	object_free(obj);
	return ret;
}

static void set_used(int i, time_t when)
{
	struct timespec times[2] = { { when, 0 }, { when, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(i), times, 0), 0);
}

static size_t count(void)
{
	struct cache_entry *list;
	size_t n;

	assert_int_equal(cache_list(cache, &list, &n, &err), 0);
	free(list);
	return n;
}

static uint64_t size_of(int i)
{
	struct stat st;

	assert_int_equal(stat(path_of(i), &st), 0);
	return st.st_size;
}

static void test_put_get(void **state)
{
	struct object *obj, *again = NULL;
	struct stat st;

	assert_string_equal(cache_dir(cache), "store");
	assert_int_equal(get(1), 0);
	put(1);
	put(2);
	assert_int_equal(get(1), 1);
	assert_int_equal(get(2), 1);
	assert_int_equal(get(3), 0);
	assert_int_equal(warnings.len, 0);
	assert_int_equal(stat(path_of(1), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* what came from the cache may be put again, but under its own key */
	assert_int_equal(cache_get(cache, key_of(1), &again, &warnings), 1);
	assert_int_equal(cache_put(cache, key_of(1), again, &err), 0);
	assert_int_equal(cache_put(cache, key_of(9), again, &err), -1);
	assert_non_null(strstr(err.text, "store in cache 'store': the object is that of key"));
	object_free(again);
	assert_int_equal(get(1), 1);
	/* no other names than keys */
	obj = make_object(1);
	assert_int_equal(cache_put(cache, "../../etc/passwd", obj, &err), -1);
	assert_string_equal(err.tag, "E-CACHE");
	object_free(obj);
	assert_int_equal(cache_get(cache, "../store", &again, &warnings), 0);
	assert_int_equal(count(), 2);
}

static void damage(const char *what, int i)
{
	const char *path = path_of(i);
	char *command;

	put(i);
	command = mem_format(what, path, path);
	assert_int_equal(system(command), 0);
	free(command);
	buf_clear(&warnings);
	assert_int_equal(get(i), 0);
	if (!strstr(warnings.data, path) || !strstr(warnings.data, "is damaged and was removed: "))
		fail_msg("'%s': %s", what, warnings.data);
	assert_int_equal(access(path, F_OK), -1);
	/* once told, it is a plain miss; and can be stored again */
	buf_clear(&warnings);
	assert_int_equal(get(i), 0);
	assert_int_equal(warnings.len, 0);
	put(i);
	assert_int_equal(get(i), 1);
}

static void test_damage(void **state)
{
	damage(": >%s", 1);
	damage("truncate -s -1 %s", 1);
	damage("truncate -s +1 %s", 1);
	damage("head -c 300 /dev/urandom >%s", 1);
	damage("printf X | dd of=%s bs=1 seek=80 conv=notrunc status=none", 1);
	damage("chmod 666 %s", 1);
	damage("rm %s; mkfifo %s", 1);
	damage("rm %s; ln -s /etc/passwd %s", 1);
	if (geteuid() == 0)
		damage("chown 65534 %s", 1);
	/* an object in the place of another */
	put(2);
	damage("cp store/$(ls store | grep -v $(basename %s)) %s", 1);
	assert_int_equal(get(2), 1);
}

static void test_unreadable(void **state)
{
	/* neither damaged nor ours to remove */
	put(1);
	assert_int_equal(unlink(path_of(1)), 0);
	assert_int_equal(mkdir(path_of(1), 0700), 0);
	assert_int_equal(get(1), 0);
	assert_non_null(strstr(warnings.data, "is damaged and cannot be removed: "));
	rmdir(path_of(1));
}

static void test_list_clear(void **state)
{
	struct cache_entry *list;
	size_t i, n;

	assert_int_equal(count(), 0);
	for (i = 0; i < 5; i++) {
		put(i);
		set_used(i, 1000 + (i * 2) % 5);	/* 0 3 1 4 2 in time */
	}
	assert_int_equal(system("touch store/other store/x.o"), 0);
	assert_int_equal(cache_list(cache, &list, &n, &err), 0);
	assert_int_equal(n, 5);
	for (i = 0; i < n; i++) {
		static const int order[] = { 2, 4, 1, 3, 0 };

		assert_string_equal(list[i].key, key_of(order[i]));
		assert_int_equal(list[i].size, size_of(order[i]));
		assert_int_equal(list[i].used.tv_sec, 1004 - i);
	}
	free(list);
	assert_int_equal(cache_clear(cache, &n, &err), 0);
	assert_int_equal(n, 5);
	assert_int_equal(count(), 0);
	assert_int_equal(access("store/other", F_OK), 0);
	assert_int_equal(cache_clear(cache, &n, &err), 0);
	assert_int_equal(n, 0);
}

static void test_eviction(void **state)
{
	uint64_t one;
	int i;

	put(0);
	one = size_of(0);
	cache_set_limit(cache, 4 * one + one / 2);
	for (i = 0; i < 4; i++) {
		put(i);
		set_used(i, 1000 + i);
	}
	assert_int_equal(count(), 4);
	assert_int_equal(get(0), 1);		/* is the newest now */
	put(4);
	assert_int_equal(count(), 4);
	assert_int_equal(get(1), 0);
	assert_int_equal(get(0) + get(2) + get(3) + get(4), 4);
	put(4);					/* replaces itself, nobody else */
	assert_int_equal(count(), 4);
	cache_set_limit(cache, one + one / 2);
	put(5);
	assert_int_equal(count(), 1);
	assert_int_equal(get(5), 1);
	cache_set_limit(cache, one / 2);
	assert_int_equal(try_put(6), -1);
	assert_string_equal(err.tag, "E-CACHE");
	assert_non_null(strstr(err.text, "more than a cache of "));
	assert_int_equal(get(5), 1);
	assert_int_equal(warnings.len, 0);
}

/* drafts of dead processes go, those of living ones stay */
static void test_drafts(void **state)
{
	static const char *const names[] = { "store/.moontrace-a.tmp", "store/.moontrace-b.tmp" };
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(file_write_atomic(AT_FDCWD, names[i], "x", 1, 0600, &err), 0);
	assert_int_equal(utimensat(AT_FDCWD, names[0], old, 0), 0);
	put(1);
	assert_int_equal(access(names[0], F_OK), -1);
	assert_int_equal(access(names[1], F_OK), 0);
}

static void expect_no_cache(const char *dir, const char *text)
{
	assert_null(cache_open(dir, &err));
	assert_string_equal(err.tag, "E-CACHE");
	if (!strstr(err.text, text))
		fail_msg("'%s' is not in '%s'", text, err.text);
}

static void test_directory(void **state)
{
	struct cache *c;
	struct stat st;

	c = cache_open("new/deep/", &err);
	assert_non_null(c);
	assert_string_equal(cache_dir(c), "new/deep");
	assert_int_equal(stat("new/deep", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	cache_free(c);
	chmod("new/deep", 0755);
	c = cache_open("new/deep", &err);
	assert_non_null(c);
	cache_free(c);
	chmod("new/deep", 0770);
	expect_no_cache("new/deep", "cache 'new/deep' can be written by others (mode 0770)");
	chmod("new/deep", 0702);
	expect_no_cache("new/deep", "can be written by others (mode 0702)");
	chmod("new/deep", 0700);
	assert_int_equal(symlink("deep", "new/link"), 0);
	expect_no_cache("new/link", "open cache 'new/link': ");
	expect_no_cache("new/link/", "open cache 'new/link': ");
	expect_no_cache("/etc/passwd", "Not a directory");
	expect_no_cache("/proc/none", "make directory '/proc/none': ");
	if (geteuid() == 0) {
		assert_int_equal(chown("new/deep", 65534, 65534), 0);
		expect_no_cache("new/deep", "cache 'new/deep' belongs to user 65534");
	} else {
		expect_no_cache("/etc", "cache '/etc' belongs to user 0");
	}
	cache_free(NULL);
}

/* exit status of a child that opens the default directory, as nobody */
static int open_default(const char *xdg, const char *home, const char *want)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct cache *c;
		int ret;

		if (geteuid() == 0 && setuid(65534))
			_exit(9);
		unsetenv("XDG_CACHE_HOME");
		unsetenv("HOME");
		if (xdg)
			setenv("XDG_CACHE_HOME", xdg, 1);
		if (home)
			setenv("HOME", home, 1);
		c = cache_open(NULL, &err);
		ret = strcmp(c ? cache_dir(c) : err.text, want) != 0;
		cache_free(c);
		_exit(ret);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_default(void **state)
{
	char *home = mem_format("%s/home", top), *xdg = mem_format("%s/xdg", home);
	char *in_home = mem_format("%s/.cache/moontrace", home);
	char *in_xdg = mem_format("%s/moontrace", xdg);

	chmod(top, 0711);
	assert_int_equal(mkdir(home, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(home, 65534, 65534), 0);
	assert_int_equal(open_default(NULL, home, in_home), 0);
	assert_int_equal(open_default(xdg, home, in_xdg), 0);
	assert_int_equal(open_default("relative", home, in_home), 0);
	assert_int_equal(open_default(NULL, NULL, "no place for a cache: HOME is not set"), 0);
	assert_int_equal(access(in_xdg, F_OK), 0);
	free(home);
	free(xdg);
	free(in_home);
	free(in_xdg);
}

/* processes that store, read and clear the same few keys at once */
static void hammer(int seed)
{
	size_t n;
	int i;

	cache_set_limit(cache, 8000);
	for (i = 0; i < 150; i++) {
		if (try_put((i + seed) % 5))
			_exit(3);
		get((i * 3 + seed) % 5);
		if (i % 40 == 39 && cache_clear(cache, &n, &err))
			_exit(4);
	}
	_exit(warnings.len ? 5 : 0);
}

static void test_processes(void **state)
{
	int i, status;

	for (i = 0; i < 6; i++) {
		if (fork() == 0)
			hammer(i);
	}
	for (i = 0; i < 6; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	put(1);
	assert_int_equal(get(1), 1);
	/* nothing but entries is left */
	assert_int_equal(
		system("test -z \"$(ls -A store | grep -v '^[0-9a-f]\\{64\\}\\.o$')\""), 0);
}

static void test_disk_full(void **state)
{
	int i;

	if (mount("none", "store", "tmpfs", 0, "size=32k,mode=700") != 0) {
		fprintf(stderr, "skip: cannot mount a tmpfs: %s\n", strerror(errno));
		skip();
	}
	cache_free(cache);
	cache = cache_open("store", &err);
	assert_non_null(cache);
	for (i = 0; i < 100 && try_put(i) == 0; i++)
		;
	assert_true(i > 0 && i < 100);
	assert_string_equal(err.tag, "E-CACHE");
	assert_int_equal(err.sys, ENOSPC);
	assert_non_null(strstr(err.text, "No space left on device"));
	assert_int_equal(count(), i);
	assert_int_equal(get(0), 1);
	assert_int_equal(warnings.len, 0);
	cache_free(cache);
	cache = NULL;
	assert_int_equal(umount("store"), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_put_get), T(test_damage), T(test_unreadable), T(test_list_clear),
		T(test_eviction), T(test_drafts), T(test_directory), T(test_default),
		T(test_processes), T(test_disk_full),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
