/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - the core types, g, m and p, and the services below goroutines.
 *
 * g is a goroutine, m an OS thread, p the right to run goroutines. An m needs a
 * p to run a g. Each m has a g0, whose stack is the thread's own and which runs
 * the scheduler; getg() is g0 there. FS points at the running g's thread block,
 * so getg() is one load and is NULL on a thread that is not ours.
 *
 * runtime_x crosses files, go_x is public (go.h), all else is static. Sections
 * carry the name of the file that defines what they list. What fewer files share has
 * headers of its own: signals.h, netpoll.h and, not for this room, sched/sched.h.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include "arch_amd64.h"
#include "atomic.h"
#include "go.h"
#undef go_panic /* the runtime's messages do not need libc's formatter */

#ifndef DEBUG
#define DEBUG 0
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* How many of s's first n characters come before the first c or the end. Libc's are long. */
static inline size_t runtime_span(const char *s, size_t n, char c)
{
	size_t i = 0;

	while (i < n && s[i] && s[i] != c)
		i++;
	return i;
}

#define nelem(a) (sizeof(a) / sizeof((a)[0]))
#define noinline __attribute__((noinline))
#define cold __attribute__((cold)) /* built small, in the files that are built fast */
/*
 * Large or seldom touched: kept apart, so that the small things of .bss share few pages. mainbss is
 * main's stack, and nextbss next to its top. See tools/gocrt.ld.
 */
#define bigbss __attribute__((section(".bss.big")))
#define mainbss __attribute__((section(".bss.main"), aligned(4096)))
#define nextbss __attribute__((section(".bss.next")))
#define fdsbss __attribute__((section(".bss.fds"))) /* next to that */
#define printflike(f, a) __attribute__((format(printf, f, a)))

typedef struct g g;
typedef struct m m;
typedef struct p p;

/*
 * A goroutine's states, as Go's. Who owns the g: who may change its status, its
 * links and its saved context.
 */
enum {
	Gidle,	   /* just made, on no list; its maker's */
	Grunnable, /* on exactly one run queue (or in its taker's hand); the queue's owner's */
	Grunning,  /* on no queue, g->m is set and g->m->curg == g; its own */
	Gsyscall,  /* as Grunning, but its m has no p of its own and may run no program code but the call */
	Gwaiting,  /* parked: on no run queue; belongs to what it waits for, whose waker makes it runnable */
	Gdead = 6, /* ended or never used: on a free list (or in its taker's hand); the list's owner's */
};

/* A p's states, as Go's. */
enum {
	Pidle,	  /* on sched.pidle, under sched.lock; its run queue is empty unless no m could be made for it */
	Prunning, /* p->m's, which alone runs goroutines on it */
	Psyscall, /* its old m is in a system call and may take it back by a cas; so may sysmon take it away */
	Pgcstop,  /* the world is stopped; the stopper's */
	Pdead,	  /* beyond GOMAXPROCS; kept for a later increase */
};

/* Why a g is parked; runtime_waitreasons has the words. */
enum waitreason {
	WaitNone,
	WaitSleep,
	WaitMutex,
	WaitWaitGroup,
	WaitSema,
	WaitRWMutexR,
	WaitRWMutexW,
	WaitCond,
	WaitFileLock,
	WaitPthreadMutex,
	WaitPthreadRwlock,
	WaitPthreadCond,
	WaitPthreadBarrier,
	WaitSemaphore,
	WaitPthreadOnce,
	WaitPthreadJoin,
	WaitExit,
	WaitChanRecv,
	WaitChanSend,
	WaitChanRecvNil,
	WaitChanSendNil,
	WaitSelect,
	WaitForever,
	WaitIO,
	NWaitReason,
};

/* What is kept of a stopped g: sp points at the frame that asm_amd64.S describes; tp is its thread pointer. */
typedef struct {
	uintptr_t sp;
	uintptr_t tp;
} gobuf;

enum { MaxRealtime = 30 }; /* signals; the last ones */

struct g {
	gobuf sched; /* valid unless Grunning; first: assembly knows the offsets */
	m *m;	     /* while running or in a system call */
	uintptr_t stacklo; /* lowest usable byte; the guard is below */
	uintptr_t stackhi; /* one past the highest */
	struct handling *handling; /* the innermost of the program's signal handlers that runs on it */

