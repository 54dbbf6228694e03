/* SPDX-License-Identifier: MIT */
/*
 * go.h - goroutines for C: the whole public interface of gocrt.
 *
 * Include it, write an ordinary main, link with gocrt.o in place of crt1.o.
 * There is nothing to initialise: constructors and main already run on the
 * main goroutine. Times are int64_t nanoseconds, sizes are bytes. Unless a
 * comment says otherwise, every call below must be made from a goroutine; from
 * a thread made by pthread_create it is a fatal error that names the call, but for those that
 * only look (go_nanotime, go_num_cpu, go_chan_len, go_chan_cap, go_timer_chan). A signal handler
 * may have interrupted the runtime itself: it should do little (write to a pipe, sem_post;
 * better is a goroutine in sigwait), and a call of its that would park is a fatal error. While
 * a handler is installed for signals from outside, no deadlock is reported.
 */
#ifndef GO_H
#define GO_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#define _GO_NORETURN [[noreturn]]
#else
#define _GO_NORETURN _Noreturn
#endif

/* ---- Goroutines ---- */

/*
 * Start fn(arg) on a new goroutine (Go: `go fn(arg)`). The new goroutine has a
 * stack of at least 192 KiB, committed as it is touched, with a guard below.
 * The caller may be rescheduled. Panics when there is no memory for the
 * goroutine or when fn is NULL ("go of nil func value").
 */
void go(void (*fn)(void *), void *arg);

/* As go, with at least bytes of stack. 0 means the default. */
void go_stack(size_t bytes, void (*fn)(void *), void *arg);

/* Let other goroutines run; the caller stays runnable (Go: runtime.Gosched). */
void go_sched(void);

/*
 * End the calling goroutine after its deferred calls (Go: runtime.Goexit).
 * On the main goroutine the others go on; when none of them can ever run
 * again, that is reported as a deadlock.
 */
_GO_NORETURN void go_exit(void);

/* The calling goroutine's number, never reused; 1 is the main goroutine. */
uint64_t go_id(void);

/*
 * Set how many goroutines run at the same moment (Go: runtime.GOMAXPROCS) and
 * return the previous setting. n <= 0 only reads. Stops the world for the
 * change, so it waits for every running goroutine to enter the runtime.
 */
int go_maxprocs(int n);

/* CPUs this process may use, by affinity and cgroup quota (Go: runtime.NumCPU). */
int go_num_cpu(void);

/* Goroutines that exist, the caller included (Go: runtime.NumGoroutine). */
int go_num_goroutine(void);

/*
 * Wire the calling goroutine to the thread it runs on until as many unlocks as
 * locks were made: no other goroutine runs there, and a goroutine that ends
 * while locked ends the thread (Go: runtime.LockOSThread, UnlockOSThread).
 * An unlock without a lock does nothing.
 */
void go_lock_os_thread(void);
void go_unlock_os_thread(void);

/* Name the calling goroutine in dumps, traces and gdb. Copied, cut to 31 bytes; NULL unnames. */
void go_set_name(const char *name);

/*
 * fork is libc's. The child has the calling goroutine alone, with its number,
 * thread-locals and locks, and all of this header works there: go_num_goroutine()
 * is 1. The other goroutines are gone; they get and give nothing on the channels and
 * go_conds they waited for, but a mutex one of them held stays locked. Timers and tickers
 * go on, so a go_timer_func that is pending runs in both processes. FILEs that others
 * had locked are unlocked. A child without the main goroutine exits with 0 when its
 * last goroutine ends, as a process does whose last thread ends; returning from main
 * exits as ever. fork waits for every running goroutine to enter the runtime.
 *
 * In a child of a thread made by pthread_create, of fork in a signal handler, and of
 * _Fork, there are no goroutines: only plain C works there, exec for one. A child of
 * vfork shares the parent's memory until it execs, and may do no more than POSIX allows.
 */

/* ---- Panic, defer, recover ---- */

/*
 * Give up what the goroutine is doing (Go: panic): its deferred calls run,
 * newest first, as far as the innermost go_try, which then returns the message.
 * Without one the program ends with "panic: MSG", a traceback and exit status
 * 2. printf's format; a message longer than 511 bytes is cut. A panic in a
 * deferred call takes the place of the one that ran it.
 */
_GO_NORETURN void go_panic(const char *fmt, ...)
#ifdef __GNUC__
	__attribute__((format(printf, 1, 2)))
#endif
	;

/* What calls go_panic brings libc's formatter along; a program that does not is spared it. */
#define go_panic(...) (_go_use_formatter(), go_panic(__VA_ARGS__))
typedef int _go_formatter(char *, size_t, const char *, va_list);
extern _go_formatter *go_formatter;
__attribute__((unused)) static inline void _go_use_formatter(void)
{
	go_formatter = vsnprintf;
}

