/* SPDX-License-Identifier: MIT */
/*
 * http - the least keep-alive responder: a goroutine a connection reads until
 * the blank line and answers with one write. Prints "port N", serves until killed.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <go.h>
#include <sys/socket.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			     "Content-Length: 13\r\n\r\nhello, world\n";

static void serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[2048];
	size_t have = 0;

	while (have < sizeof buf) {
		ssize_t n = read(fd, buf + have, sizeof buf - have);
		if (n <= 0)
			break;
		have += n;
		if (have < 4 || memcmp(buf + have - 4, "\r\n\r\n", 4) != 0)
			continue;
		if (write(fd, answer, sizeof answer - 1) < 0)
			break;
		have = 0;
	}
	close(fd);
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (void *)&a, len) || listen(fd, 4096) || getsockname(fd, (void *)&a, &len)) {
		perror("http: listen");
		return 1;
	}
	printf("port %d\n", ntohs(a.sin_port));
	fflush(stdout);
	for (;;) {
		int c = accept(fd, NULL, NULL);
		if (c < 0) {
			perror("http: accept");
			return 1;
		}
		go(serve, (void *)(intptr_t)c);
	}
}
