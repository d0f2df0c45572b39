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
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "cache/compiler.h"
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

/* valid until the next call */
static const char *mem_name(const char *format, const char *path)
{
	static char name[256];

	snprintf(name, sizeof(name), format, path);
	return name;
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
	damage("truncate -s 200M %s", 1);
	damage("rm %s; mkfifo %s", 1);
	damage("rm %s; mkdir %s", 1);
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
	assert_int_equal(mkdir(mem_name("%s/x", path_of(1)), 0700), 0);
	assert_int_equal(get(1), 0);
	assert_non_null(strstr(warnings.data, "is damaged and cannot be removed: "));
	assert_int_equal(rmdir(mem_name("%s/x", path_of(1))), 0);
	rmdir(path_of(1));
}

/* a file of mode 0, for who is not root: neither read nor removed, but replaced */
static void test_no_permission(void **state)
{
	int status;
	pid_t pid;

	put(1);
	assert_int_equal(chmod(path_of(1), 0), 0);
	if (geteuid() == 0)
		assert_int_equal(system("chmod 711 . && chown -R 65534 store"), 0);
	pid = fork();
	if (pid == 0) {
		cache_free(cache);
		cache = NULL;
		if (geteuid() != 0 || setuid(65534) == 0)
			cache = cache_open("store", &err);
		if (!cache || get(1) || !strstr(warnings.data, "open cache entry 'store/") ||
			!strstr(warnings.data, ": Permission denied"))
			_exit(3);
		buf_clear(&warnings);
		_exit(try_put(1) || !get(1) || warnings.len ? 4 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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

/* a directory on the way that another could change, and links on it */
static void test_way(void **state)
{
	struct cache *c;

	if (geteuid() != 0)
		skip();
	assert_int_equal(system("mkdir -p way/open way/sticky way/theirs way/group && "
		"chmod 777 way/open && chmod 1777 way/sticky && chown 65534 way/theirs && "
		"chown 0:100 way/group && chmod 775 way/group && "
		"ln -s ../../new way/sticky/ours && ln -s ../../new way/sticky/other && "
		"chown -h 65534 way/sticky/other && ln -s loop way/loop"), 0);
	expect_no_cache("way/open/a/b", "'./way/open' on the way to it can be written by others "
		"(mode 0777)");
	expect_no_cache("way/group/a", "'./way/group' on the way to it can be written by others");
	expect_no_cache("way/theirs/a", "'./way/theirs' on the way to it belongs to user 65534");
	expect_no_cache("way/sticky/other/a", "the link './way/sticky/other' on the way to it "
		"belongs to user 65534");
	expect_no_cache("way/sticky/../open/a", "can be written by others");
	expect_no_cache("way/loop/a", "Too many levels of symbolic links");
	expect_no_cache("../../etc/passwd/a", "Not a directory");
	assert_int_equal(access("way/open/a", F_OK), -1);
	assert_int_equal(access("way/theirs/a", F_OK), -1);
	c = cache_open("way/sticky/ours/linked", &err);
	assert_non_null(c);
	cache_free(c);
	assert_int_equal(access("new/linked", F_OK), 0);
	/* who called sudo could have run anything */
	setenv("SUDO_UID", "65534", 1);
	c = cache_open("way/theirs/a", &err);
	unsetenv("SUDO_UID");
	assert_non_null(c);
	cache_free(c);
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

	cache_set_limit(cache, seed % 2 ? 8000 : 3000);	/* some have room for two or three */
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
	cache_set_limit(cache, CACHE_LIMIT);
	put(1);
	assert_int_equal(get(1), 1);
	/* nothing but entries is left */
	assert_int_equal(
		system("test -z \"$(ls -A store | grep -v '^[0-9a-f]\\{64\\}\\.o$')\""), 0);
}

static enum claim_result claim(struct claim *claimed, int i, int timeout_ms)
{
	return cache_claim(cache, claimed, key_of(i), CACHE_OBJECT, timeout_ms);
}

/* a child that holds the claim for 1; returns when it does */
static pid_t start_holder(bool puts)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct claim claimed = CLAIM_INIT;

		if (claim(&claimed, 1, 0) != CLAIM_MINE || write(fds[1], "x", 1) != 1)
			_exit(3);
		usleep(100 * 1000);
		if (puts && try_put(1))
			_exit(4);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void end_holder(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGKILL);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void test_claim(void **state)
{
	struct claim claimed = CLAIM_INIT;
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	pid_t pid;

	/* nobody else */
	assert_int_equal(claim(&claimed, 1, 0), CLAIM_MINE);
	claim_end(&claimed);
	claim_end(&claimed);
	/* another; other keys are free; not before time is up; a signal */
	pid = start_holder(false);
	assert_int_equal(claim(&claimed, 2, 0), CLAIM_MINE);
	claim_end(&claimed);
	assert_int_equal(claim(&claimed, 1, 250), CLAIM_NONE);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	/* again and again: the first may come before it waits */
	ualarm(50 * 1000, 50 * 1000);
	assert_int_equal(claim(&claimed, 1, 10000), CLAIM_INTERRUPTED);
	ualarm(0, 0);
	/* a killed one blocks nobody */
	end_holder(pid);
	assert_int_equal(claim(&claimed, 1, 0), CLAIM_MINE);
	claim_end(&claimed);
	/* the entry comes before the end of the claim; also in the place of another one */
	pid = start_holder(true);
	assert_int_equal(claim(&claimed, 1, 10000), CLAIM_CHANGED);
	assert_int_equal(get(1), 1);
	end_holder(pid);
	pid = start_holder(true);
	assert_int_equal(claim(&claimed, 1, 10000), CLAIM_CHANGED);
	end_holder(pid);
	assert_int_equal(claimed.fd, -1);
	assert_int_equal(warnings.len, 0);
}

/* whatever lies there in its place: no claims, and nothing else is wrong */
static void test_claim_place(void **state)
{
	static const char *const places[] = { "mkdir store/lock", "ln -s /etc/passwd store/lock" };
	struct claim claimed = CLAIM_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(system(places[i]), 0);
		assert_int_equal(claim(&claimed, 1, 1000), CLAIM_NONE);
		assert_int_equal(system("rm -r store/lock"), 0);
	}
	assert_int_equal(system("mkfifo store/lock"), 0);
	assert_int_not_equal(claim(&claimed, 1, 1000), CLAIM_INTERRUPTED);
	claim_end(&claimed);
	assert_int_equal(cache_claim(cache, &claimed, "../x", CACHE_OBJECT, 0), CLAIM_NONE);
}

/* ---- what a compiler is ---- */

static void script(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0755, &err), 0);
}