	uint32_t status;    /* atomic; see above */
	uint8_t waitreason; /* of type waitreason, while Gwaiting */
	bool trimmed;	    /* while dead: its stack was given back */
	bool deep;	    /* its stack is known to have gone deep: trim it at the end */
	bool usedup;	    /* while on the global queue: it is there since its slice was used up */
	uint8_t sizeclass;  /* of the stack, see stack.c */
	bool guarded;	    /* the stack has a guard; else a canary word */
	g *schedlink;	    /* next on the run queue or free list that the g is on */
	uint64_t sigmask;   /* the goroutine's own signal mask, see signal.c */

	void (*startfn)(void *); /* set once by newproc */
	uintptr_t gopc;	   /* where the go call was */
	uint64_t parentid; /* who made it */
	uint64_t goid;
	uint32_t forks;	  /* runtime_forks when it was made, or survived one */
	uint8_t vforking; /* not 0: libc's calls are the kernel's, see runtime/fork.c */
	uint16_t nopreempt; /* of libc's locks that it holds, and so on: more than 0, no slice is taken in libc */
	m *lockedm; /* set: runs on that m only (runtime.LockOSThread) */

	uint32_t lockedext; /* go_lock_os_thread's nesting */
	uint32_t lockedint; /* the runtime's own */
	uint64_t iowait;    /* atomic; which of its waits in sched/netpoll.c this is and how far, see there */
	uint64_t sigpending; /* atomic; signals sent to it, see sigroute.c */

	g *siglink;	     /* see sigroute.c */
	uint32_t sigqueued;  /* atomic; on that list */
	uint8_t sighandled;  /* SigRan, SigNoRestart: what the program's handlers did since it was cleared */
	bool incall;	     /* in the system call itself, neither on the way to it nor back */
	bool sigheld;	     /* its signals wait for the end of a pollwait */
	bool receiving;	     /* in the system call that sends itself a signal which is pending */
	uint8_t atpoint;     /* atomic; in a cancellation point, see musl_cancel.c */
	bool givesway;	     /* its next unlock yields, see sema.c */
	bool leavesmain;     /* it ends by pthread_exit of main's, not by go_exit */
	uint32_t leaving;    /* how often it has begun to end; see panic.c */
	const int32_t *waitword; /* atomic; the word that it waits for in sema.c */
	void *altstack;	     /* sigaltstack's, NULL: none */
	size_t altstacksize;

	/* See sched/panic.c; its own. Each record begins with the next older one, which longjmp counts on. */
	struct go_deferred *defers;  /* newest first */
	struct trying *trying;	     /* innermost go_try */
	struct panicking *panics;    /* innermost go_panic */
	char *panicmsg;		     /* what go_try returned last; kept with the g */

	char name[32];	      /* go_set_name's */
	uint64_t sigwaits;    /* atomic; it is in a call that waits for these, and blocks them */
	uint32_t door;	      /* atomic; see sigpend.c */
	uint8_t rtpending[MaxRealtime]; /* atomic; how many of each real-time signal are in sigpending */

	/* The last wait for a word that sema.c made it wait for, and those in vain before it. */
	const void *waitedword;
	int64_t waitedsince, waiteduntil;
};

/* A list of gs by schedlink, to be queued. */
struct glist {
	g *head, *tail;
	int32_t n;
};

/* A handler of the program's that runs, in our frame that calls it: see sigaction.c. */
struct handling {
	struct handling *outer;
	uintptr_t sp;
	bool onstack; /* where the program has asked for its own signal stack */
};

/* A sleeping place: one sleeper, one waker, one time, then noteclear. */
typedef struct {
	uint32_t key; /* futex: 0 not yet woken, 1 woken */
} note;

/* A mutual exclusion lock for the runtime's own short sections; never held across a park. */
typedef struct {
	uint32_t key; /* futex: 0 free, 1 held, 2 held and slept on */
#if DEBUG
	uint8_t rank; /* see lockrank in lock_futex.c */
#endif
} mutex;

/* A program's signal handler ran on behalf of a goroutine; ... and was installed without SA_RESTART. */
enum { SigRan = 1, SigNoRestart = 2 };

