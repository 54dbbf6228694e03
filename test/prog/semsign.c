/* SPDX-License-Identifier: MIT */
/* semsign.c - sem.c's cases where the sign bit tells of waiters, as in musl from 1.2.4 on. */
#include "sem.c"

int sem_trywait(sem_t *s)
{
	int32_t *value = (int32_t *)s, old;

	while ((old = __atomic_load_n(value, __ATOMIC_SEQ_CST)) & INT32_MAX)
		if (__atomic_compare_exchange_n(value, &old, old - 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return 0;
	errno = EAGAIN;
	return -1;
}

int sem_getvalue(sem_t *restrict s, int *restrict value)
{
	*value = *(int32_t *)s & INT32_MAX;
	return 0;
}
