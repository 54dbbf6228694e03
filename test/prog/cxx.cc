/* SPDX-License-Identifier: MIT */
/*
 * cxx.cc - the C++ language on goroutines: static objects, one made by whichever
 * goroutine comes first, exceptions through frames that have something to end and
 * that yield meanwhile, run-time types, thread_local objects, which end with their
 * goroutine or thread.
 */
#include <go.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

namespace {

struct Said {
	const char *what;
	explicit Said(const char *s) : what(s) {}
	~Said() { printf("%s: end\n", what); }
};

struct First : Said {
	First() : Said("first") { printf("first made\n"); }
} first;

struct Once : Said {
	Once() : Said("made in a function")
	{
		go_sched();
		printf("made in a function, once\n");
	}
};

struct Error {
	int depth;
	virtual ~Error() {}
};
struct Deep : Error {
	explicit Deep(int d) { depth = d; }
};

int live; /* guarded by lock */
int caught;
go_mutex lock;

struct Counted {
	Counted() { add(1); }
	~Counted()
	{
		add(-1);
		go_sched(); /* with the exception in flight */
	}
	static void add(int n)
	{
		go_mutex_lock(&lock);
		live += n;
		go_mutex_unlock(&lock);
	}
};

__attribute__((noinline)) void dive(int left, int depth)
{
	Counted c;

	if (left == 0)
		throw Deep(depth);
	dive(left - 1, depth);
}

int made, ended, strange; /* atomic */

void count(int *n) { __atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST); }

struct Own {
	pthread_t whose = pthread_self();
	Own() { count(&made); }
	~Own()
	{
		sched_yield(); /* others begin and end meanwhile */
		if (whose != pthread_self())
			count(&strange);
		count(&ended);
	}
};

Own &own()
{
	static thread_local Own o;
	return o;
}

struct Late {
	pthread_t whose = pthread_self();
	~Late()
	{
		if (own().whose != whose) /* made only now, and ends nevertheless */
			count(&strange);
	}
};

void late()
{
	static thread_local Late l;
	if (l.whose != pthread_self())
		count(&strange);
}

void *thread(void *)
{
	late();
	return nullptr;
}

void work(void *arg)
{
	int depth = (int)(intptr_t)arg;
	static Once once;

	if (depth % 2)
		own();
	late();

	try {
		try {
			dive(depth, depth);
		} catch (Error &) {
			go_sched();
			throw; /* this goroutine's, whatever the others throw */
		}
	} catch (Error &e) {
		go_mutex_lock(&lock);
		caught += e.depth == depth && dynamic_cast<Deep *>(&e);
		go_mutex_unlock(&lock);
	}
}

} // namespace

int main()
{
	static thread_local Said mains("main's own");
	go_waitgroup wg = {};
	pthread_t t;

	for (intptr_t i = 0; i < 400; i++)
		go_waitgroup_go(&wg, work, (void *)(i % 20));
	go_waitgroup_wait(&wg);
	printf("%d caught\n", caught);
	pthread_create(&t, nullptr, thread, nullptr);
	pthread_join(t, nullptr);
	for (int i = 0; i < 10000 && go_num_goroutine() > 1; i++)
		go_sleep(100000);
	printf("%d made, %d ended, %d strange\n", made, ended, strange);
	return live != 0;
}
