/* SPDX-License-Identifier: MIT */
/* sema_test.c - sema.c alone: the treap of waiters, their order, and what releases hand over. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../sched/sema.c"

_Thread_local g *runtime_g;

_Noreturn void runtime_notgoroutine(const char *call)
{
	(void)call;
	abort();
}


static p p0;
static m mp = {.rand = 12345, .p = &p0};
static g g0 = {.m = &mp};

/* Whoever would park here finds this, and goes on as if woken. */
static void (*meanwhile)(void);
static g *readied[100];
static int nreadied, nyields, nparks;

void runtime_lockinit(mutex *l, enum lockrank rank)
{
	(void)l, (void)rank;
}

void runtime_lock(mutex *l)
{
	cr_assert_eq(l->key++, 0u);
}

void runtime_unlock(mutex *l)
{
	cr_assert_eq(--l->key, 0u);
}

void runtime_gopark(bool (*unlockf)(g *, void *), void *lock, enum waitreason why)
{
	cr_assert_eq(why, WaitSema);
	nparks++;
	cr_assert(unlockf(runtime_g, lock));
	meanwhile();
}

void runtime_goready(g *gp) { readied[nreadied++] = gp; }
void runtime_ready(g *gp, bool next) { (void)next, runtime_goready(gp); }
void runtime_readyforeign(g *gp) { runtime_goready(gp); }
void runtime_gosched(void) { nyields++; }
int64_t runtime_nanotime(void) { return 1000; }
static struct timer *timer; /* the last one added */
static bool atonce;	    /* it fires before addtimer returns */

void runtime_addtimer(struct timer *t, int64_t when)
{
	timer = t;
	t->when = when;
	if (atonce)
		t->fn(t, when);
}

bool runtime_deltimer(struct timer *t) { return t->when != 0; }
bool runtime_timerroom(void) { return true; }
bool runtime_napbriefly(int64_t deadline) { cr_assert(false, "a nap before %ld", (long)deadline); return true; }
bool runtime_cancelled(g *gp) { return gp->atpoint; }
void runtime_setmask(g *gp) { cr_assert(false, "signals of %p", (void *)gp); }

static void init(void) { runtime_g = &g0; }

TestSuite(treap, .init = init);
TestSuite(semaphore, .init = init);

/* ---- the tree ---- */

static struct root root;

/* Addresses in order, tickets a heap, parents right; how many nodes. */
static int check_tree(struct sudog *s, struct sudog *parent, uintptr_t lo, uintptr_t hi)
{
	uintptr_t at;

	if (!s)
		return 0;
	at = (uintptr_t)s->addr;
	cr_assert_eq(s->parent, parent);
	cr_assert(at > lo && at < hi, "out of order");
	if (parent)
		cr_assert_leq(parent->ticket, s->ticket);
	return 1 + check_tree(s->left, s, lo, at) + check_tree(s->right, s, at, hi);
}

static int depth(struct sudog *s)
{
	int l, r;

	if (!s)
		return 0;
	l = depth(s->left);
	r = depth(s->right);
	return 1 + (l > r ? l : r);
}

static void add(struct sudog *s, uintptr_t addr, bool lifo)
{
	s->addr = (const void *)addr;
	queue(&root, s, lifo);
}

enum { Many = 5000 };
static struct sudog nodes[Many];

/* Whichever of several waiters for an address gives up, the others stay, in order. */
Test(treap, any_may_drop_out)
{
	enum { Same = 6 };

	for (int out = 0; out < Same; out++) {
		memset(nodes, 0, sizeof nodes);
		root.treap = NULL;
		for (int i = 0; i < 20; i++)
			add(&nodes[100 + i], 8 * (uintptr_t)(i + 20), false);
		for (int i = 0; i < Same; i++)
			add(&nodes[i], 80, false);
		drop(&root, &nodes[out]);
		add(&nodes[Same], 80, false);
		check_tree(root.treap, NULL, 0, UINTPTR_MAX);
		for (int i = 0; i <= Same; i++)
			if (i != out)
				cr_expect_eq(dequeue(&root, (void *)80), &nodes[i], "%d without %d", i, out);
		cr_expect_null(dequeue(&root, (void *)80));
		check_tree(root.treap, NULL, 0, UINTPTR_MAX);
	}
}

Test(treap, many_addresses)
{
	for (int i = 0; i < Many; i++) {
		add(&nodes[i], 8 * (uintptr_t)(i + 1), false); /* in order: the worst for a plain tree */
		if (i % 500 == 0)
			cr_assert_eq(check_tree(root.treap, NULL, 0, UINTPTR_MAX), i + 1);
	}
	cr_expect_eq(check_tree(root.treap, NULL, 0, UINTPTR_MAX), Many);
	cr_expect_lt(depth(root.treap), 60, "%d deep", depth(root.treap));
	cr_expect_null(dequeue(&root, (void *)4));
	srand(1);
	for (int left = Many; left > 0;) {
		int i = rand() % Many;
		bool there = nodes[i].addr != NULL;
		struct sudog *s = dequeue(&root, (void *)(8 * (uintptr_t)(i + 1)));

		cr_assert_eq(s, there ? &nodes[i] : NULL);
		if (!s)
			continue;
		s->addr = NULL;
		if (--left % 500 == 0)
			cr_assert_eq(check_tree(root.treap, NULL, 0, UINTPTR_MAX), left);
	}
	cr_expect_null(root.treap);
}

