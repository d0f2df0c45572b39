/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads in epoll_wait, for tests that ask who wakes them:
 *
 *	epoll_server herd|exclusive	an echo server on 127.0.0.1 until SIGTERM.  Two threads,
 *					worker_0 and worker_1, each with an epoll instance, watch
 *					one listening socket, level-triggered; with EPOLLEXCLUSIVE
 *					only one of them is woken.  Its line is
 *					ready PID PORT LISTENING-FD TID0 TID1
 *	epoll_server files		thread `waiter' watches an eventfd, a pipe, a Unix socket
 *					and a timerfd, each of which wakes it once, 100 ms apart;
 *					after "ready PID" it starts with the first line of stdin
 *
 * Events go through on_event(fd, bits), for uprobes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif
#define WORKERS 2
#define FILES 4

struct worker {
	pthread_t thread;
	int epoll;
	volatile int tid;
	char name[16];
};

static int listening = -1;
static __thread const struct worker *self;

void on_event(int fd, unsigned bits);

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int epoll, int fd, unsigned bits)
{
	struct epoll_event e = { .events = bits, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e))
		die("epoll_ctl");
}

static void take_connection(void)
{
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		watch(self->epoll, fd, EPOLLIN);
}

static void drain(int fd)
{
	char data[64];
	ssize_t n = read(fd, data, sizeof(data));

	if (listening >= 0 && n > 0)
		n = write(fd, data, n);
	else if (n == 0 || (n < 0 && errno != EAGAIN))
		close(fd);
}

__attribute__((noinline)) void on_event(int fd, unsigned bits)
{
	__asm__ volatile("" : : "r"(bits));
	if (fd == listening)
		take_connection();
	else
		drain(fd);
}

static void *work(void *arg)
{
	struct epoll_event events[16];
	struct worker *w = arg;
	int i, n;

	self = w;
	pthread_setname_np(pthread_self(), w->name);
	w->tid = syscall(SYS_gettid);
	while ((n = epoll_wait(w->epoll, events, 16, -1)) >= 0 || errno == EINTR) {
		for (i = 0; i < n; i++)
			on_event(events[i].data.fd, events[i].events);
	}
	return NULL;
}

static void start(struct worker *w)
{
	if (pthread_create(&w->thread, NULL, work, w))
		die("pthread_create");
	while (!w->tid)
		usleep(1000);
	usleep(50000);			/* until it sleeps */
}

static int listen_somewhere(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t size = sizeof(here);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listening < 0 || bind(listening, (struct sockaddr *)&here, sizeof(here)) ||
	    listen(listening, 64) || getsockname(listening, (struct sockaddr *)&here, &size))
		die("listen");
	return ntohs(here.sin_port);
}

static int serve(unsigned bits)
{
	struct worker workers[WORKERS] = { 0 };
	int i, port = listen_somewhere();

	for (i = 0; i < WORKERS; i++) {
		snprintf(workers[i].name, sizeof(workers[i].name), "worker_%d", i);
		workers[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		watch(workers[i].epoll, listening, bits);
		start(&workers[i]);
	}
	printf("ready %d %d %d %d %d\n", getpid(), port, listening, workers[0].tid,
		workers[1].tid);
	fflush(stdout);
	pause();
	return 0;
}

static int timer(void)
{
	/* behind the three others */
	struct itimerspec when = { .it_value.tv_nsec = 4 * 100000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL))
		die("timerfd");
	return fd;
}

static int wake_by_files(void)
{
	struct worker w = { .epoll = epoll_create1(EPOLL_CLOEXEC), .name = "waiter" };
	int to[FILES - 1], pair[2], fd = eventfd(0, EFD_CLOEXEC), i, c;
	uint64_t one = 1;

	to[0] = fd;
	watch(w.epoll, fd, EPOLLIN);
	if (pipe(pair))
		die("pipe");
	to[1] = pair[1];
	watch(w.epoll, pair[0], EPOLLIN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	to[2] = pair[1];
	watch(w.epoll, pair[0], EPOLLIN);
	start(&w);
	printf("ready %d\n", getpid());
	fflush(stdout);
	while ((c = getchar()) != EOF && c != '\n')
		;
	watch(w.epoll, timer(), EPOLLIN);
	for (i = 0; i < FILES - 1; i++) {
		if (write(to[i], &one, sizeof(one)) != sizeof(one))
			die("write");
		usleep(100000);
	}
	usleep(300000);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "herd"))
		return serve(EPOLLIN);
	if (!strcmp(what, "exclusive"))
		return serve(EPOLLIN | EPOLLEXCLUSIVE);
	if (!strcmp(what, "files"))
		return wake_by_files();
	fprintf(stderr, "usage: epoll_server herd|exclusive|files\n");
	return 2;
}
