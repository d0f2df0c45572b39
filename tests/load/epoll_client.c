/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `epoll_client PORT CONNECTIONS MESSAGES': connects to 127.0.0.1 so often, one connection after
 * the other, sends each time so many messages that are echoed, and waits 100 ms before each step,
 * until the server's threads sleep.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void step(void)
{
	usleep(100000);
}

static int echo(int fd)
{
	char data[8] = "message";

	step();
	return write(fd, data, sizeof(data)) == sizeof(data) &&
		read(fd, data, sizeof(data)) == sizeof(data);
}

static int talk(int port, int messages)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), done;

	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	step();
	done = fd >= 0 && !connect(fd, (struct sockaddr *)&there, sizeof(there));
	while (done && messages-- > 0)
		done = echo(fd);
	step();
	close(fd);
	return done;
}

int main(int argc, char **argv)
{
	int i, n = argc == 4 ? atoi(argv[2]) : 0;

	if (n < 1) {
		fprintf(stderr, "usage: epoll_client PORT CONNECTIONS MESSAGES\n");
		return 2;
	}
	for (i = 0; i < n; i++) {
		if (!talk(atoi(argv[1]), atoi(argv[3]))) {
			perror("epoll_client");
			return 1;
		}
	}
	step();
	return 0;
}
