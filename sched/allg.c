/* SPDX-License-Identifier: MIT */
/*
 * allg.c - every g that there ever was: none is unmapped, and those that died are used again. For
 * tracebacks, the deadlock check and the count of goroutines.
 *
 * Lock: sched.gflock guards the list, and sched.gfree, which has room for as many.
 */
#include "sched.h"

#include <string.h>

static struct {
	g **v;
	size_t n, cap;
} all; /* under sched.gflock */

/* Room for more, here and, as each may die, on sched.gfree. sched.gflock held. */
static bool growall(void)
{
	enum { First = 32 };
	static g *first[2 * First] nextbss;
	struct sched *s = &runtime_sched;
	size_t cap = all.cap ? all.cap * 16 : First;
	g **v = all.cap ? runtime_sysalloc(2 * cap * sizeof *v) : first;

	if (!v)
		return false;
	if (all.cap) {
		memcpy(v, all.v, all.n * sizeof *v);
		memcpy(v + cap, s->gfree, (size_t)s->ngfree * sizeof *v);
	}
	if (all.v && all.v != first)
		runtime_sysfree(all.v, 2 * all.cap * sizeof *v);
	s->gfree = v + cap;
	all.v = v;
	all.cap = cap;
	return true;
}

/* False: out of memory. */
cold bool runtime_addallg(g *gp)
{
	bool room;

	runtime_lock(&runtime_sched.gflock);
	room = all.n < all.cap || growall();
	if (room)
		all.v[all.n++] = gp;
	runtime_unlock(&runtime_sched.gflock);
	return room;
}

void runtime_forkallgs(void)
{
	struct sched *s = &runtime_sched;

	s->gflock.key = 0;
	s->gfree = NULL;
	s->ngfree = s->ntrimmed = s->ngfreebig = 0;
	all.v = NULL;
	all.n = all.cap = 0;
}

/* fn must not make or end goroutines. */
void runtime_allgs(void (*fn)(g *, void *), void *arg)
{
	runtime_lock(&runtime_sched.gflock);
	for (size_t i = 0; i < all.n; i++)
		fn(all.v[i], arg);
	runtime_unlock(&runtime_sched.gflock);
}

bool runtime_allgstry(void (*fn)(g *, void *), void *arg)
{
	if (!cas_acq(&runtime_sched.gflock.key, 0u, 1u))
		return false;
	for (size_t i = 0; i < all.n; i++)
		fn(all.v[i], arg);
	return true; /* and keep it: nothing follows */
}

/* All that exist less those on free lists; exact only when nobody is at it. */
cold int runtime_gcount(void)
{
	int64_t n;

	runtime_lock(&runtime_sched.gflock);
	n = (int64_t)all.n - runtime_sched.ngfree - runtime_sched.ngfreebig;
	for (int i = 0; i < runtime_gomaxprocs; i++)
		n -= load_rlx(&runtime_allp[i]->ngfree);
	runtime_unlock(&runtime_sched.gflock);
	return n < 1 ? 1 : (int)n;
}
