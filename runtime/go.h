/* SPDX-License-Identifier: MIT */
/*
 * go.h - goroutines for C: the whole public interface of gocrt.
 *
 * Include it, write an ordinary main, link with gocrt.o in place of crt1.o.
 * There is nothing to initialise: constructors and main already run on the
 * main goroutine. Times are int64_t nanoseconds, sizes are bytes. Unless a
 * comment says otherwise, every call below must be made from a goroutine; from
 * a thread made by pthread_create it is a fatal error that names the call.
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
 * overflow, out of memory in the runtime) are not panics and are not stopped.
 */
const char *go_try(void (*fn)(void *), void *arg);

/*
 * go_defer(fn, arg): call fn(arg) when the enclosing block is left in any way:
 * by its end, return, break, goto, go_panic or go_exit; last in, first out.
 * (Go's defer waits for the end of the function.) A longjmp out of the block
 * skips it.
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
	uint32_t _sema;
} go_waitgroup;

void go_waitgroup_add(go_waitgroup *wg, int delta); /* panics "negative WaitGroup counter" */
void go_waitgroup_done(go_waitgroup *wg);	     /* add(-1) */
void go_waitgroup_wait(go_waitgroup *wg);	     /* until the counter is zero */
/* add(1), then fn(arg) on a new goroutine, then done (Go: WaitGroup.Go). */
void go_waitgroup_go(go_waitgroup *wg, void (*fn)(void *), void *arg);

/* ---- Time ---- */

/* Monotonic nanoseconds. May be called from any thread. */
int64_t go_nanotime(void);

/* Park the calling goroutine for at least ns; <= 0 returns at once (Go: time.Sleep). */
void go_sleep(int64_t ns);

#ifdef __cplusplus
}
#endif
#endif
