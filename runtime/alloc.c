/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - memory for what the runtime makes and frees for the program: channels, timers, scratch of
 * large selects and polls. Not libc's malloc, which a program that never calls it need not link.
 *
 * Sizes are in Units of a cache line. Up to 8 of them each number has its class, above there are four
 * classes to a doubling, so that at most a fifth is lost. What is free of a class is a list, last in
 * first out, and stays that class's; what is larger than Largest is mapped and unmapped by itself.
 * Who frees says how large it was, so nothing is kept beside an object.
 *
 * Lock: alloclock guards the lists and the chunk that new objects are cut from.
 */
#include "runtime.h"

enum { Unit = 64, Largest = 32 << 10, Classes = 32, Chunk = 256 << 10 };

struct freeobj {
	struct freeobj *next;
};

static struct {
	mutex lock;
	struct freeobj *free[Classes];
	char *p, *end;
} heap bigbss;

/* The class of n bytes, at least one; n becomes the class's size. */
static int classof(size_t *n)
{
	size_t last = (*n - 1) / Unit;
	int shift = last < 8 ? 0 : 61 - __builtin_clzl(last);

	*n = ((last >> shift) + 1) * Unit << shift;
	return 4 * shift + (int)(last >> shift);
}

/* heap.lock held. The end of the last chunk is lost. */
static void *cut(size_t n)
{
	if ((size_t)(heap.end - heap.p) < n) {
		char *p = runtime_sysalloc(Chunk);

		if (!p)
			return NULL;
		heap.p = p;
		heap.end = p + Chunk;
	}
	heap.p += n;
	return heap.p - n;
}

void *runtime_alloc(size_t n)
{
	struct freeobj *o;
	int class;

	if (n > Largest)
		return runtime_sysalloc(n);
	class = classof(&n);
	runtime_lock(&heap.lock);
	if ((o = heap.free[class]))
		heap.free[class] = o->next;
	else
		o = cut(n);
	runtime_unlock(&heap.lock);
	return o;
}

void runtime_free(void *p, size_t n)
{
	struct freeobj *o = p;
	int class;

	if (n > Largest) {
		runtime_sysfree(p, n);
		return;
	}
	class = classof(&n);
	runtime_lock(&heap.lock);
	o->next = heap.free[class];
	heap.free[class] = o;
	runtime_unlock(&heap.lock);
}

/* A zero lock is free; only the debug build gives it a rank, and touches the page for it. */
void runtime_allocinit(void)
{
	if (DEBUG)
		runtime_lockinit(&heap.lock, RankAlloc);
}

/* A thread that is gone may have been at a list: begin with none. */
void runtime_forkalloc(void)
{
	heap.p = heap.end = NULL;
	for (int i = 0; i < Classes; i++)
		heap.free[i] = NULL;
	heap.lock.key = 0;
}