/*
 * Run fn(arg) and stop any panic in it (Go: a deferred recover). NULL when it
 * returned, else the panic's message, which stays valid until the goroutine's
 * next panic. Faults and fatal errors (deadlock, unlock of an unlocked mutex, stack
 * overflow, out of memory in the runtime) are not panics and are not stopped. Nor is
 * go_exit: it leaves fn and what called go_try, also where a deferred call that it
 * runs panics and a go_try stops that. A longjmp may leave fn.
 */
const char *go_try(void (*fn)(void *), void *arg);

/*
 * go_defer(fn, arg): call fn(arg) when the enclosing block is left in any way:
 * by its end, return, break, goto, go_panic or go_exit; last in, first out.
 * (Go's defer waits for the end of the function.) A longjmp out of the block
 * skips it. Destructors of C++ and other cleanup attributes do not run when a
 * panic, go_exit or a longjmp leaves their block.
 */
#define go_defer(fn, arg) _GO_DEFER(_GO_CAT(_go_deferred_, __COUNTER__), fn, arg)
#define _GO_DEFER(name, fn, arg)                                                    \
	struct go_deferred name __attribute__((cleanup(go_defer_pop))) = {0, fn, arg}; \
	go_defer_push(&name)
#define _GO_CAT(a, b) _GO_CAT_(a, b)
#define _GO_CAT_(a, b) a##b
struct go_deferred {
	struct go_deferred *_next;
	void (*_fn)(void *);
	void *_arg;
};
void go_defer_push(struct go_deferred *d);
void go_defer_pop(struct go_deferred *d);

/* ---- Channels ---- */

/*
 * chan(T) is the type of a channel of T, T any type that assignment copies
 * (scalars, pointers, structs; in C++ trivially copyable ones). It is spelt as
 * a pointer to T so that the compiler can check elements; never dereference it.
 * The go_chan_ functions below do without types: (go_chan *)c and back.
 *
 *	chan(int) c = chan_make(int, 8);
 *	chan_send(c, 42);
 *	int v = chan_recv(c);
 *	chan_free(c);
 *
 * Each argument of the macros is evaluated once. An operation on a NULL
 * channel blocks for ever, or would block for the try forms. Waiters are served
 * first come, first served. A channel may be freed as soon as the program can
 * know that nobody uses it any more: a receiver that has its value may free
 * it while the sender is still returning.
 */
typedef struct go_chan go_chan;

/*
 * A channel with room for cap elements of elem_size bytes; cap 0 is
 * unbuffered: a send and a receive meet (Go: make(chan T, cap)). elem_size may be
 * 0. Panics "makechan: size out of range" when there is no memory for it.
 */
go_chan *go_chan_make(size_t elem_size, size_t cap);

/* Give the channel back; the elements in it are forgotten. NULL is fine. */
void go_chan_free(go_chan *c);

/*
 * Send a copy of *elem; blocks until there is room, or a receiver (Go: c <- v).
 * Panics "send on closed channel", also when c is closed meanwhile.
 */
void go_chan_send(go_chan *c, const void *elem);

/*
 * Receive into *elem, which may be NULL; blocks until there is an element (Go:
 * v, ok = <-c). False: the channel is closed and drained, and *elem is zeroed.
 */
bool go_chan_recv(go_chan *c, void *elem);

/*
 * The same without blocking: false when it would block (Go: a select with a
 * default). *ok, which may be NULL, is set to go_chan_recv's result when true.
 */
bool go_chan_trysend(go_chan *c, const void *elem);
bool go_chan_tryrecv(go_chan *c, void *elem, bool *ok);

/*
 * No more sends: receivers get what is buffered, then zero values at once (Go:
 * close). Panics "close of nil channel" or "close of closed channel".
 */
void go_chan_close(go_chan *c);

size_t go_chan_len(go_chan *c); /* elements in the buffer now; 0 for NULL */
size_t go_chan_cap(go_chan *c); /* room for elements; 0 for NULL */

#define chan(T) __typeof__(__typeof__(T) *)
#define chan_make(T, cap) ((chan(T))go_chan_make(sizeof(T), (cap)))
#define chan_free(c) go_chan_free(_go_chan(c))
#define chan_close(c) go_chan_close(_go_chan(c))
#define chan_len(c) go_chan_len(_go_chan(c))
#define chan_cap(c) go_chan_cap(_go_chan(c))

/* chan_send(c, v): v, which may be (struct T){1, 2}, is converted to the element type, as by assignment. */
#define chan_send(c, ...)                                                           \
	__extension__({                                                             \
		__typeof__(*(c)) _go_v = (__VA_ARGS__);                             \
		go_chan_send(_go_chan(c), &_go_v);                                  \
	})