/* the identity of ./cc, and how often it was asked for it so far */
static int identify(char ret[DIGEST_HEX])
{
	struct stat st;

	if (compiler_identity(cache, "./cc", ret, &warnings, &err))
		fail_msg("%s", err.text);
	return stat("asked", &st) ? 0 : st.st_size;
}

static const char says[] = "#!/bin/sh\nprintf x >>asked\n"
	"echo one; echo two; echo three; echo lib 0a $PWD/lib; echo odd - $PWD/odd\n";

static void test_compiler(void **state)
{
	char first[DIGEST_HEX], again[DIGEST_HEX];

	unlink("asked");
	script("cc", says);
	script("lib", "library");
	script("odd", "library without a build id");
	assert_int_equal(identify(first), 1);
	assert_int_equal(identify(again), 1);	/* asked once */
	assert_string_equal(first, again);
	/* the same size and time of modification: it is another file */
	assert_int_equal(system("touch -r cc old && sed s/three/THREE/ cc >it && chmod 755 it && "
		"touch -r old it && mv it cc"), 0);
	assert_int_equal(identify(again), 2);
	assert_string_not_equal(first, again);
	assert_int_equal(system("sed s/THREE/three/ cc >it && cat it >cc && touch -r old cc"), 0);
	assert_int_equal(identify(again), 3);
	assert_string_equal(first, again);
	/* a library: asked again; it is the build id that counts, without one the file */
	assert_int_equal(system("cp -p lib it && mv it lib"), 0);
	assert_int_equal(identify(again), 4);
	assert_string_equal(first, again);
	assert_int_equal(system("cp -p odd it && mv it odd"), 0);
	assert_int_equal(identify(again), 5);
	assert_string_not_equal(first, again);
	assert_int_equal(warnings.len, 0);
}

static void test_compiler_silent(void **state)
{
	char first[DIGEST_HEX], again[DIGEST_HEX];

	/* one that does not answer is its file, and is asked each time */
	unlink("asked");
	script("cc", "#!/bin/sh\nprintf x >>asked; exit 1\n");
	assert_int_equal(identify(first), 1);
	assert_int_equal(identify(again), 2);
	assert_string_equal(first, again);
	script("cc", "#!/bin/sh\nprintf x >>asked; exit 2\n");
	assert_int_equal(identify(again), 3);
	assert_string_not_equal(first, again);
	unlink("cc");
	assert_int_equal(identify(again), 3);
	assert_int_equal(warnings.len, 0);
	assert_int_equal(system("test -z \"$(ls store | grep note)\""), 0);
}

static void test_compiler_note(void **state)
{
	static const char *const damages[] = {
		"printf x | dd of=$f bs=1 seek=30 conv=notrunc status=none", ": >$f",
		"truncate -s -3 $f", "echo more >>$f", "rm $f; mkfifo $f", "rm $f; mkdir $f",
		"printf '\\0' >>$f", "truncate -s 1G $f", "chmod 666 $f",
	};
	char first[DIGEST_HEX], again[DIGEST_HEX];
	int asked = 1;
	size_t i, n;

	unlink("asked");
	script("cc", says);
	assert_int_equal(identify(first), asked);
	for (i = 0; i < ARRAY_SIZE(damages); i++) {
		char *command = mem_format("f=$(echo store/*.note); %s", damages[i]);

		assert_int_equal(system(command), 0);
		free(command);
		assert_int_equal(identify(again), ++asked);
		assert_string_equal(first, again);
		if (!strstr(warnings.data, ".note' is damaged and was removed: "))
			fail_msg("'%s': %s", damages[i], warnings.data);
		buf_clear(&warnings);
		assert_int_equal(identify(again), asked);
		assert_int_equal(warnings.len, 0);
	}
	/* it is no entry, but goes with them */
	assert_int_equal(count(), 0);
	assert_int_equal(cache_clear(cache, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(identify(again), ++asked);
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
		T(test_put_get), T(test_damage), T(test_unreadable), T(test_no_permission),
		T(test_list_clear), T(test_eviction), T(test_drafts), T(test_directory),
		T(test_way), T(test_default), T(test_processes), T(test_claim),
		T(test_claim_place), T(test_compiler), T(test_compiler_silent),
		T(test_compiler_note), T(test_disk_full),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
