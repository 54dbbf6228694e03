/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - the only atomics the runtime uses, with the order in the name:
 * _rlx relaxed, _acq acquire, _rel release; no suffix is sequentially
 * consistent. They are macros because C has no other way to be generic over
 * the width; each evaluates its arguments once.
 */
#ifndef RUNTIME_ATOMIC_H
#define RUNTIME_ATOMIC_H

#define load_rlx(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acq(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store_rlx(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_rel(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define xchg(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define xadd(p, v) __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST) /* the new value, as Go's */
#define fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Compare and swap: true when *p was old and is now new. */
#define cas(p, old, new)                                                            \
	({                                                                          \
		__typeof__(*(p)) cas_old = (old);                                   \
		__atomic_compare_exchange_n((p), &cas_old, (new), false,            \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
	})

/* The same, acquiring on success only; for locks. */
#define cas_acq(p, old, new)                                                        \
	({                                                                          \
		__typeof__(*(p)) cas_old = (old);                                   \
		__atomic_compare_exchange_n((p), &cas_old, (new), false,            \
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);    \
	})

/* The same, releasing on success only; for queue heads. */
#define cas_rel(p, old, new)                                                        \
	({                                                                          \
		__typeof__(*(p)) cas_old = (old);                                   \
		__atomic_compare_exchange_n((p), &cas_old, (new), false,            \
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED);    \
	})

#endif
