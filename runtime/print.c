/* SPDX-License-Identifier: MIT */
/*
 * print.c - messages to standard error and the ways to die. No stdio and no
 * allocation: these run with locks held, on signal stacks, after corruption.
 */
#include "runtime.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct out {
	char *buf;
	size_t n, cap; /* n counts what did not fit, too */
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->cap)
		o->buf[o->n] = c;
	o->n++;
}

static void putstr(struct out *o, const char *s, int prec)
{
	for (; *s && prec != 0; s++, prec--)
		put(o, *s);
}

static void putnum(struct out *o, uint64_t v, unsigned base, int width, char pad)
{
	char tmp[24];
	int n = 0;

	do
		tmp[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	for (; width > n; width--)
		put(o, pad);
	while (n)
		put(o, tmp[--n]);
}

/* A number's argument, by its length modifier. */
static uint64_t numarg(va_list *ap, bool wide, bool sign)
{
	if (wide)
		return va_arg(*ap, uint64_t);
	return sign ? (uint64_t)(int64_t)va_arg(*ap, int) : va_arg(*ap, unsigned);
}

/* One directive after its '%'; returns what follows it. */
static const char *directive(struct out *o, const char *f, va_list *ap)
{
	bool wide = false, alt = false;
	char pad = ' ';
	int width = 0, prec = -1;
	int64_t d;

	for (; *f == '#' || *f == '0'; f++)
		*f == '#' ? (alt = true) : (pad = '0');
	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	if (f[0] == '.' && f[1] == '*') {
		prec = va_arg(*ap, int);
		f += 2;
	}
	for (; *f == 'l' || *f == 'z' || *f == 'j'; f++)
		wide = true;
	switch (*f) {
	case 's':
		putstr(o, va_arg(*ap, const char *), prec);
		break;
	case 'c':
		put(o, (char)va_arg(*ap, int));
		break;
	case 'd':
		d = (int64_t)numarg(ap, wide, true);
		if (d < 0)
			put(o, '-');
		putnum(o, d < 0 ? -(uint64_t)d : (uint64_t)d, 10, width, pad);
		break;
	case 'u':
		putnum(o, numarg(ap, wide, false), 10, width, pad);
		break;
	case 'p':
		wide = alt = true; /* fall through */
	case 'x':
		if (alt)
			putstr(o, "0x", -1);
		putnum(o, numarg(ap, wide, false), 16, width, pad);
		break;
	default:
		put(o, *f);
	}
	return *f ? f + 1 : f;
}

int runtime_vsnprint(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct out o = {buf, 0, n};
	va_list args;

	va_copy(args, ap);
	while (*fmt)
		if (*fmt == '%')
			fmt = directive(&o, fmt + 1, &args);
		else
			put(&o, *fmt++);
	va_end(args);
	if (n)
		buf[o.n < n ? o.n : n - 1] = 0;
	return (int)o.n;
}

int runtime_snprint(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = runtime_vsnprint(buf, n, fmt, ap);
	va_end(ap);
	return r;
}

/* write(2), past the scheduler: the caller may be in no state to give up its p. */
void runtime_write(const char *s, size_t n)
{
	while (n) {
		long w = arch_syscall3(SYS_write, 2, (long)s, (long)n);

		if (w == -4) /* EINTR */
			continue;
		if (w <= 0)
			return;
		s += w;
		n -= (size_t)w;
	}
}

void runtime_print(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)runtime_vsnprint(buf, sizeof buf, fmt, ap);
	va_end(ap);
	runtime_write(buf, n < sizeof buf ? n : sizeof buf - 1);
}

_Noreturn void runtime_exit(int code)
{
	for (;;)
		arch_syscall3(SYS_exit_group, code, 0, 0);
}

_Noreturn void runtime_notgoroutine(const char *call)
{
	char msg[128];

	runtime_snprint(msg, sizeof msg, "%s called on a thread that is not a goroutine's", call);
	runtime_fatal(msg);
}

/* What only a goroutine can do was asked for by a signal handler that struck elsewhere. */
_Noreturn void runtime_nop(void)
{
	runtime_fatal("a signal handler that interrupted no running goroutine made a call that needs one");
}

/*
 * Who tells the end keeps its p, like a signal handler: the next one might die
 * too, and sleeps for ever with the p that the first would wait for.
 */
static void keepp(g *gp)
{
	static struct handling last;

	if (!gp)
		return;
	last.outer = gp->handling;
	store_rlx(&gp->handling, &last);
}

uint32_t runtime_dying;

void runtime_awaitend(void)
{
	uint32_t who;

	while ((who = load(&runtime_dying)) && who != (uint32_t)runtime_gettid())
		runtime_usleep(1000000);
}

void runtime_diestart(void)
{
	uint32_t me = (uint32_t)runtime_gettid();

	if (cas(&runtime_dying, 0u, me)) {
		keepp(getg());
		return;
	}
	if (load(&runtime_dying) == me)
		runtime_exit(2); /* died while dying */
	runtime_awaitend();
}

_Noreturn void runtime_throw(const char *msg)
{
	runtime_diestart();
	runtime_print("fatal error: %s\n[runtime bug: please report it]\n", msg);
	runtime_crash();
}

_Noreturn void runtime_fatal(const char *msg)
{
	runtime_diestart();
	runtime_print("fatal error: %s\n", msg);
	runtime_crash();
}
