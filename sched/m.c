/* SPDX-License-Identifier: MIT */
/*
 * m.c - threads: made, started on a p, put to sleep, ended.
 *
 * An m without work sleeps on m->park. Who wakes it has set m->nextp and given
 * up that p; the note's wake-up releases it, the m acquires it on waking. ms are
 * never unlinked from allm; one that ended is used again by the next newm.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

#include <errno.h>

m runtime_m0 nextbss;
m *runtime_allm;

int32_t runtime_mcount(void)
{
	return (int32_t)(runtime_sched.mnext - runtime_sched.nmfreed);
}

/* sched.lock held, except at boot. */
void runtime_mcommoninit(m *mp, int64_t id)
{
	mp->id = id;
	mp->rand = arch_cputicks() * 0x9e3779b97f4a7c15u ^ (uint64_t)(id + 1);
	mp->rand |= 1;
	mp->g0 = &mp->g0store;
	mp->g0->m = mp;
	mp->g0->guarded = true;
	mp->alllink = runtime_allm;
	store_rel(&runtime_allm, mp);
}

void runtime_mput(m *mp)
{
	mp->schedlink = runtime_sched.midle;
	runtime_sched.midle = mp;
	runtime_sched.nmidle++;
	runtime_checkdead();
}

m *runtime_mget(void)
{
	m *mp = runtime_sched.midle;

	if (mp) {
		runtime_sched.midle = mp->schedlink;
		runtime_sched.nmidle--;
		mp->schedlink = NULL;
	}
	return mp;
}

/* ---- start of a thread ---- */

/*
 * On g0, called by runtime_mstart. Where the stack's bounds are not known yet
 * they are the system's: a stack of the size asked for, of which this is the top.
 */
_Noreturn void runtime_mstart0(void)
{
	g *gp = getg();

	if (!gp->stacklo) {
		gp->stackhi = (uintptr_t)__builtin_frame_address(0);
		gp->stacklo = gp->stackhi - MStackSize + 1024;
	}
	runtime_mstart1();
	runtime_throw("runtime_mstart1 returned");
}

noinline void runtime_mstart1(void)
{
	g *gp = getg();
	m *mp = gp->m;

	if (gp != mp->g0)
		runtime_throw("bad runtime_mstart");
	runtime_gosave(&gp->sched); /* schedule and all that mcall runs start from here */
	runtime_asminit();
	runtime_minit();
	if (mp == &runtime_m0)
		runtime_mstartm0();
	if (mp->mstartfn)
		mp->mstartfn();
	if (mp != &runtime_m0) {
		runtime_acquirep(mp->nextp);
		mp->nextp = NULL;
	}
	runtime_schedule();
}

/* What only m0 does: after minit, so that this thread can take the signals. */
void runtime_mstartm0(void)
{
	runtime_bootstep("mstartm0");
	runtime_initsig();
}

/* NULL: out of memory. */
static m *allocm(void)
{
	static alignas(64) m second nextbss; /* sysmon's, made at the boot: in .bss, whose pages that touches anyhow */
	m *mp;

	runtime_lock(&runtime_sched.lock);
	mp = runtime_sched.mfree;
	if (mp) {
		runtime_sched.mfree = mp->schedlink;
		runtime_sched.nmfreed--;
		mp->schedlink = NULL;
		runtime_unlock(&runtime_sched.lock);
		return mp;
	}
	runtime_unlock(&runtime_sched.lock);
	mp = second.alllink ? runtime_persistenttry(sizeof *mp, 64) : &second;
	if (!mp)
		return NULL;
	runtime_lock(&runtime_sched.lock);
	runtime_mcommoninit(mp, runtime_sched.mnext++);
	runtime_unlock(&runtime_sched.lock);
	return mp;
}

static void freem(m *mp)
{
	runtime_lock(&runtime_sched.lock);
	mp->schedlink = runtime_sched.mfree;
	runtime_sched.mfree = mp;
	runtime_sched.nmfreed++;
	runtime_unlock(&runtime_sched.lock);
}

