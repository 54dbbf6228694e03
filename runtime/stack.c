/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * stack.c - goroutine stacks. A slot of address space holds all that one
 * goroutine needs, and is committed page by page as it is touched:
 *
 *   low  | guard | stack, growing down ... | g | thread block, TLS | colour | high
 *
 * so that a parked goroutine with a shallow stack costs one page. The g is
 * never unmapped: it may be looked at after the goroutine's death.
 *
 * Colour: were every slot's top at the same place of its slot, all the hot
 * pages would share one set of the first-level TLB. Slot i leaves i % Colours
 * pages unused at its top.
 *
 * Slots come in classes, each twice the one before; class 0 is the default. The
 * ps and sched.gfree keep dead gs of class 0, freebig those of the others. A p cuts
 * slots of class 0 ahead (p->fresh), more at a time the more there are, up to Ahead.
 *
 * Where main is to have the usual 8 MiB its slot is part of the program (mainslot, near the
 * end of .bss): the boot makes no mapping, and shares page tables with the data. Its last page
 * holds MainBeside bytes of what follows it. The arena's NOHUGEPAGE it does not need: its top is
 * within huge-page size of the mapping's end.
 *
 * Guards: MADV_GUARD_INSTALL splits no mapping, so their number has no limit.
 * Kernels before 6.13 refuse it; then pages are made inaccessible while
 * vm.max_map_count allows, and after that a word at the low end is looked at
 * whenever the goroutine parks. Slots that are cut together get their guards by one
 * process_madvise [measured: 0.78 us each, 1.15 by a madvise each]; where
 * it is refused, or does not get through all of them, each of the rest gets its own when it
 * is handed out. To have the kernel fill the pages that will be used first in the same way
 * is no gain: of the 2.1 us that such a fault takes the trap is 0.2.
 *
 * A program that is marked as needing executable stacks (gcc's nested functions do) gets them.
 *
 * Lock: stacklock guards the arenas and freebig.
 */
#include "runtime.h"
#include "symtab.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

enum { Guard = 32 << 10, Colours = 8, Classes = 21, ClassMain = Classes };
enum { ArenaDefault = 1 << 30, LimitParts = 16, Ahead = 16, PidfdSelf = -10000 };
enum { MainBeside = 2304, MainSlot = StackMainMin + (128 << 10) - MainBeside, MainShallow = 128 << 10 };
static const uint64_t Canary = 0x5741434b53544143; /* where there is no guard */

enum guardkind { GuardMadvise, GuardMprotect, GuardCanary };

static mutex stacklock;
static struct {
	uintptr_t next, end; /* unused part of the newest arena */
	uint32_t nslots;     /* cut from all so far, of class 0 */
} arena;
static g *freebig[Classes + 1] bigbss; /* main's is never taken from it */
static char mainslot[MainSlot] mainbss;
extern char _end[]; /* of .bss, by the linker */
static int protection = PROT_READ | PROT_WRITE;
uint64_t runtime_oslimit;
static size_t slot0; /* class 0's size: StackDefault, or more when TLS is large */
static enum guardkind guardkind;
static bool nomany; /* atomic; process_madvise was refused */

static size_t slotsize(int class)
{
	return slot0 << class;
}

void runtime_stackinit(void)
{
	size_t overhead = Guard + Colours * runtime_physpagesize + sizeof(g) + 128;
	uintptr_t lo, hi;

	runtime_lockinit(&stacklock, RankStack);
	slot0 = StackDefault;
	while (slot0 < overhead + runtime_tlssize() + StackDefault / 2)
		slot0 *= 2;
	guardkind = (enum guardkind)runtime_debug.stackguard;
	if (runtime_findsegment(PT_GNU_STACK, PF_X, 0, &lo, &hi))
		protection |= PROT_EXEC;
}

/* Where the program's address space is limited an arena is a small part of it. */
static size_t arenasize(size_t least)
{
	static const int limits[] = {RLIMIT_AS, RLIMIT_DATA};
	size_t size = ArenaDefault;

	for (size_t i = 0; i < nelem(limits); i++) {
		struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

		arch_syscall3(SYS_getrlimit, limits[i], (long)&r, 0);
		if (r.rlim_cur / LimitParts < size)
			size = r.rlim_cur / LimitParts & -(size_t)StackDefault;
	}
	return size > least ? size : least;
}

/* A slot of n bytes from the newest arena, or from a new one; 0: out of memory. */
static uintptr_t slotalloc(size_t n)
{
	size_t want;
	long p;

	if (arena.end - arena.next < n) {
		want = arenasize(n);
		do
			p = arch_syscall6(SYS_mmap, 0, (long)want, protection,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		while (p < 0 && p > -4096 && (want /= 2) >= n);
		if (p < 0 && p > -4096)
			return 0;
		arch_syscall3(SYS_madvise, p, (long)want, MADV_NOHUGEPAGE);
		arena.next = (uintptr_t)p;
		arena.end = arena.next + want;
	}
	arena.next += n;
	return arena.next - n;
}

static bool guardinstall(uintptr_t lo)
{
	if (guardkind == GuardMadvise &&
	    arch_syscall3(SYS_madvise, (long)lo, Guard, MADV_GUARD_INSTALL) < 0)
		guardkind = GuardMprotect;
	if (guardkind == GuardMprotect &&
	    arch_syscall3(SYS_mprotect, (long)lo, Guard, PROT_NONE) < 0)
		guardkind = GuardCanary;
	if (guardkind == GuardCanary)
		*(uint64_t *)(lo + Guard) = Canary;
	return guardkind != GuardCanary;
}

/* The guards of n slots of class 0, the first at lo, by one call. How many it has made. */
static size_t guardmany(uintptr_t lo, size_t n)
{
	struct iovec v[Ahead];
	long r;

	if (n < 2 || guardkind != GuardMadvise || load_rlx(&nomany))
		return 0;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct iovec){(void *)(lo + i * slot0), Guard};
	r = arch_syscall6(SYS_process_madvise, PidfdSelf, (long)v, (long)n, MADV_GUARD_INSTALL, 0, 0);
	if (r < 0)
		store_rlx(&nomany, true);
	return r < 0 ? 0 : (size_t)r / Guard;
}

/* Slots of class 0 for pp, an eighth of what there is, but no more than the arena has left. */
static bool cutfresh(p *pp)
{
	size_t n, room;
	uintptr_t lo;

	runtime_lock(&stacklock);
	n = arena.nslots / 8 < Ahead ? arena.nslots / 8 + 1 : Ahead;
	lo = slotalloc(slot0);
	room = (arena.end - arena.next) / slot0 + 1;
	if (n > room)
		n = room;
	if (lo) {
		arena.next = lo + n * slot0;
		arena.nslots += (uint32_t)n;
	}
	runtime_unlock(&stacklock);
	if (!lo)
		return false;
	pp->fresh.next = lo;
	pp->fresh.end = lo + n * slot0;
	pp->fresh.guarded = lo + guardmany(lo, n) * slot0;
	return true;
}

/* Lay a new slot out, its g at Gdead. guarded: it has its guard already. */
static g *slotinit(uintptr_t lo, size_t n, bool guarded, uintptr_t colour)
{
	uintptr_t hi = lo + n - colour % Colours * runtime_physpagesize;
	uintptr_t tls = (hi - runtime_tlssize()) & -(uintptr_t)64;
	g *gp = (g *)((tls - sizeof(g)) & -(uintptr_t)64);

	gp->guarded = guarded || guardinstall(lo);
	gp->stacklo = lo + Guard;
	gp->stackhi = (uintptr_t)gp;
	gp->status = Gdead;
	gp->sched.tp = runtime_tlsnew((void *)tls, gp);
	return gp;
}

static int classof(size_t bytes)
{
	size_t overhead = Guard + Colours * runtime_physpagesize + runtime_tlssize() +
			  sizeof(g) + 128;
	int class = 0;

	if (bytes == 0)
		return 0;
	while (class < Classes && (slotsize(class) < bytes || slotsize(class) - bytes < overhead))
		class++;
	return class;
}

/*
 * mainslot will do: it is large enough, and the kernel will not put a huge page at its top,
 * for the mapping ends before that would, nor right below the part that main is likely to use.
 */
static bool mainfits(uintptr_t slot, size_t bytes)
{
	uintptr_t top = slot + MainSlot, huge = top & -runtime_hugepagesize;

	return bytes <= StackMainMin && runtime_tlssize() <= MainShallow / 4 &&
	       top - huge >= MainShallow &&
	       (((uintptr_t)_end + 4095) & -(uintptr_t)4096) < huge + runtime_hugepagesize;
}

/* The first g of all, for main. NULL when out of memory. */
g *runtime_stackmain(size_t bytes, p *pp)
{
	uintptr_t slot = (uintptr_t)mainslot;
	g *gp;

	if (!mainfits(slot, bytes))
		return runtime_stackalloc(bytes, pp);
	if (protection & PROT_EXEC)
		arch_syscall3(SYS_mprotect, (long)slot, MainSlot, protection);
	gp = slotinit(slot, MainSlot, false, 0);
	gp->sizeclass = ClassMain;
	runtime_addallg(gp);
	return gp;
}

/* gp, on the slot at lo, is listed; or NULL, and that stays a hole in the arena. */
static g *listed(g *gp, uintptr_t lo, int class)
{
	gp->sizeclass = (uint8_t)class;
	if (runtime_addallg(gp))
		return gp;
	runtime_sysfree((void *)lo, slotsize(class));
	return NULL;
}

static g *allocdefault(p *pp)
{
	uintptr_t lo = pp->fresh.next;

	if (lo == pp->fresh.end) {
		if (!cutfresh(pp))
			return NULL;
		lo = pp->fresh.next;
	}
	pp->fresh.next = lo + slot0;
	return listed(slotinit(lo, slot0, lo < pp->fresh.guarded, lo / slot0), lo, 0);
}

static g *allocbig(int class)
{
	uintptr_t lo = 0;
	size_t n = slotsize(class);
	g *gp;

	runtime_lock(&stacklock);
	if ((gp = freebig[class]))
		freebig[class] = gp->schedlink;
	else
		lo = slotalloc(n);
	runtime_unlock(&stacklock);
	if (gp)
		gp->schedlink = NULL;
	else if (lo)
		gp = listed(slotinit(lo, n, false, lo / n), lo, class);
	return gp;
}

g *runtime_stackalloc(size_t bytes, p *pp)
{
	int class = classof(bytes);

	if (class == Classes)
		return NULL;
	return class ? allocbig(class) : allocdefault(pp);
}

/* The pages below the one that the g is in; they come back zeroed. */
void runtime_stacktrim(g *gp)
{
	uintptr_t top = (uintptr_t)gp & -runtime_physpagesize;

	if (gp->guarded)
		arch_syscall3(SYS_madvise, (long)gp->stacklo, (long)(top - gp->stacklo),
			      MADV_DONTNEED);
}

void runtime_stackfree(g *gp)
{
	runtime_stacktrim(gp);
	runtime_lock(&stacklock);
	gp->schedlink = freebig[gp->sizeclass];
	freebig[gp->sizeclass] = gp;
	runtime_unlock(&stacklock);
}

/* Those of the gone are not used again: sudogs on them may still be queued somewhere. */
void runtime_forkstacks(void)
{
	stacklock.key = 0;
	memset(freebig, 0, sizeof freebig);
}

/* As much as the OS gives a main thread, but no less than 8 MiB, and no more than 1 GiB. */
size_t runtime_mainstacksize(void)
{
	if (runtime_oslimit == RLIM_INFINITY || runtime_oslimit < StackMainMin)
		return StackMainMin;
	return runtime_oslimit < (1 << 30) ? runtime_oslimit : 1 << 30;
}

uintptr_t runtime_stackguard(g *gp, uintptr_t *size)
{
	*size = Guard;
	return gp->stacklo - Guard;
}

bool runtime_stackcanaryok(g *gp)
{
	return gp->guarded || *(uint64_t *)gp->stacklo == Canary;
}
