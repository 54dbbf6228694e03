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

static struct service template;

static void make(m *mp)
{
	runtime_newthread(mp);
}

static void templatethread(void)
{
	runtime_serve(&template, make);
}

/* Before a goroutine is wired. It yields while another is at it. */
void runtime_starttemplate(void)
{
	while (unlikely(!runtime_serves(&template))) {
		if (!cas(&template.state, (uint32_t)NoService, (uint32_t)ServiceBegins)) {
			runtime_gosched();
			continue;
		}
		if (!runtime_newsysm(templatethread)) {
			store(&template.state, NoService);
			return;
		}
		store(&template.state, ServiceThere);
	}
}

/* mp, which is set up, gets its thread from a clean one. False: the caller is to make it. */
bool runtime_templatenewm(m *mp)
{
	if (!getg()->m->lockedg || !runtime_serves(&template))
		return false;
	runtime_ask(&template, mp);
	return true;
}

/* In a child of fork it is gone, with what was asked of it. */
void runtime_forktemplate(void)
{
	template = (struct service){0};
}