/* The program goes on with the ms it has; sysmon tries again. */
static noinline void newmfailed(int err)
{
	static uint32_t told;

	store(&runtime_sched.newmfailed, true);
	if (!xchg(&told, 1))
		runtime_print("runtime: cannot create a thread (error %d); going on with %d\n",
			      -err, runtime_mcount());
}

static void wakewith(m *mp, p *pp, bool spinning)
{
	mp->spinning = spinning;
	mp->nextp = pp;
	runtime_notewakeup(&mp->park);
}

/* The first thread's m, after its end: see mexit. sched.lock. */
static m *retired;

/* An m that sleeps until its wired g runs, and that g is queued: nobody else may be there to dequeue it. */
static m *wiredm(p *pp)
{
	bool inherit;
	g *gp;

	while ((gp = runtime_runqget(pp, &inherit)))
		runtime_globrunqput(gp);
	gp = runtime_globrunqwired();
	return gp ? gp->lockedm : NULL;
}

/* One that is counted in nmidlelocked and can do with pp; sched.lock held. */
static m *lastresort(p *pp)
{
	m *mp = wiredm(pp);

	if (!mp) {
		mp = retired;
		retired = NULL;
	}
	if (mp)
		runtime_sched.nmidlelocked--;
	return mp;
}

/*
 * No m could be made for pp (NULL: it was to run none). One may have come back from a system call meanwhile,
 * queued its g because no p was idle, and gone to sleep: that one takes it. If it
 * is still on its way to sleep, sysmon looks again (newmfailed).
 */
static noinline void nothread(p *pp, bool spinning)
{
	m *mp = NULL;

	runtime_lock(&runtime_sched.lock);
	if (pp && (mp = runtime_mget())) {
		runtime_unlock(&runtime_sched.lock);
		wakewith(mp, pp, spinning);
		return;
	}
	if (pp && !(mp = lastresort(pp)))
		runtime_pidleput(pp);
	runtime_unlock(&runtime_sched.lock);
	if (spinning)
		xadd(&runtime_sched.nmspinning, -1);
	if (mp)
		wakewith(mp, pp, false);
}

/* mp, set up by newm, gets its thread. On g0. False: refused, said so, and all given back. */
bool runtime_newthread(m *mp)
{
	p *pp = mp->nextp;
	bool spinning = mp->spinning;
	int err = runtime_newosproc(mp);

	if (err == 0)
		return true;
	mp->spinning = false;
	mp->nextp = NULL;
	freem(mp);
	newmfailed(err);
	nothread(pp, spinning);
	return false;
}

struct newm {
	m *mp;
	bool ok;
};

static void newm0(void *arg)
{
	struct newm *n = arg;

	n->ok = runtime_newthread(n->mp);
}

/*
 * A thread that runs fn, if any, and then goroutines on pp. spinning: it is
 * counted in nmspinning already. False: no thread could be had; it was said, and
 * pp is another's or idle.
 *
 * On a stack of its own runs sysmon, which has nothing to watch while main is alone: no
 * other goroutine to get a p for, no timer, no other thread. Its m is made now, its thread
 * with the first of these (runtime_watch): a program that has none saves an eighth of its boot.
 */
bool runtime_newm(void (*fn)(void), p *pp, bool spinning, void *stack)
{
	struct newm n = {.mp = allocm()};

	if (!n.mp) {
		newmfailed(-ENOMEM);
		nothread(pp, spinning);
		return false;
	}
	n.mp->mstartfn = fn;
	n.mp->nextp = pp;
	n.mp->spinning = spinning;
	n.mp->threadstack = stack;
	if (stack) {
		store(&runtime_sched.sysmonm, n.mp);
		return true;
	}
	runtime_watch();
	if (runtime_templatenewm(n.mp))
		return true;
	runtime_systemstack(newm0, &n);
	return n.ok;
}

