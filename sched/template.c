/* SPDX-License-Identifier: MIT */
/*
 * template.c - the thread that others are made by, as in Go. A thread inherits
 * from the one that makes it: CPU affinity, nice value, capabilities,
 * namespaces, whatever a goroutine that is wired to its thread may have changed
 * there. So an m with a wired goroutine does not make threads itself: it leaves
 * them to this one, which runs no program code. It is made by the first
 * go_lock_os_thread, before that goroutine can have changed anything.
 *
 * Where the template thread cannot be had, wired ms go on making threads of
 * their own likeness. A thread that the template is refused goes the way of all
 * refused threads (runtime_newthread).
 */
#include "sched.h"

static struct {
	uint32_t state; /* atomic; 0: none, 1: being made, 2: it takes requests */
	m *wanted;	/* atomic; newest first, linked through schedlink */
	uint32_t wake;	/* futex: counts requests */
} template;

static void serve(m *mp)
{
	while (mp) {
		m *next = mp->schedlink;

		mp->schedlink = NULL;
		runtime_newthread(mp);
		mp = next;
	}
}

static void templatethread(void)
{
	for (;;) {
		uint32_t seen = load(&template.wake);
		m *list = xchg(&template.wanted, NULL);

		if (list)
			serve(list);
		else
			runtime_futexsleep(&template.wake, seen, -1);
	}
}

/* Before a goroutine is wired. It yields while another is at it. */
void runtime_starttemplate(void)
{
	while (unlikely(load_acq(&template.state) != 2)) {
		if (!cas(&template.state, 0u, 1u)) {
			runtime_gosched();
			continue;
		}
		if (!runtime_newsysm(templatethread)) {
			store(&template.state, 0u);
			return;
		}
		store(&template.state, 2u);
	}
}

/* mp, which is set up, gets its thread from a clean one. False: the caller is to make it. */
bool runtime_templatenewm(m *mp)
{
	m *self = getg()->m, *head = load_rlx(&template.wanted);

	if (!self->lockedg || load_acq(&template.state) != 2)
		return false;
	do
		mp->schedlink = head;
	while (!__atomic_compare_exchange_n(&template.wanted, &head, mp, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	xadd(&template.wake, 1);
	runtime_futexwakeup(&template.wake, 1);
	return true;
}

/* In a child of fork it is gone, with what was asked of it. */
void runtime_forktemplate(void)
{
	template.state = 0;
	template.wanted = NULL;
}
