/* SPDX-License-Identifier: MIT */
/*
 * echo.c - a server that sends back what it gets, one goroutine a connection.
 *
 *	gocrt-gcc -O2 echo.c -o echo && ./echo 7777
 *	nc 127.0.0.1 7777                           (in another terminal; type something)
 *
 * Nothing in it knows of goroutines but the one call that starts them: accept, read
 * and write are libc's, and while one waits the others go on. Port 0 is any free one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <go.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number.h"

static bool write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, s, n);

		if (done < 0)
			return false;
		s += done;
		n -= (size_t)done;
	}
	return true;
}

static void echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0 && write_all(fd, buf, (size_t)n))
		continue;
	close(fd);
}

static int listen_on(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, SOMAXCONN) < 0) {
		perror("echo");
		exit(1);
	}
	getsockname(fd, (struct sockaddr *)&a, &n);
	printf("listening on 127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	int listener = listen_on(argc > 1 ? (int)number("port", argv[1], 0, 65535) : 7777);

	signal(SIGPIPE, SIG_IGN); /* a client that is gone is write's error */
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			go(echo, (void *)(intptr_t)fd);
		else if (errno == EMFILE || errno == ENFILE)
			go_sleep(10 * 1000 * 1000); /* until some are closed */
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	perror("echo: accept");
	return 1;
}