/*
 * A thread that runs fn, and no goroutines. Counted as the system's: it makes nobody runnable of
 * its own accord. Not before it is there: in between checkdead would miss one that runs.
 */
bool runtime_newsysm(void (*fn)(void))
{
	struct sched *s = &runtime_sched;

	if (!runtime_newm(fn, NULL, false, NULL))
		return false;
	runtime_lock(&s->lock);
	s->nmsys++;
	runtime_checkdead();
	runtime_unlock(&s->lock);
	return true;
}

bool runtime_watching(void)
{
	return load_rlx(&runtime_sched.sysmonm) == NULL;
}

/* Without sysmon nothing takes ps back: so it is fatal. */
noinline void runtime_startwatch(void)
{
	struct newm n = {.mp = xchg(&runtime_sched.sysmonm, NULL)};

	if (!n.mp)
		return;
	runtime_systemstack(newm0, &n);
	if (!n.ok)
		runtime_fatal("cannot create the sysmon thread");
}

/* ---- sleeping and waking ---- */

void runtime_msleep(m *mp)
{
	runtime_rest(mp, true);
	runtime_notesleep(&mp->park);
	runtime_rest(mp, false);
	runtime_noteclear(&mp->park);
}

/* Sleep without a p until somebody gives one. On g0. */
void runtime_stopm(void)
{
	m *mp = getg()->m;

	if (mp->p || mp->spinning)
		runtime_throw("stopm holding a p or spinning");
	runtime_idlemask(mp);
	runtime_lock(&runtime_sched.lock);
	runtime_mput(mp);
	runtime_unlock(&runtime_sched.lock);
	runtime_msleep(mp);
	runtime_acquirep(mp->nextp);
	mp->nextp = NULL;
}

/*
 * Run pp on some m, an idle one or a new one. pp is the caller's; with NULL an
 * idle p is taken, if there is one. spinning: the caller counted one in
 * nmspinning, which passes to that m, or is taken back.
 */
void runtime_startm(p *pp, bool spinning)
{
	m *mp;

	runtime_lock(&runtime_sched.lock);
	if (!pp && !(pp = runtime_pidleget())) {
		runtime_unlock(&runtime_sched.lock);
		if (spinning)
			xadd(&runtime_sched.nmspinning, -1);
		return;
	}
	mp = runtime_mget();
	runtime_unlock(&runtime_sched.lock);
	if (mp) {
		wakewith(mp, pp, spinning);
		return;
	}
	if (load_rlx(&runtime_sched.newmfailed)) /* a moment ago: sysmon tries again, not every wake-up */
		nothread(pp, spinning);
	else
		runtime_newm(NULL, pp, spinning, NULL);
}

/*
 * This p is the last to go idle, and nobody would wait for descriptors: the other ms went to sleep
 * before anybody had to be waited for. sched.lock held.
 */
static bool unpolled(struct sched *s)
{
	return runtime_pollwaiters() > 0 && runtime_idlesleeping() == 0 &&
	       load(&s->npidle) + 1 >= (uint32_t)runtime_gomaxprocs;
}

/* Part with pp, whose m blocks: to another m if there is work for it, else it is idle. */
void runtime_handoffp(p *pp)
{
	struct sched *s = &runtime_sched;

	if (!runtime_runqempty(pp) || load_rlx(&s->runqsize)) {
		runtime_startm(pp, false);
		return;
	}
	if (load(&s->nmspinning) + load(&s->npidle) == 0 && cas(&s->nmspinning, 0u, 1u)) {
		runtime_startm(pp, true);
		return;
	}
	runtime_lock(&s->lock);
	if (load(&s->gcwaiting)) {
		store_rel(&pp->status, Pgcstop);
		if (--s->stopwait == 0)
			runtime_notewakeup(&s->stopnote);
		runtime_unlock(&s->lock);
		return;
	}
	if (s->runqsize || unpolled(s)) {
		runtime_unlock(&s->lock);
		runtime_startm(pp, false);
		return;
	}
	runtime_pidleput(pp);
	runtime_unlock(&s->lock);
	runtime_timerwake(load_rlx(&pp->timer0when));
}

