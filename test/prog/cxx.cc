/* SPDX-License-Identifier: MIT */
/*
 * cxx.cc - the C++ language on goroutines: static objects, one made by whichever
 * goroutine comes first, exceptions through frames that have something to end and
 * that yield meanwhile, run-time types.
 */
#include <go.h>
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

void work(void *arg)
{
	int depth = (int)(intptr_t)arg;
	static Once once;

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
	go_waitgroup wg = {};

	for (intptr_t i = 0; i < 400; i++)
		go_waitgroup_go(&wg, work, (void *)(i % 20));
	go_waitgroup_wait(&wg);
	printf("%d caught\n", caught);
	return live != 0;
}