/* A system call that an m was seen blocked in with its p. */
struct rawcall {
	uint32_t busy; /* atomic; a sender has it, or its thread */
	long nr;       /* atomic; released by the sender, NoCall while the rest changes */
	uintptr_t arg[6], sp, pc;
	int64_t since;	 /* when it was seen last */
	int64_t elapsed; /* its m's: for how long the call that is made again had waited */
};
enum { NoCall = -1 };

/* What a switch leaves for its successor to do to the g that was left: see sched/proc.c. */
enum finish { FinishNone, FinishPark, FinishYield, FinishExit };

struct m {
	g *g0; /* first: assembly knows the offsets */
	struct g g0store; /* what g0 points at */
	g *curg; /* the g that runs or is in a system call here */

	uint8_t finish; /* of type finish: owed to finishg by whatever runs next here */
	g *finishg;
	bool (*waitunlockf)(g *, void *); /* FinishPark: false cancels the park */
	void *waitlock;

	p *p;	  /* held p, NULL when in a system call or idle */
	p *nextp; /* to take on waking; set by the waker */
	p *oldp;  /* held before the system call */
	uint64_t sigmask; /* the thread's signal mask, as set through us */
	uint64_t rand;	  /* state of runtime_rand */

	int64_t id;
	int32_t tid;	  /* the kernel's */
	bool spinning;	  /* out of work and looking for it; counted in sched.nmspinning */
	void (*mstartfn)(void);
	note park;
	m *alllink;   /* on allm, for ever */
	m *schedlink; /* on sched.midle or sched.mfree */
	g *lockedg;   /* runs this g only */
	void *altstack;	    /* signal stack, kept when the m is used again */
	size_t altstacksize;
	void *threadstack;  /* for the thread, NULL: its own; see newosproc */
	uint64_t heldranks; /* DEBUG: locks held, by rank */

	int32_t cputimer;   /* see runtime/cpusignal_linux.c; the timer's id and 1, 0: none */
	uint32_t remask;    /* atomic; an idle m is to take the main goroutine's mask */
	uint32_t poked;	    /* atomic; signals that sigroute.c sent here and that may not have come */
	uint8_t handlers;   /* of the program's signals that this g0 is in */
	bool resting;	    /* asleep on g0, with no lock: a handler that strikes it may do what it likes */
	struct rawcall raw; /* see sched/rawcall.c */
	m *servicelink;	    /* see sched/service.c */
};

enum { MaxProcs = 1024 };
enum { RunqSize = DEBUG ? 8 : 256, YoungSize = DEBUG ? 4 : 64, GidBatch = 16, GfreeMax = DEBUG ? 4 : 64 };

struct timer;

struct p {
	int32_t id;
	uint32_t status; /* atomic; see above */
	p *link;	 /* on sched.pidle */
	m *m;		 /* back-link, NULL when idle or in a system call */
	uint32_t schedtick;   /* counts execute()s; its m writes, sysmon reads */
	uint32_t syscalltick; /* counts system calls, likewise */
	bool preempt;	      /* atomic; sysmon asks for the slice back, the next schedule clears it */
	uint32_t nswitch;     /* direct switches, for the every-so-often checks */
	bool globalfirst;     /* the next schedule looks at the global queue first; its m's */
	bool globalwas;	      /* the last one did, and does not do so twice running */
	uint8_t duewas;	      /* how often running it gave way to timers that were due; at most DueFirst times */
	uint64_t goidcache, goidcacheend;
	p *stealfrom;	    /* whom its m looked at last to steal from, */
	uint32_t stealtick; /* and how far that one was */
	uint32_t stealwait; /* and how long it waits before it steals, see runq.c */
	uint64_t stealtime; /* and when it last stole, in cycles */
	uint32_t chanwait;  /* how long it stood back from a contended channel last, see chan.c */
	uint64_t chantime;  /* and when it last got the lock of one, in cycles */

	/* sched/time.c */
	mutex timerlock;
	struct timerent { /* 4-ary heap, earliest first; under timerlock */
		int64_t when;
		uintptr_t t; /* struct timer *; or g *, and 1: it sleeps */
	} *timers;
	uint32_t ntimers, captimers;
	struct timer *firing; /* set under timerlock by the m that runs its fn, cleared by it without (release) */
	int64_t timer0when; /* atomic; timers[0].when, or 0 when there is none */

