/* SPDX-License-Identifier: MIT */
/*
 * service.c - threads of the system's that do something for ms, which others ask for: the
 * template thread (template.c) and the looker (rawlook.c).
 *
 * Who asks pushes the m on s->asked and counts s->wake; the thread takes the whole list. An m
 * is on one list at most, linked through servicelink: it has no thread yet, or it is its sender's.
 */
#include "sched.h"

void runtime_ask(struct service *s, m *mp)
{
	m *head = load_rlx(&s->asked);

	do
		mp->servicelink = head;
	while (!__atomic_compare_exchange_n(&s->asked, &head, mp, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	xadd(&s->wake, 1);
	runtime_futexwakeup(&s->wake, 1);
}

/* Its thread: serve may give the m away. */
_Noreturn void runtime_serve(struct service *s, void (*serve)(m *mp))
{
	for (;;) {
		uint32_t seen = load(&s->wake);
		m *next, *mp = xchg(&s->asked, NULL);

		if (!mp)
			runtime_futexsleep(&s->wake, seen, -1);
		for (; mp; mp = next) {
			next = mp->servicelink;
			serve(mp);
		}
	}
}