#define chan_trysend(c, ...) /* true: sent */                                       \
	__extension__({                                                             \
		__typeof__(*(c)) _go_v = (__VA_ARGS__);                             \
		go_chan_trysend(_go_chan(c), &_go_v);                               \
	})

/* The element; the zero value when closed and drained. */
#define chan_recv(c)                                                                \
	__extension__({                                                             \
		__typeof__(*(c)) _go_v;                                             \
		go_chan_recv(_go_chan(c), &_go_v);                                  \
		_go_v;                                                              \
	})

/* p points to a variable of the element type, or is NULL. False: closed and drained. */
#define chan_recv_ok(c, p) go_chan_recv(_go_chan(c), _go_ptr(c, p))

/* True only when an element was received; *p is zeroed when closed and drained. */
#define chan_tryrecv(c, p)                                                          \
	__extension__({                                                             \
		bool _go_ok = false;                                                \
		go_chan_tryrecv(_go_chan(c), _go_ptr(c, p), &_go_ok) && _go_ok;     \
	})

/* c without its element type; p if it points to that type. */
#ifdef __cplusplus
#define _go_chan(c) reinterpret_cast<go_chan *>(c)
#define _go_ptr(c, p) (1 ? (p) : static_cast<__typeof__(*(c)) *>(NULL))
#else
#define _go_chan(c) ((go_chan *)(c))
#define _go_ptr(c, p) (1 ? (p) : (__typeof__(*(c)) *)NULL)
#endif

/* ---- Select ---- */

/* One case; made by case_recv, case_recv_ok or case_send. */
typedef struct {
	go_chan *c;	  /* NULL: never ready */
	const void *send; /* what to send; NULL: a receive, */
	void *recv;	  /* to there, or to nowhere, */
	bool *ok;	  /* and go_chan_recv's result to there, if anywhere */
} go_case;

/*
 * Wait until one of n cases can go ahead, do that one, and return its index; of
 * several that can, each is as likely (Go: select). timeout < 0 waits for
 * ever, 0 returns -1 at once when none is ready (Go: default), > 0 returns -1
 * after that many ns. n is at most 65,536; up to 64 nothing is allocated.
 * Panics "send on closed channel" when it would send on one. With no cases, or
 * none but NULL channels, only the timeout ends it.
 */
int go_select(const go_case *cases, size_t n, int64_t timeout);

#ifndef __cplusplus
/*
 *	int v;
 *	bool ok;
 *	switch (chan_select(case_recv_ok(c, &v, &ok), case_send(d, 7))) {
 *	case 0: ... v and ok ...
 *	case 1: ... 7 was sent ...
 *	}
 *
 * An array works too: go_case a[] = {case_recv(c, &v), ...}. The value of a
 * case_send is taken when the case is made, and lives until the end of the
 * enclosing block.
 */
#define case_recv(ch, p) ((go_case){.c = _go_chan(ch), .recv = _go_ptr(ch, p)})
#define case_recv_ok(ch, p, okp)                                                    \
	((go_case){.c = _go_chan(ch), .recv = _go_ptr(ch, p), .ok = (okp)})
#define case_send(ch, ...)                                                          \
	((go_case){.c = _go_chan(ch), .send = (__typeof__(*(ch))[1]){_go_as(ch, __VA_ARGS__)}})
/* The value as an element of ch; in braces by itself it would do for the first member of one. */
#define _go_as(ch, ...)                                                             \
	__extension__({                                                             \
		__typeof__(*(ch)) _go_v = (__VA_ARGS__);                            \
		_go_v;                                                              \
	})

#define chan_select(...) chan_select_timeout(-1, __VA_ARGS__)
#define chan_select_timeout(ns, ...)                                                \
	__extension__({                                                             \
		int64_t _go_ns = (ns);                                              \
		go_case _go_cases[] = {__VA_ARGS__};                                \
		go_select(_go_cases, sizeof _go_cases / sizeof *_go_cases, _go_ns); \
	})
#endif


/* ---- Sync: valid when zero-filled, nothing to destroy ---- */

/* Go: sync.Mutex, with its normal and starvation modes. Owned by no goroutine in particular. */
typedef struct {
	int32_t _state;
	uint32_t _sema;
} go_mutex;

void go_mutex_lock(go_mutex *m);
bool go_mutex_trylock(go_mutex *m); /* true: locked now */
void go_mutex_unlock(go_mutex *m);  /* fatal error "unlock of unlocked mutex" */

/* Go: sync.WaitGroup. */
typedef struct {
	uint64_t _state;
	uintptr_t _waiters;
} go_waitgroup;