	/*
	 * Run queue. head is advanced by cas by its m and by thieves; tail is
	 * stored by its m alone. runnext is what goes before the head: its m puts
	 * it, its m and thieves take it by cas.
	 */
	alignas(64) uint32_t runqhead;
	uint32_t runqtail;
	g *runnext;
	uint32_t younghead; /* spawned here, not run yet: see sched/young.h */
	uint32_t youngtail;
	g *runq[RunqSize];
	g *young[YoungSize];

	/* Dead gs with the default stack, last in first out; its m's. */
	g *gfree[GfreeMax];
	int32_t ngfree;
	struct { /* stack slots cut ahead: stack.c's, on its m */
		uintptr_t next, end;
		uintptr_t guarded; /* those below it have their guards */
	} fresh;

	int32_t npollwait; /* netpoll waits begun less those ended on this p; all ps' sum counts. Its m's */
};

extern m runtime_m0;
extern m *runtime_allm;	 /* atomic, grows at the head */
extern p **runtime_allp; /* gomaxprocs of them alive; changed with the world stopped */
extern p *runtime_onlyp;  /* the one, while there is one; NULL with several, and in the debug build: see runtime_alone */
extern char runtime_text[], runtime_boottext[], runtime_stext[], runtime_etext[]; /* see tools/gocrt.ld */
extern int32_t runtime_gomaxprocs, runtime_ncpu;
extern uint32_t runtime_forks; /* how many lie between the first process and this one */
extern size_t runtime_physpagesize, runtime_hugepagesize;

/* The runtime's own code. */
static inline bool runtime_owntext(uintptr_t pc)
{
	return (pc >= (uintptr_t)runtime_text && pc < (uintptr_t)runtime_boottext) ||
	       (pc >= (uintptr_t)runtime_stext && pc < (uintptr_t)runtime_etext);
}

/* The running g. Never cached across anything that may park: FS moves with the goroutine. */
extern _Thread_local g *runtime_g __attribute__((tls_model("local-exec")));
static inline g *getg(void) { return runtime_g; }

/* Around a sleep of this m's on g0 in which it holds no lock. */
static inline void runtime_rest(m *mp, bool on)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store_rlx(&mp->resting, on);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* ---- rt0/asm_amd64.S ---- */
void runtime_switch(gobuf *from, gobuf *to, m *mp); /* to's side runs runtime_finishswitch(mp) first */
void runtime_swap(gobuf *from, gobuf *to, m *mp);   /* the same with nothing to finish */
_Noreturn void runtime_gogo(gobuf *to);
void runtime_mcall(void (*fn)(g *)); /* fn runs on g0 with the left g and does not return */
void runtime_gosave(gobuf *buf); /* calls onto this stack begin below the caller's frame from now on */
void runtime_systemstack(void (*fn)(void *), void *arg); /* fn(arg) on g0's stack; plain call when there already */
void runtime_goentry(void);	     /* where a new goroutine's first frame returns to, in runtime_gostart */
_Noreturn void runtime_mstart(void);
extern void (*const runtime_mainPC)(void *);

/* ---- boot: runtime/check.c, args.c, os_linux.c, env.c ---- */
void runtime_check(void);
void runtime_args(int argc, char **argv);
void runtime_osinit(void);
void runtime_goargs(void);
void runtime_goenvs(void);
void runtime_parsedebugvars(void);
const char *runtime_getenv(const char *name);
void runtime_badenv(const char *var, const char *value, size_t n); /* reports it as ignored */
bool runtime_atoi32(const char *s, size_t n, int32_t *v); /* false: not a number, or too large */
uintptr_t runtime_auxv(unsigned long type); /* 0 when absent */
extern int runtime_argc;
extern char **runtime_argv, **runtime_envp;
struct debugvars {
	int32_t inittrace, schedtrace, scheddetail, gctrace, asyncpreemptoff;
	int32_t stackguard; /* 1: mprotect, 2: canary, as on kernels without guard pages; for tests */
	int32_t slice; /* microseconds, 0: the usual; for tests */
	int32_t nofsgsbase; /* switch by system call, as on CPUs without it; for tests */
	const char *trace;  /* not terminated */
	size_t tracelen;
	int32_t traceback; /* GOTRACEBACK: 0 none, 1 single, 2 all, 3 crash */
	int32_t gomaxprocs; /* from the environment, 0 when unset */
};
extern struct debugvars runtime_debug;
void runtime_bootstep(const char *step); /* note the time, for GODEBUG=inittrace=1 */
void runtime_bootreport(void);

