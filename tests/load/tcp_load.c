/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection with so many requests, each of so many bytes, and each answered with as many
 * before the next:
 *
 *	tcp_load listen|connect ADDRESS PORT COUNT BYTES [MS]
 *
 * listen takes one connection and ends with it; it says when it listens. It waits so long before
 * it reads a request, which meanwhile queues up.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char data[1 << 20];

static bool send_all(int fd, size_t size)
{
	ssize_t n;

	for (; size; size -= n) {
		n = send(fd, data, size, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool receive_all(int fd, size_t size)
{
	return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static int accept_one(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) || listen(fd, 1))
		return -1;
	puts("listening");
	fflush(stdout);
	return accept(fd, NULL, NULL);
}

static int connect_to(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? -1 : fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	bool enough = argc == 6 || argc == 7, server = enough && strcmp(argv[1], "listen") == 0;
	size_t size = enough ? strtoul(argv[5], NULL, 10) : 0;
	int n = enough ? atoi(argv[4]) : 0, one = 1, fd;
	useconds_t pause = argc == 7 ? atoi(argv[6]) * 1000 : 0;

	if (!n || !size || size > sizeof(data) || inet_pton(AF_INET, argv[2], &addr.sin_addr) != 1)
		return 2;
	addr.sin_port = htons(atoi(argv[3]));
	fd = server ? accept_one(&addr) : connect_to(&addr);
	if (fd < 0)
		return 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (n-- > 0) {
		bool done;

		if (server)
			usleep(pause);
		done = server ? receive_all(fd, size) && send_all(fd, size) :
			send_all(fd, size) && receive_all(fd, size);
		if (!done)
			return 1;
	}
	/* the client closes first */
	if (server)
		(void)!recv(fd, data, 1, 0);
	return close(fd);
}
