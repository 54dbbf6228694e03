/* SPDX-License-Identifier: MIT */
/*
 * netpoll.h - goroutines that wait for descriptors: between the blocking calls
 * (runtime/io*_linux.c), the waiting (sched/netpoll.c) and the kernel's poller.
 */
#ifndef NETPOLL_H
#define NETPOLL_H

#include "runtime.h"

/* ---- sched/netpoll.c ---- */
enum { PollIn = 1, PollOut = 2 };
enum pollreason { PollReady, PollTimeout, PollInterrupt, PollClosed };
/*
 * What is known of a descriptor number; see sched/netpoll.c. A read and a write
 * look at the first cache line alone. The hints (h) are runtime/iocall_linux.c's, by
 * any goroutine that uses the descriptor; all zero: nothing known.
 */
struct polldesc {
	mutex lock;
	uint32_t edgein, edgeout; /* atomic; edges seen so far. Written under lock */
	uint32_t closing; /* its number is being closed or given to another file: by which of closes; 0: not */
	struct pollwait *first, *last; /* under lock, as the flags */
	bool registered;	  /* with the poller */
	bool hangup;		  /* an event told more than readiness: a short read says nothing any more */
	uint8_t kind;		  /* h */
	bool nonblock;		  /* h; valid while gen is the current one, as the limits are */
	uint32_t gen;		  /* h */
	uint32_t drained;	  /* h; edgein at a read that emptied it, and 1 */
	int64_t limitin, limitout; /* h; SO_RCVTIMEO, SO_SNDTIMEO; 0: none */

	uint32_t closes;    /* so far */
	bool ours;	    /* the number is the runtime's: to the program it is not open */
	bool silent;	    /* libc has it from socket, and closes it without our hearing of it */
	uint8_t turnedaway; /* PollIn, PollOut: somebody found it asked about, see runtime_pollask */
	g *asking[2];	    /* who asks about input, and about output */
} __attribute__((aligned(64)));
struct pollwait { /* one goroutine waiting for one descriptor; on its stack */
	struct polldesc *pd;
	int fd;
	uint32_t events;	 /* PollIn, PollOut */
	uint32_t edgein, edgeout; /* as they were before it was found not ready */
	bool shared;		 /* takes nothing away from the others that wait */
	bool linked;		 /* on pd's list; under pd's lock */
	bool woken;		 /* by an edge, and it owes the next waiter a look */
	struct pollwait *next, *prev;
	const void *key;	 /* what it waits for, in place of a descriptor */
	g *gp;
	uint64_t ticket;
};
void runtime_polldescinit(void);
struct polldesc *runtime_polldesc(int fd, bool make); /* NULL: none, no memory, or fd is out of range */
int runtime_pollopen(struct polldesc *pd, int fd);
enum pollreason runtime_pollwait(struct pollwait *w, size_t n, int64_t deadline);
struct polldesc *runtime_pollkey(const void *key);
enum pollreason runtime_pollwaitkey(struct pollwait *w, int64_t deadline, enum waitreason why);
void runtime_pollpost(const void *key, bool all);
void runtime_pollpostall(void);
void runtime_pollpass(struct pollwait *w);
bool runtime_pollask(struct polldesc *pd, uint32_t dir);
void runtime_pollasked(struct polldesc *pd, uint32_t dir);
bool runtime_iowaiting(g *gp);	 /* it may be in a pollwait; also from signal handlers */
bool runtime_iointerrupt(g *gp); /* gp's pollwait ends with PollInterrupt; on any m, not in a signal handler */
/* Wakes who waits; closing is set until pollclosed. 0: nothing is done, the number is the runtime's. */
uint32_t runtime_pollclose(struct polldesc *pd, int fd);
void runtime_pollclosed(struct polldesc *pd, uint32_t which);
void runtime_polllate(struct polldesc *pd); /* its number was closed unnoted */
void runtime_pollfresh(struct polldesc *pd); /* its number was just given out to a new file */
int32_t runtime_pollwaiters(void); /* goroutines in pollwait */
void runtime_netpoll(int64_t ns, struct glist *l);
void runtime_netpollstale(void);
void runtime_netpollfork(void);

/* ---- runtime/netpoll_linux.c: the kernel's side ---- */
struct pollevent {
	struct polldesc *pd;
	uint32_t events; /* PollIn, PollOut */
	bool hangup;	 /* an error, an end, urgent data */
};
bool runtime_pollerinited(void);
int runtime_pollerinit(void); /* 0 or -errno */
int runtime_polleradd(int fd, struct polldesc *pd); /* 0 or -errno; reports at once what is ready */
void runtime_pollerdel(int fd);
int runtime_pollerwait(struct pollevent *ev, int n, int64_t ns); /* how many; 0 also when broken */
void runtime_pollerbreak(void); /* a pollerwait that waits returns; from anywhere */
void runtime_pollerfork(void);
bool runtime_pollerowns(int fd);
int runtime_pollertake(int fd); /* its new number, out of the program's way and the runtime's; -errno: there is none, it is closed */
void runtime_pollergive(int fd); /* closed, unless the program took its number */
int runtime_pollermove(int fd); /* the program wants the number of one that it owns; 0 or -errno */

#endif