/* ---- runtime/os_linux.c ---- */
int32_t runtime_gettid(void);
int runtime_signalm(m *mp, int sig);
int runtime_futexsleep(uint32_t *addr, uint32_t val, int64_t ns); /* ns < 0: no limit */
void runtime_futexwakeup(uint32_t *addr, int n);
void runtime_usleep(uint32_t us);
void runtime_osyield(void);
int64_t runtime_nanotime(void);
extern int (*runtime_vdsoclock)(clockid_t clk, struct timespec *ts);
int runtime_clock(clockid_t clk, struct timespec *ts); /* 0 or -errno */
void *runtime_sysalloc(size_t n);   /* zeroed pages, NULL when there is none */
void runtime_sysfree(void *p, size_t n);
void *runtime_persistentalloc(size_t n, size_t align); /* zeroed, never freed; fatal when out of memory */
void *runtime_persistenttry(size_t n, size_t align);   /* the same, NULL when out of memory */
void runtime_forkpersist(void); /* in a child of fork, as all runtime_fork*() */
void runtime_mallocinit(void);

/* ---- runtime/alloc.c ---- */
void *runtime_alloc(size_t n); /* at a cache line's begin, not zeroed; NULL when out of memory. n > 0 */
void runtime_free(void *p, size_t n); /* n as it was asked for */
void runtime_allocinit(void);
void runtime_forkalloc(void);

/* ---- runtime/gc.c ---- */
void runtime_gcinit(void);
extern int32_t runtime_gcpercent;
extern int64_t runtime_memorylimit;

/* ---- runtime/cpusignal_linux.c ---- */
bool runtime_cpusignal(m *mp); /* mp->raw.busy held */
void runtime_cpusignalend(m *mp);
bool runtime_iscpusignal(const siginfo_t *si);

/* ---- runtime/lock_futex.c ---- */
enum lockrank { RankNone, RankAllg, RankGoTimer, RankChan, RankTimer, RankSema, RankPoll, RankSched, RankGfree, RankStack, RankAlloc, RankPersist, RankPrint };
void runtime_lockinit(mutex *l, enum lockrank rank);
void runtime_lock(mutex *l);
void runtime_unlock(mutex *l);
void runtime_noteclear(note *n);
void runtime_notewakeup(note *n);
void runtime_notesleep(note *n);
bool runtime_notetsleep(note *n, int64_t ns); /* true: woken; ns < 0: no limit */

/* ---- runtime/print.c ---- */
void runtime_write(const char *s, size_t n);
void runtime_print(const char *fmt, ...) printflike(1, 2); /* to standard error; %s %d %u %x %p %c, l and z */
int runtime_snprint(char *buf, size_t n, const char *fmt, ...) printflike(3, 4);
int runtime_vsnprint(char *buf, size_t n, const char *fmt, va_list ap);
_Noreturn void runtime_throw(const char *msg);	/* our own bug */
_Noreturn void runtime_fatal(const char *msg);	/* the program's unrecoverable fault: "fatal error: MSG" */
_Noreturn void runtime_exit(int code);		/* at once, nothing flushed */
_Noreturn void runtime_nop(void);	/* fatal: the m has no p, so this is a handler of the program's */
_Noreturn void runtime_notgoroutine(const char *call); /* fatal: call is not for this thread */
extern uint32_t runtime_dying; /* atomic; tid of the thread that reports the end */
void runtime_awaitend(void); /* nobody reports the end, or the caller does; else for ever: the exit is the reporter's */
void runtime_diestart(void); /* only the first to die goes on; the others wait for its exit */
#define runtime_crash() runtime_tracebackexit(false)

/* ---- runtime/traceback.c ---- */
void runtime_crashcontext(const void *uc);
uintptr_t runtime_contextpc(const void *uc);
_Noreturn void runtime_tracebackexit(bool all);
const char *runtime_waitreasonstr(g *gp);
extern const char *const runtime_waitreasons[NWaitReason];

