/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "fds.h"

static char dir[64];	/* the tests run in here */

static int enter_dir(void **state)
{
	strcpy(dir, "/tmp/test_file.XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_dir(void **state)
{
	char *command = mem_format("rm -rf '%s'", dir);
	int ret = chdir("/") || system(command);

	free(command);
	return ret;
}

/* files in `path`, dot files too */
static int count_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

static void put(const char *path, const void *data, size_t size, mode_t mode)
{
	struct error err = ERROR_INIT;

	assert_int_equal(file_write_atomic(AT_FDCWD, path, data, size, mode, &err), 0);
	assert_null(err.tag);
}

static void expect_error(struct error *err, const char *text)
{
	assert_non_null(err->tag);
	assert_string_equal(err->tag, "E-FILE");
	if (!strstr(err->text, text))
		fail_msg("'%s' is not in '%s'", text, err->text);
	error_clear(err);
}

static void test_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000, 3000000 };
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *data = mem_alloc(3000000);
	size_t i;

	for (i = 0; i < 3000000; i++)
		data[i] = i % 251;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		put("file", data, sizes[i], 0600);
		buf_clear(&b);
		buf_adds(&b, "in front");
		assert_int_equal(file_read("file", sizes[i], &b, &err), 0);
		assert_int_equal(b.len, 8 + sizes[i]);
		assert_memory_equal(b.data, "in front", 8);
		assert_memory_equal(b.data + 8, data, sizes[i]);
		assert_int_equal(b.data[b.len], 0);
		if (!sizes[i])
			continue;
		assert_int_equal(file_read("file", sizes[i] - 1, &b, &err), -1);
		expect_error(&err, "read 'file': it has more than ");
		assert_int_equal(b.len, 8 + sizes[i]);
	}
	buf_release(&b);
	free(data);
	unlink("file");
}

static void test_read_odd(void **state)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	assert_int_equal(file_read("/proc/self/status", SIZE_MAX, &b, &err), 0);
	assert_non_null(strstr(b.data, "\nPid:\t"));
	buf_clear(&b);
	assert_int_equal(file_read("/proc/kallsyms", 100 << 20, &b, &err), 0);
	assert_true(b.len > 65536);
	buf_clear(&b);
	assert_int_equal(file_read("/proc/kallsyms", 65536, &b, &err), -1);
	expect_error(&err, "more than 65536 bytes");
	assert_int_equal(file_read("missing", 10, &b, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	expect_error(&err, "open 'missing': No such file or directory");
	assert_int_equal(file_read("/", 10, &b, &err), -1);
	expect_error(&err, "read '/': Is a directory");
	assert_int_equal(b.len, 0);
	buf_release(&b);
}

static void on_alarm(int signo)
{
}

/* a FIFO's content is waited for, until a signal comes, even one that restarts calls */
static void test_read_fifo(void **state)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	/* again and again: the first may come before the wait */
	struct itimerval often = { .it_interval.tv_usec = 200000, .it_value.tv_sec = 1 };
	struct itimerval never = { .it_value.tv_sec = 0 };
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	int i, status;
	pid_t pid;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open("fifo", O_WRONLY);

		for (i = 0; i < 3; i++) {
			usleep(50000);
			if (write(fd, "part ", 5) != 5)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(file_read("fifo", 100, &b, &err), 0);
	assert_string_equal(b.data, "part part part ");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(file_read("fifo", 100, &b, &err), -1);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(err.sys, EINTR);
	expect_error(&err, "read 'fifo': Interrupted system call");
	assert_string_equal(b.data, "part part part ");
	buf_release(&b);
	unlink("fifo");
}

static void test_tracefs(void **state)
{
	static const char path[] = "/sys/kernel/tracing/events/sched/sched_switch/format";
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	if (access(path, R_OK) != 0) {
		fprintf(stderr, "skip: cannot read %s: %s\n", path, strerror(errno));
		skip();
	}
	assert_int_equal(file_read(path, 1 << 20, &b, &err), 0);
	assert_non_null(strstr(b.data, "name: sched_switch\n"));
	assert_non_null(strstr(b.data, "print fmt: "));
	buf_release(&b);
}

static void test_write(void **state)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	struct stat st;
	mode_t mask = umask(077);
	int fd;

	assert_int_equal(mkdir("sub", 0700), 0);
	put("sub/file", "one", 3, 0644);
	umask(mask);
	assert_int_equal(stat("sub/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	fd = open("sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_write_atomic(fd, "file", "twice", 5, 0400, &err), 0);
	close(fd);
	assert_int_equal(file_read("sub/file", 5, &b, &err), 0);
	assert_string_equal(b.data, "twice");
	assert_int_equal(stat("sub/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(count_files("sub"), 1);
	buf_release(&b);

	assert_int_equal(file_write_atomic(AT_FDCWD, "none/file", "x", 1, 0600, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	expect_error(&err, "open the directory of 'none/file'");
	/* fails in the last step: nothing may stay behind */
	assert_int_equal(mkdir("sub/busy", 0700), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, "sub/busy", "x", 1, 0600, &err), -1);
	expect_error(&err, "write 'sub/busy': Is a directory");
	assert_int_equal(count_files("sub"), 2);
	unlink("sub/file");
	rmdir("sub/busy");
	rmdir("sub");
}

static void test_size_limit(void **state)
{
	struct error err = ERROR_INIT;
	struct rlimit old, small = { 1000, RLIM_INFINITY };
	char data[4000] = { 0 };
	sigset_t pending;

	put("file", "old", 3, 0600);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, "file", data, sizeof(data), 0600, &err), -1);
	/* that we are still alive tells that SIGXFSZ was held back and eaten */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.sys, EFBIG);
	expect_error(&err, "write 'file': File too large");
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGXFSZ));
	assert_int_equal(count_files("."), 1);
	unlink("file");
}

