/* SPDX-License-Identifier: MIT */
/* cfi - a little of everything that switches stacks, to be stepped through. */
#include <go.h>
static go_mutex mu; static go_waitgroup wg; static int n;
static void w(void*a){ (void)a; for(int i=0;i<3;i++){ go_mutex_lock(&mu); n++; go_sched(); go_mutex_unlock(&mu); go_sleep(100);} }
int main(){ for(int i=0;i<4;i++) go_waitgroup_go(&wg,w,0); go_waitgroup_wait(&wg); return n!=12; }