/* ---- runtime/stack.c ---- */
enum { StackDefault = 256 << 10, StackUsable = 192 << 10, StackMainMin = 8 << 20, StackDeep = 32 << 10 };
void runtime_stackinit(void);
g *runtime_stackmain(size_t bytes, p *pp);  /* for the main goroutine */
g *runtime_stackalloc(size_t bytes, p *pp); /* a new g with stack, thread block and TLS; NULL when out of memory. On pp's m */
void runtime_stackfree(g *gp);	     /* a big one: back to the kernel; a default one must not come here */
void runtime_stacktrim(g *gp);	     /* gives back the pages below the first of an unused stack */
uintptr_t runtime_stackguard(g *gp, uintptr_t *size); /* where its guard lies */
size_t runtime_mainstacksize(void);
extern uint64_t runtime_oslimit; /* RLIMIT_STACK at the start, by runtime_rt0_go; 0: no answer */
void runtime_forkstacks(void);
bool runtime_stackcanaryok(g *gp);   /* where there is no guard: the word at the low end is whole */

/* ---- runtime/iocall_linux.c: libc's calls that may block, see io_linux.h ---- */
long runtime_iocall(long nr, long a, long b, long c, long d, long e, long f); /* on a running goroutine */
long runtime_ioplaincall(long nr, long a, long b, long c, long d, long e, long f); /* elsewhere */
void runtime_iosilent(int fd); /* libc has made it, and will close it unheard */
long runtime_anycall(long nr, long a, long b, long c, long d, long e, long f); /* from anywhere */

/* ---- runtime/musl*.c: all that knows musl ---- */
void runtime_settls(char **envp, char *argv0);
int32_t runtime_libctid(void);
const char *runtime_checklibc(void); /* NULL, or what is not as we know it */
size_t runtime_tlssize(void);
uintptr_t runtime_tlsnew(void *mem, g *gp); /* a thread block in zeroed mem; returns the thread pointer */
void runtime_tlsreset(g *gp);		    /* gp has ended: ready for the next goroutine */
bool runtime_tlskept(void);		    /* that does not write to runtime_g, so that it may be its own */
void runtime_tlsend(g *gp);		    /* what a thread that ends does; gp is running */
int runtime_newosproc(m *mp);		    /* a detached thread that runs runtime_mstart; 0 or -errno. On g0 */
_Noreturn void runtime_exitosproc(void);    /* the running g0's thread ends */
int runtime_foreignthreads(int ms);	    /* threads of the program's own, when ms are ours */
void runtime_libcinit(void);		    /* the program's constructors */
void runtime_forklocklibc(void);      /* all of libc's locks but the next; may wait as any goroutine does */
void runtime_forklockthreads(void);   /* its list of threads */
void runtime_forkunlockthreads(void); /* in the parent, as the next */
void runtime_forkunlocklibc(void);
void runtime_forklibc(g *gp, int32_t tid); /* in the child; gp NULL: of a thread that was tid */
void runtime_forkhandlers(int who); /* pthread_atfork's: -1 before, 0 in the parent, 1 in the child */
struct runtime_fileaction {	    /* of posix_spawn */
	enum { ActClose = 1, ActDup2, ActOpen, ActChdir, ActFchdir } what;
	int fd, from, flags;
	unsigned mode;
	const char *path;
};
bool runtime_nextaction(const void *actions, const void **at, struct runtime_fileaction *a); /* *at: first NULL */
uint64_t runtime_handlers(void); /* signals that had a handler once */
enum { MStackSize = 128 << 10 }; /* of an m's thread */
bool runtime_cancelled(g *gp);   /* somebody wants it to end, and it heeds that at cancellation points */
bool runtime_cancelasync(g *gp); /* ... and anywhere */
_Noreturn void runtime_cancelexit(void); /* the running goroutine does */
typedef void sigfn(int sig, siginfo_t *si, void *uc);
sigfn *runtime_libchandler(int sig, sigfn *fn); /* what is to be the handler of a signal of libc's own */
struct heldpoint { bool paused; uint8_t state; };
struct heldpoint runtime_pointpause(g *gp); /* a handler of the program's is about to run on gp, */
void runtime_pointresume(g *gp, struct heldpoint h, ucontext_t *uc); /* has returned, */
void runtime_pointleft(g *gp); /* or will not, nor will the cancellation point that it interrupted */
long runtime_nopoint(long nr, long a, long b, long c, long d, long e, long f); /* ioplaincall, and no such point */
/* As runtime_blockingcall, and a cancellation point: on a goroutine, where it is in one. */
long runtime_pointcall(long nr, long a, long b, long c, long d, long e, long f);