static void test_disk_full(void **state)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *data = mem_alloc(1 << 20);

	assert_int_equal(mkdir("small", 0700), 0);
	if (mount("none", "small", "tmpfs", 0, "size=64k") != 0) {
		fprintf(stderr, "skip: cannot mount a tmpfs: %s\n", strerror(errno));
		rmdir("small");
		free(data);
		skip();
	}
	put("small/file", "old", 3, 0600);
	assert_int_equal(
		file_write_atomic(AT_FDCWD, "small/file", data, 1 << 20, 0600, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	expect_error(&err, "write 'small/file': No space left on device");
	assert_int_equal(count_files("small"), 1);
	assert_int_equal(file_read("small/file", 3, &b, &err), 0);
	assert_string_equal(b.data, "old");
	buf_release(&b);
	free(data);
	assert_int_equal(umount("small"), 0);
	rmdir("small");
}

/* a process that writes over and over and is told to end leaves a whole file */
static void test_signal(void **state)
{
	struct error err = ERROR_INIT;
	int round;

	assert_int_equal(mkdir("sig", 0700), 0);
	for (round = 0; round < 30; round++) {
		char data[10000] = { 0 };
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			while (file_write_atomic(AT_FDCWD, "sig/file", data, sizeof(data), 0600,
				       &err) == 0)
				;
			_exit(1);
		}
		usleep(1000 + 731 * round);
		kill(pid, SIGTERM);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
		assert_true(count_files("sig") <= 1);
	}
	assert_int_equal(count_files("sig"), 1);
	unlink("sig/file");
	rmdir("sig");
}

static void test_make_dirs(void **state)
{
	static const char *const fine[] = { "a/b/c", "a/b/c/", "a//d", "./a", "/", "//tmp/" };
	struct error err = ERROR_INIT;
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		assert_int_equal(file_make_dirs(fine[i], 0700, &err), 0);
		assert_int_equal(stat(fine[i], &st), 0);
		assert_true(S_ISDIR(st.st_mode));
	}
	assert_int_equal(stat("a/b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	put("a/file", "", 0, 0600);
	assert_int_equal(file_make_dirs("a/file/x", 0700, &err), -1);
	expect_error(&err, "make directory 'a/file/x': Not a directory");
	assert_int_equal(file_make_dirs("a/file", 0700, &err), -1);
	expect_error(&err, "Not a directory");
	assert_int_equal(file_make_dirs("", 0700, &err), -1);
	expect_error(&err, "make directory '': No such file or directory");
	assert_int_equal(system("rm -r a"), 0);
}

static void expect_unsafe(const char *path, const char *text)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	assert_false(file_is_safe(path, &err));
	expect_error(&err, text);
	assert_int_equal(file_read_safe(path, 100, &b, &err), -1);
	expect_error(&err, text);
	assert_int_equal(b.len, 0);
}

static void test_safe(void **state)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	put("s", "text", 4, 0644);
	assert_int_equal(symlink("s", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_true(file_is_safe("s", &err));
	assert_true(file_is_safe("link", &err));
	assert_true(file_is_safe("/etc/passwd", &err));
	assert_int_equal(file_read_safe("link", 100, &b, &err), 0);
	assert_string_equal(b.data, "text");
	buf_release(&b);

	expect_unsafe("none", "open 'none': No such file or directory");
	expect_unsafe("/", "'/' is not a regular file");
	expect_unsafe("fifo", "'fifo' is not a regular file");
	if (geteuid() == 0) {
		/* a group of the owner's own may write, another may not */
		assert_int_equal(chown("s", 0, 0), 0);
		chmod("s", 0664);
		assert_true(file_is_safe("s", &err));
		assert_int_equal(chown("s", 0, 1), 0);
		chmod("s", 0664);
		expect_unsafe("s", "'s' can be written by others (mode 0664)");
	}
	chmod("s", 0602);
	expect_unsafe("link", "can be written by others (mode 0602)");
	chmod("s", 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown("s", 65534, 65534), 0);
		unsetenv("SUDO_UID");
		expect_unsafe("s", "'s' belongs to user 65534");
		setenv("SUDO_UID", "65533", 1);
		expect_unsafe("s", "'s' belongs to user 65534");
		setenv("SUDO_UID", "65534", 1);
		assert_true(file_is_safe("s", &err));
		unsetenv("SUDO_UID");
	}
	unlink("s");
	unlink("link");
	unlink("fifo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fds_test(test_read),	   fds_test(test_read_odd),  fds_test(test_tracefs),
		fds_test(test_read_fifo),
		fds_test(test_write),	   fds_test(test_size_limit), fds_test(test_disk_full),
		fds_test(test_signal),	   fds_test(test_make_dirs), fds_test(test_safe),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