/* Many waiters for few addresses, first come first served, at random times. */
Test(treap, first_come_first_served)
{
	enum { Addresses = 37 };
	int first[Addresses] = {0}, next[Addresses] = {0}, total = 0;
	static struct sudog by[Addresses][400];

	srand(2);
	for (int i = 0; i < 20000; i++) {
		int a = rand() % Addresses;

		if (rand() % 2 && next[a] < 400) {
			add(&by[a][next[a]++], 16 * (uintptr_t)(a + 1), false);
			total++;
		} else {
			struct sudog *s = dequeue(&root, (void *)(16 * (uintptr_t)(a + 1)));

			cr_assert_eq(s, first[a] < next[a] ? &by[a][first[a]] : NULL);
			if (s)
				first[a]++;
		}
		if (i % 1000 == 0)
			check_tree(root.treap, NULL, 0, UINTPTR_MAX);
	}
	for (int a = 0; a < Addresses; a++)
		while (first[a] < next[a])
			cr_assert_eq(dequeue(&root, (void *)(16 * (uintptr_t)(a + 1))), &by[a][first[a]++]);
	cr_expect_null(root.treap);
	cr_expect_gt(total, 5000);
}

Test(treap, last_come_first_served)
{
	static const int order[] = {4, 2, 0, 1, 3};

	for (int other = 100; other < 110; other++)
		add(&nodes[other], 8 * (uintptr_t)other, false);
	add(&nodes[0], 4096, false);
	add(&nodes[1], 4096, false);
	add(&nodes[2], 4096, true); /* before the others */
	add(&nodes[3], 4096, false);
	add(&nodes[4], 4096, true);
	check_tree(root.treap, NULL, 0, UINTPTR_MAX);
	for (int i = 0; i < 5; i++) {
		cr_expect_eq(dequeue(&root, (void *)4096), &nodes[order[i]], "at %d", i);
		check_tree(root.treap, NULL, 0, UINTPTR_MAX);
	}
	cr_expect_null(dequeue(&root, (void *)4096));
	cr_expect_eq(check_tree(root.treap, NULL, 0, UINTPTR_MAX), 10);
}

/* ---- semaphores ---- */

static uint32_t sema;

Test(semaphore, taken_without_a_wait)
{
	runtime_semrelease(&sema, false);
	runtime_semrelease(&sema, true);
	cr_expect_eq(sema, 2u);
	runtime_semacquire(&sema, false, WaitSema);
	runtime_semacquire(&sema, true, WaitSema);
	cr_expect_eq(sema, 0u);
	cr_expect_eq(nparks, 0);
	cr_expect_eq(nreadied, 0);
}

static void release(void) { runtime_semrelease(&sema, false); }

Test(semaphore, waiter_is_woken)
{
	meanwhile = release;
	runtime_semacquire(&sema, false, WaitSema);
	cr_expect_eq(nparks, 1);
	cr_expect_eq(nreadied, 1);
	cr_expect_eq(readied[0], &g0);
	cr_expect_eq(sema, 0u);
	cr_expect_eq(nyields, 0);
	cr_expect_eq(rootof(&sema)->nwait, 0u);
}

static void hand_off(void)
{
	runtime_semrelease(&sema, true);
	cr_expect_eq(sema, 0u, "it is the waiter's already");
}

Test(semaphore, handed_to_the_waiter)
{
	meanwhile = hand_off;
	runtime_semacquire(&sema, false, WaitSema);
	cr_expect_eq(nparks, 1);
	cr_expect_eq(nyields, 1, "the releaser gives way");
	cr_expect_eq(sema, 0u);
}

/* Woken, but another was quicker: it waits again. */
static void release_and_take(void)
{
	runtime_semrelease(&sema, false);
	if (nparks < 3)
		cr_expect(cansemacquire(&sema));
}

Test(semaphore, waits_again_when_another_was_quicker)
{
	meanwhile = release_and_take;
	runtime_semacquire(&sema, false, WaitSema);
	cr_expect_eq(nparks, 3);
	cr_expect_eq(nreadied, 3);
	cr_expect_eq(sema, 0u);
}

static int32_t word = 7;

static void wake_word(void)
{
	word = 8;
	cr_expect(runtime_addrwake(&word));
	cr_expect_not(runtime_addrwake(&word), "there was one");
}

/* ---- waits that end by time ---- */

static void time_passes(void)
{
	timer->fn(timer, timer->when);
	cr_expect_not(runtime_addrwake(&word), "it is gone from the queue");
}

Test(semaphore, word_in_vain)
{
	meanwhile = time_passes;
	cr_expect_not(runtime_addrtimedwait(&word, 7, 50, WaitSema));
	cr_expect_eq(timer->when, 1050);
	cr_expect_eq(nparks, 1);
	cr_expect_eq(nreadied, 1);
	cr_expect_eq(rootof(&word)->nwait, 0u);
}

Test(semaphore, time_is_up_before_it_queues)
{
	atonce = true;
	cr_expect_not(runtime_addrtimedwait(&word, 7, 0, WaitSema));
	cr_expect_eq(nparks, 0);
	cr_expect_eq(nreadied, 0);
	cr_expect_eq(rootof(&word)->nwait, 0u);
}

static void wake_then_time(void)
{
	cr_expect(runtime_addrwake(&word));
	timer->fn(timer, timer->when);
}

Test(semaphore, woken_once_though_its_time_is_up_too)
{
	meanwhile = wake_then_time;
	runtime_addrtimedwait(&word, 7, 50, WaitSema);
	cr_expect_eq(nreadied, 1);
	cr_expect_eq(rootof(&word)->nwait, 0u);
}

Test(semaphore, wait_on_a_word)
{
	meanwhile = wake_word;
	runtime_addrwait(&word, 6, WaitSema); /* it is not: no wait */
	cr_expect_eq(nparks, 0);
	cr_expect_not(runtime_addrwake(&word));
	runtime_addrwait(&word, 7, WaitSema);
	cr_expect_eq(nparks, 1);
	cr_expect_eq(nreadied, 1);
	cr_expect_eq(rootof(&word)->nwait, 0u);
}
