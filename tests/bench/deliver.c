/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events a tracer delivers as text, and what that costs it:
 *
 *	deliver SECONDS RUNS NAME COMMAND [NAME COMMAND]...
 *
 * Each COMMAND prints a line with "Tracing", then one line with this
 * program's process id for each of its getppid calls, to a file.  Once the
 * first line is there (or, of those that buffer their output, 3 seconds later),
 * getppid is called as fast as one CPU can; then the command gets SIGINT.
 * Commands take turns.  Prints a JSON object a line, of the median run: calls,
 * received (lines), lost (the difference),
 * cpu_s (of the consumer from the first call on), per_cpu_s, ns_per_call.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 8, MAX_RUNS = 100, DRAIN_MS = 1500, READY_MS = 3000, END_MS = 5000 };

struct sample {
	double per_cpu_s, cpu_s, ns_per_call;
	unsigned long calls, received;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "deliver: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* the calls are made on the last CPU, the consumer keeps the others */
static void pin(int first, int last)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	for (cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

static pid_t start(const char *command, int out, int last_cpu)
{
	pid_t pid = fork();
	char *line;

	if (pid)
		return pid;
	if (last_cpu > 0)
		pin(0, last_cpu - 1);		/* the calls keep the last one */
	if (asprintf(&line, "exec %s", command) < 0)
		_exit(127);
	dup2(out, STDOUT_FILENO);
	signal(SIGINT, SIG_DFL);
	execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

static void wait_ready(int file, pid_t pid, const char *name)
{
	char head[4096];
	int waited;
	ssize_t n;

	for (waited = 0; waited < READY_MS; waited += 10) {
		n = pread(file, head, sizeof(head) - 1, 0);
		head[n > 0 ? n : 0] = '\0';
		if (strstr(head, "Tracing"))
			return;
		if (waitpid(pid, NULL, WNOHANG) == pid) {
			fprintf(stderr, "deliver: %s ended at once\n", name);
			exit(1);
		}
		usleep(10 * 1000);
	}
}

/* CPU time of the process so far, its ended children not counted */
static double cpu_of(pid_t pid)
{
	unsigned long user = 0, sys = 0;
	char path[64], line[1024], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		fail(path);
	fclose(f);
	at = strrchr(line, ')');
	if (!at || sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		&user, &sys) != 2)
		fail("parse stat");
	return (double)(user + sys) / sysconf(_SC_CLK_TCK);
}

static unsigned long call_for(double seconds)
{
	double end = now() + seconds;
	unsigned long calls = 0;
	int i;

	while (now() < end) {
		for (i = 0; i < 1000; i++)
			syscall(SYS_getppid);
		calls += 1000;
	}
	return calls;
}

/* lines with our process id as a word */
static unsigned long count_lines(int file)
{
	off_t size = lseek(file, 0, SEEK_END);
	const char *data, *at, *end, *line_end;
	char word[32];
	size_t len = snprintf(word, sizeof(word), "%d", getpid());
	unsigned long n = 0;

	if (size <= 0)
		return 0;
	data = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	if (data == MAP_FAILED)
		fail("mmap");
	end = data + size;
	for (at = data; at < end; at = line_end + 1) {
		line_end = memchr(at, '\n', end - at);
		if (!line_end)
			break;
		n += memmem(at, line_end - at, word, len) != NULL;
	}
	munmap((void *)data, size);
	return n;
}

/* a tracer may miss the first SIGINT: bpftrace does when it comes between two waits */
static void finish(pid_t pid)
{
	int status, tries, waited;

	for (tries = 0; tries < 5; tries++) {
		kill(pid, tries < 4 ? SIGINT : SIGKILL);
		for (waited = 0; waited < END_MS; waited += 10) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return;
			usleep(10 * 1000);
		}
	}
	waitpid(pid, &status, 0);
}

static void measure(const char *name, const char *command, double seconds, struct sample *s)
{
	int file = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int last_cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	double before;
	pid_t pid;

	if (file < 0)
		fail("/dev/shm");
	pid = start(command, file, last_cpu);
	wait_ready(file, pid, name);
	usleep(200 * 1000);
	before = cpu_of(pid);
	s->calls = call_for(seconds);
	s->ns_per_call = seconds * 1e9 / s->calls;
	usleep(DRAIN_MS * 1000);
	s->cpu_s = cpu_of(pid) - before;
	finish(pid);
	s->received = count_lines(file);
	s->per_cpu_s = s->cpu_s > 0 ? s->received / s->cpu_s : 0;
	close(file);
}

static int compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	/* of those that deliver nothing the cost is what counts */
	if (x->per_cpu_s == y->per_cpu_s)
		return x->ns_per_call < y->ns_per_call ? -1 : x->ns_per_call > y->ns_per_call;
	return x->per_cpu_s < y->per_cpu_s ? -1 : 1;
}

int main(int argc, char **argv)
{
	static struct sample samples[MAX_COMMANDS][MAX_RUNS];
	double seconds = argc > 1 ? atof(argv[1]) : 0;
	int runs = argc > 2 ? atoi(argv[2]) : 0, commands = (argc - 3) / 2, r, c;

	if (argc < 5 || argc % 2 == 0 || seconds <= 0 || runs < 1 || runs > MAX_RUNS ||
	    commands > MAX_COMMANDS) {
		fprintf(stderr, "usage: deliver SECONDS RUNS NAME COMMAND [NAME COMMAND]...\n");
		return 2;
	}
	pin(sysconf(_SC_NPROCESSORS_ONLN) - 1, sysconf(_SC_NPROCESSORS_ONLN) - 1);
	for (r = 0; r < runs; r++) {
		for (c = 0; c < commands; c++)
			measure(argv[3 + 2 * c], argv[4 + 2 * c], seconds, &samples[c][r]);
	}
	for (c = 0; c < commands; c++) {
		const struct sample *s = &samples[c][runs / 2];

		qsort(samples[c], runs, sizeof(samples[c][0]), compare);
		printf("{\"name\":\"%s\",\"calls\":%lu,\"received\":%lu,\"lost\":%ld,"
		       "\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,\"ns_per_call\":%.1f}\n",
			argv[3 + 2 * c], s->calls, s->received, (long)(s->calls - s->received),
			s->cpu_s, s->per_cpu_s, s->ns_per_call);
	}
	return 0;
}
