/* SPDX-License-Identifier: MIT */
/*
 * tail.c - the last lines of several files and of standard input, and then what is
 * added to them, each line after the name of its file.
 *
 *	gocrt-gcc -O2 tail.c -o tail && ./tail /var/log/dpkg.log /tmp/a.log -
 *
 * One goroutine a file reads it, and sleeps when there is nothing new; - is standard
 * input, whose read waits. All send their lines to main, which prints them one at a
 * time. A file may be cut short, be replaced under its name (as logs are rotated) or
 * not exist yet. -n: how many last lines, -i: milliseconds between looks. It ends when
 * it follows nothing but standard input and that ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <go.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "number.h"

struct line {
	const char *name;
	char *text; /* the printer's to free */
};

struct file {
	const char *name;
	int fd; /* -1: it is not there */
	char partial[4096]; /* a line whose end has not come */
	size_t used;
};

static int last_lines = 10;
static int64_t interval = 100 * 1000 * 1000;
static chan(struct line) lines;

static void say(const struct file *f, const char *what)
{
	fprintf(stderr, "tail: %s: %s\n", f->name, what);
}

static void emit(struct file *f)
{
	struct line l = {f->name, strndup(f->partial, f->used)};

	f->used = 0;
	if (!l.text)
		go_panic("out of memory");
	chan_send(lines, l);
}

/* A line that is too long comes in pieces. */
static void add(struct file *f, const char *s, size_t n)
{
	for (; n > 0; s++, n--) {
		if (*s != '\n')
			f->partial[f->used++] = *s;
		if (*s == '\n' || f->used == sizeof f->partial)
			emit(f);
	}
}

/* All that is there. */
static void drain(struct file *f)
{
	char buf[16 << 10];
	ssize_t n;

	while ((n = read(f->fd, buf, sizeof buf)) > 0)
		add(f, buf, (size_t)n);
	if (n < 0)
		say(f, strerror(errno));
}

/* Go to where the last lines begin: back to the newline before them, block by block. */
static void seek_last(struct file *f)
{
	char buf[4096];
	off_t end = lseek(f->fd, 0, SEEK_END), at = end;
	int left = last_lines + 1;

	while (at > 0 && left > 0) {
		ssize_t n = at < (off_t)sizeof buf ? at : (off_t)sizeof buf;

		n = pread(f->fd, buf, (size_t)n, at - n);
		if (n <= 0)
			break;
		if (at == end && buf[n - 1] != '\n' && --left == 0)
			break; /* the last line has no end yet */
		for (; n > 0 && (buf[n - 1] != '\n' || --left > 0); n--)
			at--;
	}
	lseek(f->fd, at, SEEK_SET);
}

static bool open_file(struct file *f)
{
	struct stat st;

	f->fd = open(f->name, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || (fstat(f->fd, &st) == 0 && !S_ISDIR(st.st_mode)))
		return f->fd >= 0;
	close(f->fd);
	f->fd = -1;
	errno = EISDIR;
	return false;
}

/* The name leads to another file than the one that is open. */
static bool replaced(const struct file *f)
{
	struct stat named, opened;

	return stat(f->name, &named) == 0 && fstat(f->fd, &opened) == 0 &&
	       (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

static bool truncated(const struct file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && st.st_size < lseek(f->fd, 0, SEEK_CUR);
}

static void reopen(struct file *f)
{
	drain(f); /* what came between the last look and the change of name */
	if (f->used)
		emit(f);
	say(f, "is another file now");
	close(f->fd);
	open_file(f);
}

static void look(struct file *f)
{
	if (f->fd < 0) {
		if (!open_file(f))
			return;
		say(f, "is there now");
	}
	drain(f);
	if (replaced(f)) {
		reopen(f);
	} else if (truncated(f)) {
		say(f, "was cut short");
		f->used = 0;
		lseek(f->fd, 0, SEEK_SET);
	}
}

static void follow(void *name)
{
	struct file f = {.name = name};

	if (open_file(&f))
		seek_last(&f);
	else
		say(&f, strerror(errno));
	for (;; go_sleep(interval))
		look(&f);
}

static void follow_stdin(void *arg)
{
	struct file f = {.name = "-", .fd = 0};

	(void)arg;
	drain(&f);
	if (f.used)
		emit(&f);
}

static void close_lines(void *wg)
{
	go_waitgroup_wait(wg);
	chan_close(lines);
}

static void usage(void)
{
	fprintf(stderr, "usage: tail [-n lines] [-i ms] file...\n");
	exit(2);
}

int main(int argc, char **argv)
{
	go_waitgroup followers = {0};
	int option;
	struct line l;

	while ((option = getopt(argc, argv, "n:i:")) != -1) {
		if (option == 'n')
			last_lines = (int)number("-n", optarg, 0, 1000000000);
		else if (option == 'i')
			interval = number("-i", optarg, 1, 3600000) * INT64_C(1000000);
		else
			usage();
	}
	if (optind == argc)
		usage();
	lines = chan_make(struct line, 64);
	for (; optind < argc; optind++)
		go_waitgroup_go(&followers, strcmp(argv[optind], "-") == 0 ? follow_stdin : follow,
			argv[optind]);
	go(close_lines, &followers);
	while (chan_recv_ok(lines, &l)) {
		printf("%s: %s\n", l.name, l.text);
		free(l.text);
		if (chan_len(lines) == 0)
			fflush(stdout);
	}
	return 0;
}