/* ---- runtime/threadend.c ---- */
extern _Thread_local struct end *runtime_ends; /* of C++'s thread_local objects; in musl.c, with runtime_g */
void runtime_runends(void); /* there are some: of the running goroutine or thread */

/* ---- runtime/fork.c ---- */
long runtime_clone(unsigned long flags, int *parenttid, int *childtid, long tls); /* without a stack; 0 in the child */
/* libc's, which is not the name clone */
__attribute__((visibility("hidden"))) int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
bool runtime_vforkenter(void); /* false: fork instead */
long runtime_vforkleave(long r); /* r, or -1 with errno */

/*
 * ---- sched/: what this room calls up for, and no more ----
 */
void runtime_gopark(bool (*unlockf)(g *, void *), void *lock, enum waitreason why);
void runtime_gosched(void);
void runtime_lockosthread(void); /* the runtime's own lock of g and m, nests */
void runtime_unlockosthread(void);
_Noreturn void runtime_leavemain(void); /* main ends, and the process with the last goroutine */
bool runtime_addallg(g *gp); /* false: out of memory */
void runtime_allgs(void (*fn)(g *, void *), void *arg);
bool runtime_allgstry(void (*fn)(g *, void *), void *arg); /* the same without waiting for the lock, for the dying */

/* Sleep until woken unless *addr is no longer val; wakes by address, which is not read after. */
void runtime_addrwait(int32_t *addr, int32_t val, enum waitreason why);
bool runtime_addrtimedwait(int32_t *addr, int32_t val, int64_t ns, enum waitreason why);
int runtime_addrpointwait(int32_t *addr, int32_t val, int64_t ns, enum waitreason why); /* 0, ETIMEDOUT, ECANCELED */
/* gp, wherever it is, goes on if it is in one of these, woken for nothing, or in the last, with ECANCELED. False: it is not. */
bool runtime_addrinterrupt(g *gp);
bool runtime_addrcancel(g *gp);
bool runtime_addrwake(int32_t *addr); /* one waiter, first come first; false: nobody */

void runtime_entersyscall(void);
void runtime_entersyscallblock(void); /* the p is given away at once */
void runtime_exitsyscall(void);
typedef long syscallfn(long nr, long a, long b, long c, long d, long e, long f);
long runtime_withoutp(syscallfn *call, long nr, long a, long b, long c, long d, long e, long f);
long runtime_blockingcall(long nr, long a, long b, long c, long d, long e, long f);

void runtime_stoptheworld(void);
void runtime_starttheworld(int32_t procs);
void runtime_forkwipe(void);   /* what any child needs, its goroutines gone or not */
void runtime_forksched(g *gp); /* gp is alone */
void runtime_forkstart(void);  /* the world of one goroutine */

/* There is more than main alone from now on: sysmon's thread must run. See runtime_newm. */
void runtime_startwatch(void);
bool runtime_watching(void);	 /* it does */
void runtime_sysmonkick(void);	 /* have it look at once; also from signal handlers */
void runtime_preemptinit(void);	 /* SIGURG's handler is in place */
void runtime_preemptm(m *mp);	 /* what it runs is to be preempted now, if it can be */
void runtime_giveslice(void);	 /* the caller's, if that is used up; it may be in a handler, or no goroutine */
void runtime_sleeperwake(void);	 /* the m that sleeps until the next timer is to poll */

/* getg for a public call, which may come from a thread that is not ours. */
static inline g *runtime_need_g(const char *call)
{
	g *gp = getg();

	if (unlikely(!gp))
		runtime_notgoroutine(call);
	return gp;
}

/*
 * Whether the running goroutine may let go of its p or park. A signal handler of
 * the program's may not: it may have struck anywhere in the runtime.
 */
static inline bool runtime_mayblock(g *gp)
{
	return likely(gp->status == Grunning && !gp->handling);
}

#endif
