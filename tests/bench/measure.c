/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs commands in turn, A B C A B C ..., and measures each from exec to a
 * line of its output:
 *
 *	measure [-t] RUNS PATTERN NAME COMMAND [NAME COMMAND]...
 *
 * COMMAND is a line for the shell (which it replaces with exec). When a line
 * contains PATTERN the command gets SIGINT a while later (and again, every two
 * seconds, unless it says "Ending") and is waited for.  Prints, for
 * each NAME, a JSON object a line with medians over RUNS runs: wall_ms (exec
 * to the line), cpu_ms (user + system of it and its children to the end),
 * peak_kib (of its largest process), end_ms (SIGINT to the end).
 * With -t no signal is sent, and tail_ms is the time from that line to the end.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 16, MAX_RUNS = 1000, TIMEOUT_SECONDS = 300,
	SETTLE_MS = 200 };

struct sample {
	double wall_ms, cpu_ms, end_ms, peak_kib;
};

static bool tail;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static double ms_of(const struct timeval *tv)
{
	return tv->tv_sec * 1e3 + tv->tv_usec / 1e3;
}

static pid_t start(const char *command, int *ret_fd)
{
	char *line;
	int fds[2];
	pid_t pid;

	if (pipe(fds) || asprintf(&line, "exec %s", command) < 0) {
		perror("measure");
		exit(1);
	}
	pid = fork();
	if (pid == 0) {
		alarm(TIMEOUT_SECONDS);	/* kept across exec */
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		signal(SIGINT, SIG_DFL);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	free(line);
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

/* reads until a line contains the pattern; 0, or -1 if the output ended before */
static int wait_for_line(FILE *in, const char *pattern)
{
	char *line = NULL;
	size_t size = 0;
	int found = -1;

	while (found && getline(&line, &size, in) > 0)
		found = strstr(line, pattern) ? 0 : -1;
	free(line);
	return found;
}

/* SIGINT until the output ends, or says "Ending": one that comes too early may
 * be lost. The time of the last one */
static double end_command(pid_t pid, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char rest[4096];
	double asked = now_ms();
	bool taken = false;
	ssize_t n;

	kill(pid, SIGINT);
	for (;;) {
		if (poll(&p, 1, taken ? -1 : 2000) == 0) {
			asked = now_ms();
			kill(pid, SIGINT);
			continue;
		}
		n = read(fd, rest, sizeof(rest));
		if (n <= 0)
			return asked;
		taken |= memmem(rest, n, "Ending", 6) != NULL;
	}
}

/* reads all that is left; the time when it began */
static double read_tail(FILE *in)
{
	static char rest[1 << 18];
	double began = now_ms();

	while (fread(rest, 1, sizeof(rest), in) > 0)
		;
	return began;
}

static void measure(const char *name, const char *command, const char *pattern, struct sample *s)
{
	double began = now_ms(), seen;
	double asked;
	struct rusage ru;
	int fd, status;
	pid_t pid = start(command, &fd);
	FILE *in = fdopen(fd, "r");

	if (wait_for_line(in, pattern)) {
		fprintf(stderr, "measure: %s ended without a line with '%s'\n", name, pattern);
		exit(1);
	}
	seen = now_ms();
	if (tail) {
		asked = read_tail(in);
	} else {
		usleep(SETTLE_MS * 1000);
		asked = end_command(pid, fileno(in));
	}
	fclose(in);
	while (wait4(pid, &status, 0, &ru) < 0 && errno == EINTR)
		;
	s->wall_ms = seen - began;
	s->end_ms = now_ms() - asked;
	s->cpu_ms = ms_of(&ru.ru_utime) + ms_of(&ru.ru_stime);
	s->peak_kib = ru.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* median of the member at this offset */
static double median(const struct sample *s, int n, size_t offset)
{
	double values[MAX_RUNS];
	int i;

	for (i = 0; i < n; i++)
		values[i] = *(const double *)((const char *)&s[i] + offset);
	qsort(values, n, sizeof(values[0]), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	static struct sample samples[MAX_COMMANDS][MAX_RUNS];
	int runs, commands, r, c;

	if (argc > 1 && strcmp(argv[1], "-t") == 0) {
		tail = true;
		argc--;
		argv++;
	}
	runs = argc > 1 ? atoi(argv[1]) : 0;
	commands = (argc - 3) / 2;
	if (argc < 5 || argc % 2 == 0 || runs < 1 || runs > MAX_RUNS || commands > MAX_COMMANDS) {
		fprintf(stderr, "usage: measure [-t] RUNS PATTERN NAME COMMAND "
			"[NAME COMMAND]...\n");
		return 2;
	}
	for (r = 0; r < runs; r++) {
		for (c = 0; c < commands; c++)
			measure(argv[3 + 2 * c], argv[4 + 2 * c], argv[2], &samples[c][r]);
	}
	for (c = 0; c < commands; c++)
		printf("{\"name\":\"%s\",\"runs\":%d,\"wall_ms\":%.2f,\"cpu_ms\":%.2f,"
		       "\"peak_kib\":%.0f,\"%s\":%.2f}\n",
			argv[3 + 2 * c], runs,
			median(samples[c], runs, offsetof(struct sample, wall_ms)),
			median(samples[c], runs, offsetof(struct sample, cpu_ms)),
			median(samples[c], runs, offsetof(struct sample, peak_kib)),
			tail ? "tail_ms" : "end_ms",
			median(samples[c], runs, offsetof(struct sample, end_ms)));
	return 0;
}
