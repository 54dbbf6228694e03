/* SPDX-License-Identifier: MIT */
/*
 * signals.h - signals, of the threads and of the goroutines: what signal.c,
 * sigaction.c, sigroute.c and sigpend.c offer each other, the seam to musl and the scheduler.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "runtime.h"

/* ---- runtime/signal.c ---- */
void runtime_asminit(void);
void runtime_minit(void);     /* signal stack and mask of this m */
void runtime_unminit(void);
void runtime_sigsave(m *mp);
void runtime_initsig(void);
void runtime_setmask(g *gp);  /* gp is about to run on this m */
void runtime_setkernelmask(uint64_t mask);
void runtime_recordmask(g *gp, uint64_t mask); /* it was set: gp runs with it, on this m */
void runtime_readmask(g *gp);
void runtime_idlemask(m *mp); /* this m goes idle */
void runtime_idlehandled(m *mp, ucontext_t *uc); /* a handler that struck this m on g0 is done */
void runtime_remask(ucontext_t *uc); /* SIGURG's handler: what maskidle asked for */
static inline uint64_t sigbit(int sig) { return UINT64_C(1) << (sig - 1); }
#define LibcSignals (UINT64_C(7) << 31) /* 32 to 34, never the program's: __synccall waits for each thread */

/* ---- runtime/sigaction.c ---- */
bool runtime_handlessignals(void);
bool runtime_awaitssignals(void);
void runtime_setsig(int sig, void (*fn)(int, siginfo_t *, void *));
void runtime_defaultsig(int sig);
bool runtime_ignored(int sig); /* for the kernel */
bool runtime_handlerends(uintptr_t pc); /* between a handler's return and the interrupted code */
long runtime_signalfd(int fd, const void *set, long size, long flags);
bool runtime_handles(int sig); /* the program has a handler for it */
bool runtime_callhandler(int sig, siginfo_t *si, void *uc);
void runtime_sighandler(int sig, siginfo_t *si, void *uc);
void runtime_leavehandlers(uintptr_t sp);
void runtime_endhandlers(g *gp); /* gp, running, will not return to any */
void runtime_unwindhandlers(g *gp); /* it is about to jump out of some, and wants its mask back */
void runtime_sigactionfork(void); /* in the child */

/* ---- runtime/sigroute.c ---- */
extern g *runtime_maing; /* the main goroutine, NULL before it is made */
int runtime_signalg(g *gp, int sig);
int runtime_signalself(int sig);
void runtime_forksignals(void);
void runtime_signalsread(uint64_t set); /* the program has a signalfd for them */
bool runtime_signalown(int pid, int sig, const siginfo_t *si);
void runtime_releasesignal(g *gp, int sig);
void runtime_forgetsignal(int sig);
void runtime_signaljoined(siginfo_t *si); /* it stands for one to the goroutine, too */
bool runtime_routesignal(int sig, siginfo_t *si, void *uc);
void runtime_sigpoll(void);
/* runtime/musl_sem.c: posts by signal handlers and threads, left with sysmon */
void runtime_sempoll(void);
bool runtime_semlate(void);
void runtime_forksems(void);
_Noreturn void runtime_stackoverflow(g *gp);

/* ---- runtime/sigpend.c ---- */
enum { FirstRealtime = 65 - MaxRealtime };
static inline bool runtime_isrealtime(int sig) { return sig >= FirstRealtime; }
static inline bool runtime_sigtake(uint64_t *set, int sig)
{
	return __atomic_fetch_and(set, ~sigbit(sig), __ATOMIC_SEQ_CST) & sigbit(sig);
}
static inline bool runtime_sigput(uint64_t *set, int sig)
{
	return __atomic_fetch_or(set, sigbit(sig), __ATOMIC_SEQ_CST) & sigbit(sig);
}
bool runtime_putsig(g *gp, int sig);  /* it is pending for gp; false: too many are */
bool runtime_takesig(g *gp, int sig); /* one of those; false: there is none */
void runtime_nosignals(g *gp); /* none is pending for it */
void runtime_givepending(g *gp); /* what is becomes its thread's, for execve */
bool runtime_sentbyus(const siginfo_t *si); /* tkill of our own: raise, pthread_kill, a request to preempt */
void runtime_passin(g *gp, int sig); /* it waits for that */
int runtime_sigtothread(m *mp, int sig);
long runtime_sigwaitcall(g *gp, syscallfn *call, long nr, long a, long b, long c, long d);
void runtime_sigwaitleft(g *gp); /* such a call is over, however it was left */
unsigned runtime_howmany(g *gp, int sig); /* are pending for it */

#endif
