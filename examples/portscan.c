/* SPDX-License-Identifier: MIT */
/*
 * portscan.c - which TCP ports of a host can be connected to.
 *
 *	gocrt-gcc -O2 portscan.c -o portscan && ./portscan 127.0.0.1 1-10000
 *
 * A hundred goroutines take ports from a channel; each waits for one connect at a
 * time, and not for long. -n: how many goroutines, -t: milliseconds to wait. Scan
 * only machines that are yours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <go.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number.h"

static struct sockaddr_in host;
static int patience = 500;
static chan(int) ports;
static bool open_ports[65536]; /* each written by the goroutine that has the port */
static bool failed;	       /* written under lock */
static go_mutex lock;

static void report(const char *what)
{
	go_mutex_lock(&lock);
	if (!failed)
		fprintf(stderr, "portscan: %s: %s\n", what, strerror(errno));
	failed = true;
	go_mutex_unlock(&lock);
}

/* Wait for the connect that was begun on fd: 0, or why there is no connection. */
static int connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t n = sizeof errno;
	int error = 0;

	if (poll(&p, 1, patience) != 1)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

/* A socket may get the very port it asks for as its own, and so meet itself. */
static bool meets_itself(int fd, int port)
{
	struct sockaddr_in own;
	socklen_t n = sizeof own;

	return getsockname(fd, (struct sockaddr *)&own, &n) == 0 &&
	       ntohs(own.sin_port) == port && own.sin_addr.s_addr == host.sin_addr.s_addr;
}

static bool is_open(int port)
{
	struct sockaddr_in a = host;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0) {
		report("socket");
		return false;
	}
	a.sin_port = htons((uint16_t)port);
	error = connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ? errno : 0;
	if (error == EINPROGRESS)
		error = connected(fd);
	if (error == 0 && meets_itself(fd, port))
		error = ECONNREFUSED;
	close(fd);
	return error == 0;
}

static void scan(void *arg)
{
	int port;

	(void)arg;
	while (chan_recv_ok(ports, &port))
		open_ports[port] = is_open(port);
}

static void find_host(const char *name)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	int error = getaddrinfo(name, NULL, &hints, &found);

	if (error) {
		fprintf(stderr, "portscan: %s: %s\n", name, gai_strerror(error));
		exit(1);
	}
	memcpy(&host, found->ai_addr, sizeof host);
	freeaddrinfo(found);
}

static void usage(void)
{
	fprintf(stderr, "usage: portscan [-n goroutines] [-t ms] [host [first[-last]]]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	int workers = 100, first = 1, last = 1024, option, nopen = 0;
	int64_t start = go_nanotime();
	go_waitgroup wg = {0};

	while ((option = getopt(argc, argv, "n:t:")) != -1) {
		if (option == 'n')
			workers = (int)number("-n", optarg, 1, 65535);
		else if (option == 't')
			patience = (int)number("-t", optarg, 0, 3600000);
		else
			usage();
	}
	if (argc - optind > 1 && sscanf(argv[optind + 1], "%d-%d", &first, &last) == 1)
		last = first;
	if (argc - optind > 2 || first < 1 || last > 65535 || first > last)
		usage();
	find_host(optind < argc ? argv[optind] : "127.0.0.1");

	ports = chan_make(int, 0);
	for (int i = 0; i < workers; i++)
		go_waitgroup_go(&wg, scan, NULL);
	for (int port = first; port <= last; port++)
		chan_send(ports, port);
	chan_close(ports);
	go_waitgroup_wait(&wg);
	for (int port = first; port <= last; port++)
		if (open_ports[port] && ++nopen)
			printf("%d\n", port);
	fprintf(stderr, "%d of %d ports open, %.2f s\n", nopen, last - first + 1,
		(double)(go_nanotime() - start) / 1e9);
	return failed;
}
