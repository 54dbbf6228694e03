/* SPDX-License-Identifier: MIT */
/*
 * fork.c - the scheduler in a child of fork: one goroutine, one m, all else as
 * after the boot.
 *
 * Nothing of the parent's scheduler is taken over but the ps, the timers of the
 * program's own and the running goroutine with its m. The parent stopped the world:
 * no heap, channel or go_mutex was being changed; every other thread may have been
 * anywhere between, with sched.lock or not. So its lists are not repaired
 * but dropped, and locks are free because nobody is there. What is dropped is not
 * given back: ms, stacks and the gs on them cost the child only what the parent
 * writes to. They cannot be used again, for the waiters that they
 * hold are still on the queues of channels and go_conds; who takes one from there
 * asks runtime_gone.
 *
 * sysmon's thread is made when it is first needed (runtime_watch): with the first
 * goroutine, timer or thread that is made, or before the first call that may block
 * while inherited timers run.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

uint32_t runtime_forks;

/* Without a scheduler, too: the locks that libc's calls may want. */
void runtime_forkwipe(void)
{
	runtime_forkpersist();
	runtime_forkalloc();
	runtime_forkstacks();
	runtime_forksema();
	runtime_forkallgs();
	runtime_netpollfork();
	runtime_forksems();
	runtime_sigactionfork();
}

/* The lists and counts of ms, of idle ps and runnable gs. */
static void wipesched(m *mp)
{
	struct sched *s = &runtime_sched;

	s->lock.key = 0;
	s->midle = s->mfree = NULL;
	s->nmidle = s->nmidlelocked = s->nmsys = 0;
	s->nmfreed = (int32_t)s->mnext - 1;
	s->mainm = mp;
	s->pidle = NULL;
	s->npidle = s->nmspinning = 0;
	s->runqhead = s->runqtail = NULL;
	s->runqsize = 0;
	s->newmfailed = false;
	runtime_dying = 0;
	s->sysmonwait = 0;
	s->sysmonm = NULL;
	s->mainleft = NULL;
	runtime_noteclear(&s->sysmonnote);
	runtime_noteclear(&s->stopnote);
}

static void wipem(m *mp)
{
	mp->tid = runtime_gettid();
	mp->rand ^= (uint64_t)mp->tid << 32;
	mp->alllink = mp->schedlink = NULL;
	mp->oldp = mp->nextp = NULL;
	mp->cputimer = 0;
	mp->raw.busy = 0;
	runtime_noteclear(&mp->park);
	runtime_allm = mp;
}

void runtime_forksched(g *gp)
{
	struct sched *s = &runtime_sched;

	gp->forks = ++runtime_forks;
	runtime_maing = gp; /* what the process is sent is for it now */
	runtime_nosignals(gp);
	wipem(gp->m);
	wipesched(gp->m);
	runtime_addallg(gp);
	runtime_forkps();
	runtime_forktimers();
	runtime_forktemplate();
	runtime_forklooker();
	runtime_forksignals();
	s->nomain = gp->goid != 1;
	s->ngo = 1;
	runtime_startsysmon();
}
