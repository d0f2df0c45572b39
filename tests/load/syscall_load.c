/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes an exact number of system calls, for tests that count them:
 *
 *	syscall_load [-w] COUNT [THREADS]
 *
 * COUNT getppid calls in each of THREADS threads (1), each thread with the
 * process's name.  -w waits for a line, or the end, of stdin first.  Prints
 * the process id before it starts.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_THREADS 256

static unsigned long count;

static void *make_calls(void *arg)
{
	unsigned long i;

	for (i = 0; i < count; i++)
		syscall(SYS_getppid);
	return arg;
}

static int run_threads(unsigned long n)
{
	pthread_t threads[MAX_THREADS];
	unsigned long i;
	int err;

	for (i = 0; i < n; i++) {
		err = pthread_create(&threads[i], NULL, make_calls, NULL);
		if (err) {
			fprintf(stderr, "syscall_load: create a thread: %s\n", strerror(err));
			exit(1);	/* ends those that run, too */
		}
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return errno || end == text || *end || *text == '-' || *ret > max ? -1 : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: syscall_load [-w] COUNT [THREADS]\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long n_threads = 1;
	int wait_first = argc > 1 && strcmp(argv[1], "-w") == 0;
	char line[256];

	argv += wait_first;
	argc -= wait_first;
	if (argc < 2 || argc > 3 || parse_number(argv[1], ULONG_MAX, &count) < 0)
		return usage();
	if (argc == 3 && parse_number(argv[2], MAX_THREADS, &n_threads) < 0)
		return usage();
	printf("%d\n", (int)getpid());
	fflush(stdout);
	if (wait_first && !fgets(line, sizeof(line), stdin) && ferror(stdin))
		return 1;
	return run_threads(n_threads);
}
