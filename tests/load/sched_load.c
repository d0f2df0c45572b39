/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something for the scheduler to do, for tests that measure it:
 *
 *	sched_load sleep COUNT MS	sleeps COUNT times for MS milliseconds
 *	sched_load spin MS THREADS	busy threads for MS milliseconds, all on the first CPU
 *	sched_load pipe COUNT MS	COUNT times, after MS milliseconds, process sched_pong
 *					writes a byte that sched_ping waits for
 *
 * spin prints the microseconds of CPU time that it took.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 16

static long spin_ms;

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static int run_sleep(long count, long ms)
{
	while (count-- > 0)
		sleep_ms(ms);
	return 0;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *spin(void *arg)
{
	long end = now_ms() + spin_ms;

	while (now_ms() < end)
		;
	return arg;
}

static int pin_to_first_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000L + t.tv_usec;
}

static int run_spin(long ms, long n)
{
	pthread_t threads[MAX_THREADS];
	struct rusage usage;
	long i;

	if (n < 1 || n > MAX_THREADS || pin_to_first_cpu() < 0)
		return 1;
	spin_ms = ms;
	for (i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, spin, NULL))
			return 1;
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
	return 0;
}

static int run_pong(int fd, long count, long ms)
{
	prctl(PR_SET_NAME, "sched_pong");
	while (count-- > 0) {
		sleep_ms(ms);
		if (write(fd, "", 1) != 1)
			return 1;
	}
	return 0;
}

static int run_pipe(long count, long ms)
{
	int fds[2], status;
	pid_t pid;
	char byte;

	if (pipe(fds) < 0)
		return 1;
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		_exit(run_pong(fds[1], count, ms));
	prctl(PR_SET_NAME, "sched_ping");
	close(fds[1]);
	while (read(fds[0], &byte, 1) == 1)
		;
	return waitpid(pid, &status, 0) < 0 || status != 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(long, long);
	} loads[] = { { "sleep", run_sleep }, { "spin", run_spin }, { "pipe", run_pipe } };
	size_t i;

	for (i = 0; argc == 4 && i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(argv[1], loads[i].name) == 0)
			return loads[i].run(atol(argv[2]), atol(argv[3]));
	}
	fprintf(stderr, "usage: sched_load sleep COUNT MS | spin MS THREADS | pipe COUNT MS\n");
	return 2;
}
