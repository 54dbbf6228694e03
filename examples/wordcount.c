/* SPDX-License-Identifier: MIT */
/*
 * wordcount.c - the ten commonest words of the files named, one goroutine a file.
 *
 *	gocrt-gcc -O2 wordcount.c -o wordcount && ./wordcount *.c
 *
 * Each goroutine counts into a table of its own and adds that to the total under
 * a mutex. -s counts the files one after the other and prints the same words.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <go.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TOP = 10, LONGEST = 23, MAXTHREADS = 256 };

struct word {
	long count; /* 0: a free slot */
	char text[LONGEST + 1];
};

struct table { /* a hash table that is never more than half full */
	struct word *slots;
	size_t size, used;
};

static go_mutex lock;                     /* guards all below */
static struct table total;                /* of the files that are done */
static int threads[MAXTHREADS], nthreads; /* where goroutines were seen */
static bool failed;

/* The slot that holds text, or is free for it. */
static struct word *find(const struct table *t, const char *text)
{
	size_t hash = 0;

	for (const char *s = text; *s; s++)
		hash = hash * 31 + (unsigned char)*s;
	while (t->slots[hash % t->size].count &&
		strcmp(t->slots[hash % t->size].text, text))
		hash++;
	return &t->slots[hash % t->size];
}

static void grow(struct table *t)
{
	struct table old = *t;

	t->size = old.size ? 2 * old.size : 512;
	t->slots = calloc(t->size, sizeof *t->slots);
	if (!t->slots)
		go_panic("out of memory");
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].count)
			*find(t, old.slots[i].text) = old.slots[i];
	free(old.slots);
}

static void add(struct table *t, const char *text, long count)
{
	struct word *w;

	if (t->used * 2 >= t->size)
		grow(t);
	w = find(t, text);
	if (!w->count) {
		strcpy(w->text, text);
		t->used++;
	}
	w->count += count;
}

/* Add the words of a file, which are runs of letters; what is past LONGEST is dropped. */
static int read_words(struct table *t, const char *path)
{
	FILE *f = fopen(path, "r");
	char word[LONGEST + 1];
	int c, n = 0, err;

	if (!f)
		return errno;
	do {
		c = getc_unlocked(f);
		if (c != EOF && isalpha(c)) {
			if (n < LONGEST)
				word[n++] = (char)tolower(c);
		} else if (n) {
			word[n] = '\0';
			add(t, word, 1);
			n = 0;
		}
	} while (c != EOF);
	err = ferror(f) ? errno : 0;
	fclose(f);
	return err;
}

static void count_file(void *path)
{
	struct table t = {0};
	int err = read_words(&t, path), tid = (int)syscall(SYS_gettid), i = 0;

	go_mutex_lock(&lock);
	for (struct word *w = t.slots; w < t.slots + t.size; w++)
		if (w->count)
			add(&total, w->text, w->count);
	while (i < nthreads && threads[i] != tid)
		i++;
	if (i == nthreads && i < MAXTHREADS)
		threads[nthreads++] = tid;
	if (err) {
		fprintf(stderr, "wordcount: %s: %s\n", (char *)path, strerror(err));
		failed = true;
	}
	go_mutex_unlock(&lock);
	free(t.slots);
}

/* The commonest first, equals by the alphabet. */
static int by_count(const void *a, const void *b)
{
	const struct word *v = a, *w = b;

	return v->count != w->count ? (v->count < w->count ? 1 : -1)
				    : strcmp(v->text, w->text);
}

int main(int argc, char **argv)
{
	bool serial = argc > 1 && strcmp(argv[1], "-s") == 0;
	int first = 1 + serial, files = argc - first, goroutines = serial ? 1 : files;
	go_waitgroup wg = {0};

	if (files < 1) {
		fprintf(stderr, "usage: wordcount [-s] FILE...\n");
		return 2;
	}
	for (int i = first; i < argc; i++)
		if (serial)
			count_file(argv[i]);
		else
			go_waitgroup_go(&wg, count_file, argv[i]);
	go_waitgroup_wait(&wg);

	qsort(total.slots, total.size, sizeof *total.slots, by_count);
	for (size_t i = 0; i < total.size && i < TOP && total.slots[i].count; i++)
		printf("%9ld %s\n", total.slots[i].count, total.slots[i].text);
	fprintf(stderr, "%d file%s, %d goroutine%s on %d thread%s\n", files,
		&"s"[files == 1], goroutines, &"s"[goroutines == 1], nthreads,
		&"s"[nthreads == 1]);
	return failed;
}
