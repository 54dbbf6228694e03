/* SPDX-License-Identifier: MIT */
/*
 * panic.c - panic, defer, recover.
 *
 * A deferred call is a record in the frame that deferred it, on the goroutine's
 * list; leaving the block runs it (the compiler's cleanup). A panic does not
 * unwind: it runs the deferred calls on top of the frames that are being left,
 * newest first, as far as the innermost go_try, and then jumps there. So frames
 * and records stay readable until the jump, and the traceback of a panic that
 * nobody stops shows where it happened.
 *
 * A panic in a deferred call supersedes the one that ran it: the older one's
 * frames are below the newer's and are left with it.
 *
 * Each record begins with the next older one of its kind: longjmp
 * (rt0/longjmp_amd64.S) drops those in the frames that it leaves.
 */
#include "sched.h"
#include "signals.h"

#include <setjmp.h>
#include <string.h>

enum { MaxMessage = 512 };

/* A call of go_try, in its frame. */
struct trying {
	struct trying *up;	   /* first, see above */
	struct go_deferred *mark;  /* the newest deferred call outside it */
	struct panicking *panics;  /* the panics outside it */
	const char *msg;	   /* of the panic that it stopped */
	uint32_t leaving;	   /* the goroutine's, when it began */
	jmp_buf env;
};

/* A call of go_panic, in its frame. */
struct panicking {
	struct panicking *older; /* the one whose deferred call panicked */
	char msg[MaxMessage];
};

_Static_assert(offsetof(struct trying, up) == 0 && offsetof(struct panicking, older) == 0 &&
		       offsetof(struct go_deferred, _next) == 0,
	"longjmp finds the next older record there");

/* ---- defer ---- */

void go_defer_push(struct go_deferred *d)
{
	g *gp = runtime_need_g("go_defer");

	d->_next = gp->defers;
	gp->defers = d;
}

/*
 * The block that deferred d is left. Newer records than d are of blocks that
 * were left by a longjmp, and are dropped as a longjmp drops all.
 */
void go_defer_pop(struct go_deferred *d)
{
	getg()->defers = d->_next;
	d->_fn(d->_arg);
}

/* Run the deferred calls that are newer than mark. A go_try that is newer than one of them is left before it. */
static void rundefers(struct go_deferred *mark)
{
	struct go_deferred *d;
	g *gp = getg();

	while ((d = gp->defers) != mark) {
		while (gp->trying && gp->trying->mark == d)
			gp->trying = gp->trying->up;
		gp->defers = d->_next;
		d->_fn(d->_arg);
	}
}

void runtime_rundefers(void)
{
	g *gp = getg();

	gp->leaving++;
	rundefers(NULL);
	gp->trying = NULL;
}

/* ---- recover ---- */

/* The message outlives the frames that are jumped over. A goroutine's first needs memory for that. */
static const char *keepmsg(g *gp, const char *msg)
{
	if (!gp->panicmsg)
		gp->panicmsg = runtime_persistenttry(MaxMessage, 1);
	if (unlikely(!gp->panicmsg))
		return "panic (out of memory for its message)";
	return memcpy(gp->panicmsg, msg, MaxMessage);
}

/* A deferred call has panicked that go_exit ran: the panic is stopped, the exit is not. */
static _Noreturn noinline void leaveon(g *gp)
{
	if (gp->leavesmain)
		runtime_leavemain();
	go_exit();
}

const char *go_try(void (*fn)(void *), void *arg)
{
	g *gp = runtime_need_g("go_try");
	struct trying t = {.up = gp->trying, .mark = gp->defers, .panics = gp->panics,
		.leaving = gp->leaving};
	bool stopped;

	gp->trying = &t;
	stopped = setjmp(t.env) != 0;
	if (!stopped)
		fn(arg);
	gp = getg();
	gp->trying = t.up;
	gp->panics = t.panics;
	if (unlikely(gp->leaving != t.leaving))
		leaveon(gp);
	return stopped ? t.msg : NULL;
}

/* ---- panic ---- */

static void printpanics(struct panicking *p)
{
	if (p->older) {
		printpanics(p->older);
		runtime_print("\t");
	}
	runtime_print("panic: ");
	runtime_write(p->msg, strlen(p->msg));
	runtime_print("\n");
}

static _Noreturn void die(struct panicking *p)
{
	runtime_diestart();
	printpanics(p);
	runtime_crash();
}

/* libc's vsnprintf in a program that calls go_panic itself; the runtime's own messages need no more than ours. */
_go_formatter *go_formatter = runtime_vsnprint;

_Noreturn void go_panic(const char *fmt, ...)
{
	struct panicking p = {.older = NULL};
	g *gp = getg();
	va_list ap;

	va_start(ap, fmt);
	go_formatter(p.msg, sizeof p.msg, fmt, ap);
	va_end(ap);
	if (!gp || gp == gp->m->g0)
		die(&p);
	p.older = gp->panics;
	gp->panics = &p;
	rundefers(gp->trying ? gp->trying->mark : NULL);
	if (!gp->trying)
		die(&p);
	gp->trying->msg = keepmsg(gp, p.msg);
	runtime_unwindhandlers(gp);
	longjmp(gp->trying->env, 1);
}