/* ---- end of a thread ---- */

/*
 * This m ends; on g0. Its p goes on elsewhere. The process's first thread cannot
 * end without it, so it sleeps until there is work and no other thread to be had.
 */
_Noreturn void runtime_mexit(bool osstack)
{
	m *mp = getg()->m;

	runtime_handoffp(runtime_releasep());
	mp->lockedg = NULL; /* not before: a wired m's thread begets none, see template.c */
	if (osstack) {
		runtime_lock(&runtime_sched.lock);
		runtime_sched.nmidlelocked++;
		retired = mp;
		runtime_checkdead();
		runtime_unlock(&runtime_sched.lock);
		runtime_msleep(mp);
		runtime_acquirep(mp->nextp);
		mp->nextp = NULL;
		runtime_schedule();
	}
	runtime_unminit();
	runtime_cpusignalend(mp);
	runtime_lock(&runtime_sched.lock);
	mp->schedlink = runtime_sched.mfree;
	runtime_sched.mfree = mp;
	runtime_sched.nmfreed++;
	runtime_checkdead();
	runtime_unlock(&runtime_sched.lock);
	runtime_exitosproc();
}

/* ---- deadlock ---- */

struct census {
	int waiting, other;
};

/* Ends only by another thread, by plain C's rules: or a signal handler may, say, end the program. */
static bool inlibc(uint8_t why)
{
	return why >= WaitPthreadMutex && why <= WaitPthreadJoin;
}

static void count(g *gp, void *arg)
{
	struct census *c = arg;
	uint32_t s = load_rlx(&gp->status);

	if (s == Gwaiting && inlibc(gp->waitreason) && runtime_handlessignals())
		c->other++;
	else if (s == Gwaiting)
		c->waiting++;
	else if (s != Gdead && s != Gidle)
		c->other++;
}

static _Noreturn void deadlock(const char *msg)
{
	runtime_diestart();
	runtime_print("fatal error: %s\n", msg);
	runtime_tracebackexit(true);
}

/* Main alone is left, and waits for that (runtime_leavemain). sched.lock held; sysmon finds it an m. */
static void endmain(void)
{
	g *gp = xchg(&runtime_sched.mainleft, NULL);

	store_rlx(&gp->status, Grunnable);
	runtime_globrunqput(gp);
	store(&runtime_sched.newmfailed, true);
	runtime_sysmonwake();
}

/*
 * Nobody runs and nothing can wake anybody: say so. sched.lock held. A timer, a signal's handler
 * and an m in a system call can still wake somebody, and so can a thread of the
 * program's own. When one of those ends nobody is told, so sysmon looks again and
 * again while there are any. An m that ends (mexit) is taken for one from when it
 * is counted in nmfreed until its thread is gone.
 */
void runtime_checkdead(void)
{
	struct sched *s = &runtime_sched;
	int32_t run = runtime_mcount() - s->nmidle - s->nmidlelocked - s->nmsys -
		      runtime_idlesleeping();
	struct census c = {0, 0};

	if (run > 0 || load_rlx(&runtime_dying))
		return;
	if (run < 0)
		runtime_throw("checkdead: inconsistent counts");
	if (runtime_nexttimer() || runtime_pollwaiters() > 0)
		return;
	if (runtime_foreignthreads(runtime_mcount()) > 0) {
		runtime_sysmonwake();
		return;
	}
	if (runtime_semlate()) /* left by one that has ended since, perhaps */
		return;
	runtime_allgs(count, &c);
	if (c.other)
		return; /* one is between a queue and an m */
	if (c.waiting == 1 && load(&s->mainleft)) {
		endmain();
		return;
	}
	if (runtime_awaitssignals())
		return;
	runtime_unlock(&s->lock);
	if (c.waiting == 0)
		deadlock("no goroutines (main called runtime.Goexit) - deadlock!");
	deadlock("all goroutines are asleep - deadlock!");
}
