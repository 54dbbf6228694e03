/* SPDX-License-Identifier: MIT */
/* tcp.h - connections over loopback; after prog.h. */
#ifndef TCP_H
#define TCP_H

#include <arpa/inet.h>
#include <sys/socket.h>

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listener(int *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0 && bind(fd, (void *)&a, n) == 0 && listen(fd, 128) == 0);
	CHECK(getsockname(fd, (void *)&a, &n) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int dial(int port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0 && connect(fd, (void *)&a, sizeof a) == 0);
	return fd;
}

/* A TCP connection to ourselves. */
static void tcppair(int fd[2])
{
	int port, l = listener(&port);

	fd[0] = dial(port);
	fd[1] = accept(l, NULL, NULL);
	CHECK(fd[1] >= 0);
	close(l);
}

#endif
