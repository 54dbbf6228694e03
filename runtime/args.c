/* SPDX-License-Identifier: MIT */
/*
 * args.c - what the kernel hands over: arguments, environment, auxiliary
 * vector. All of it stays where the kernel put it; these are pointers to it.
 */
#include "runtime.h"

#include <elf.h>

#ifndef AT_HWCAP2
#define AT_HWCAP2 26
#endif

int runtime_argc;
char **runtime_argv, **runtime_envp;
static unsigned long *auxv;
static char **firstgo, **lastgo; /* of the environment, those whose names begin with GO */

uintptr_t runtime_auxv(unsigned long type)
{
	for (unsigned long *a = auxv; a && a[0] != AT_NULL; a += 2)
		if (a[0] == type)
			return a[1];
	return 0;
}

static void sysargs(void)
{
	char **e = runtime_envp;

	for (; *e; e++)
		if ((*e)[0] == 'G' && (*e)[1] == 'O') {
			firstgo = firstgo ? firstgo : e;
			lastgo = e;
		}
	auxv = (unsigned long *)(e + 1);
	runtime_physpagesize = runtime_auxv(AT_PAGESZ);
	if (!(runtime_auxv(AT_HWCAP2) & ARCH_HWCAP2_FSGSBASE))
		runtime_nofsgsbase = 1;
}

void runtime_args(int argc, char **argv)
{
	runtime_argc = argc;
	runtime_argv = argv;
	runtime_envp = argv + argc + 1;
	sysargs();
}

/* The program sees its arguments unchanged; here they are only made sure of. */
void runtime_goargs(void)
{
	if (runtime_argv[runtime_argc])
		runtime_throw("runtime_goargs: argv has no end");
}

/*
 * The value of an environment variable of Go's, as it was at the start: a constructor
 * that calls setenv does not change what the runtime was told. Each name begins with GO; few
 * others do, and there may be a hundred.
 */
const char *runtime_getenv(const char *name)
{
	size_t n = __builtin_strlen(name);

	for (char **e = firstgo; e && e <= lastgo; e++)
		if (!__builtin_strncmp(*e, name, n) && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}