void go_waitgroup_add(go_waitgroup *wg, int delta); /* panics "negative WaitGroup counter" */
void go_waitgroup_done(go_waitgroup *wg);	     /* add(-1) */
void go_waitgroup_wait(go_waitgroup *wg);	     /* until the counter is zero */
/* add(1), then fn(arg) on a new goroutine, then done (Go: WaitGroup.Go). */
void go_waitgroup_go(go_waitgroup *wg, void (*fn)(void *), void *arg);

/*
 * Go: sync.RWMutex. Any number of readers or one writer. A writer that waits
 * keeps new readers out, and those readers go before the next writer; writers
 * among themselves are as with go_mutex. Owned by no goroutine in particular. A
 * goroutine that reads must not read-lock again: a writer may have come between.
 */
typedef struct {
	uint64_t _state;
	uint32_t _drain, _rsema, _dsema, _wsema;
} go_rwmutex;

void go_rwmutex_rlock(go_rwmutex *rw);
bool go_rwmutex_tryrlock(go_rwmutex *rw); /* true: read-locked now; false also while a writer waits for readers */
void go_rwmutex_runlock(go_rwmutex *rw);  /* fatal error "sync: RUnlock of unlocked RWMutex" */
void go_rwmutex_lock(go_rwmutex *rw);
bool go_rwmutex_trylock(go_rwmutex *rw);  /* true: locked now */
void go_rwmutex_unlock(go_rwmutex *rw);	  /* fatal error "sync: Unlock of unlocked RWMutex" */

/* Go: sync.Once. */
typedef struct {
	uint32_t _state, _sema;
} go_once;

/*
 * fn(arg), by the first caller alone; the others return when it is over. A fn
 * that panics or calls go_exit is over, too. fn must not call go_once_do on the
 * same go_once: that never returns.
 */
void go_once_do(go_once *once, void (*fn)(void *), void *arg);

/* Go: sync.Cond. */
typedef struct {
	uint32_t _wait, _notify;
	uint32_t _lock[2];
	void *_first, *_last;
} go_cond;

/*
 * Unlock m, wait for go_cond_signal or go_cond_broadcast, lock m again. Only
 * these wake it, but what it waits for may have changed again by then: call it
 * in a loop that looks.
 */
void go_cond_wait(go_cond *c, go_mutex *m);
void go_cond_signal(go_cond *c);    /* wakes the one that waits longest, if any; m held or not */
void go_cond_broadcast(go_cond *c); /* wakes all */

/* A counting semaphore in a plain word, whose value is the count (Go's runtime: semacquire, semrelease). */
void go_sema_acquire(uint32_t *s); /* waits until *s > 0, then takes one */
void go_sema_release(uint32_t *s); /* adds one; wakes the one that waits longest, if any */

/* ---- Time ---- */

/* Monotonic nanoseconds. May be called from any thread. */
int64_t go_nanotime(void);

/* Park the calling goroutine for at least ns; <= 0 returns at once (Go: time.Sleep). */
void go_sleep(int64_t ns);

/*
 * A timer, which fires once (Go: time.Timer), or a ticker, which fires again
 * and again (time.Ticker). Times are from now, in ns; none is too long, and one
 * <= 0 is over at once. It never fires early. Those made by go_timer_new and
 * go_ticker_new have a channel, which gets go_nanotime() at each firing; they
 * panic "out of memory" when there is none. Any goroutine may use them, several at once,
 * go_timer_free excepted.
 */
typedef struct go_timer go_timer;

go_timer *go_timer_new(int64_t ns);	   /* Go: time.NewTimer */
go_timer *go_ticker_new(int64_t period); /* Go: time.NewTicker; panics "non-positive interval for NewTicker" */

/* fn(arg) on a new goroutine after ns (Go: time.AfterFunc). Panics "go of nil func value". */
go_timer *go_timer_func(int64_t ns, void (*fn)(void *), void *arg);

/*
 * The channel (Go: t.C), of capacity 1; NULL for go_timer_func's. The program only
 * receives from it. While a value is in it a ticker's further ticks are
 * dropped; they keep to whole periods after the first however late a tick is.
 */
chan(int64_t) go_timer_chan(go_timer *t);

/*
 * Stop it (Go 1.23: Timer.Stop, Ticker.Stop). True: it was pending, and now
 * will not fire. A value that nobody has received yet counts as pending
 * and is taken back: after stop or reset returns nothing of before is received.
 * The channel is not closed. A go_timer_func's fn that was started goes on: stop
 * then is false and does not wait for it.
 */
bool go_timer_stop(go_timer *t);

/*
 * Stop it, with the same result, and start it anew for ns from now; for a
 * ticker ns is the new period, and <= 0 panics "non-positive interval for Ticker.Reset".
 */
bool go_timer_reset(go_timer *t, int64_t ns);

/* Stop it and give it back with its channel, on which nobody waits any more. NULL is fine. */
void go_timer_free(go_timer *t);

#ifdef __cplusplus
}
#endif
#endif
