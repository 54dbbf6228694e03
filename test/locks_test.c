/* SPDX-License-Identifier: MIT */
/* locks_test.c - go_rwmutex, go_once, go_cond, go_sema. prog("locks") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

#define DEADLOCK "fatal error: all goroutines are asleep - deadlock!\n"

TestSuite(rwmutex, .timeout = 120);
TestSuite(once, .timeout = 120);
TestSuite(cond, .timeout = 120);
TestSuite(sema, .timeout = 120);

Test(rwmutex, excludes) { everywhere("locks", "rw_excludes"); }
Test(rwmutex, readers_share) { everywhere("locks", "rw_shares"); }
Test(rwmutex, tries) { everywhere("locks", "rw_tries"); }
Test(rwmutex, writer_before_new_readers_before_next_writer) { everywhere("locks", "rw_order"); }
Test(rwmutex, belongs_to_nobody) { everywhere("locks", "rw_ownerless"); }
Test(rwmutex, nobody_starves) { everywhere("locks", "rw_fair"); }
Test(rwmutex, may_be_freed_by_the_last_to_leave) { everywhere("locks", "rw_freed"); }
Test(rwmutex, may_be_freed_while_unlock_returns) { everywhere("locks", "rw_freed_early"); }

Test(rwmutex, misuse)
{
	static const char *const r = "fatal error: sync: RUnlock of unlocked RWMutex\n",
				 *const w = "fatal error: sync: Unlock of unlocked RWMutex\n",
				 *const who = "goroutine 1 [running]:\n";

	dies("locks", "runlock_unlocked", 2, r, who);
	dies("locks", "runlock_locked", 2, r, who);
	dies("locks", "runlock_twice", 2, r, who);
	dies("locks", "unlock_unlocked", 2, w, who);
	dies("locks", "unlock_rlocked", 2, w, who);
}

Test(rwmutex, deadlock_names_what_it_waits_for)
{
	dies("locks", "rlock_stuck", 2, DEADLOCK, "goroutine 1 [sync.RWMutex.RLock");
	dies("locks", "lock_stuck", 2, DEADLOCK, "goroutine 1 [sync.RWMutex.Lock");
	dies("locks", "lock_stuck_behind", 2, DEADLOCK, "goroutine 1 [sync.RWMutex.Lock");
}

Test(once, runs_once_and_all_wait_for_it) { everywhere("locks", "once_only"); }
Test(once, a_panic_is_done) { everywhere("locks", "once_panics"); }
Test(once, go_exit_is_done) { everywhere("locks", "once_exits"); }
Test(once, may_be_freed_when_done) { everywhere("locks", "once_freed"); }
Test(once, within_itself_never_returns)
{
	dies("locks", "once_nested", 2, DEADLOCK, "goroutine 1 [sync.Mutex.Lock");
}

Test(cond, a_signal_wakes_one) { everywhere("locks", "cond_signals"); }
Test(cond, a_broadcast_wakes_all) { everywhere("locks", "cond_broadcasts"); }
Test(cond, first_come_first_served) { everywhere("locks", "cond_in_order"); }
Test(cond, buffer_of_one) { everywhere("locks", "cond_buffer"); }
Test(cond, loses_no_signal) { everywhere("locks", "cond_ping_pong"); }
Test(cond, may_be_freed_when_nobody_waits) { everywhere("locks", "cond_freed"); }
Test(cond, deadlock_names_what_it_waits_for)
{
	dies("locks", "cond_stuck", 2, DEADLOCK, "goroutine 1 [sync.Cond.Wait");
}
Test(cond, wants_a_locked_mutex)
{
	dies("locks", "cond_unlocked", 2, "fatal error: sync: unlock of unlocked mutex\n");
}

Test(sema, limits) { everywhere("locks", "sema_limits"); }
Test(sema, first_come_first_served) { everywhere("locks", "sema_in_order"); }
Test(sema, many) { everywhere("locks", "sema_many"); }
Test(sema, deadlock_names_what_it_waits_for)
{
	dies("locks", "sema_stuck", 2, DEADLOCK, "goroutine 1 [semacquire");
}
