# SPDX-License-Identifier: MIT
#
# make              build/lib/gocrt.o, build/include/go.h, build/bin/gocrt-gcc
# make DEBUG=1      the same under build/debug: lock ranks, small limits, random scheduling
# make setup        install what building and testing need (Debian; nothing when it is all there)
# make demo         boot a program, then count words on thousands of lines of real files
# make test         every Criterion suite in test/; the last line is the total
# make realworld    Debian's packages of Lua, zlib, Redis and others, built with gocrt, and their own tests
# make model        the models of the protocols in test/model, checked exhaustively (with spin)
# make stress       the whole-program suites again and again, at several GOMAXPROCS
# make check        exported symbols, clang's warnings, the header as C++, static analysis
# make boot-order   the boot steps in the order gdb meets them, one a line
# make boot-compare the same next to a Go program's
# make bench        see test/bench/bench.mk
# make install      PREFIX=/usr/local DESTDIR=; and make uninstall

GOOS    = linux
GOARCH  = amd64
MUSLGCC = musl-gcc
HOSTCC  = gcc
CLANG   = clang
LD      = ld
OBJCOPY = objcopy
PREFIX  = /usr/local
VERSION = 0.1

B := build$(if $(filter-out 0,$(DEBUG)),/debug)

WARN     = -Wall -Wextra -Werror
CODEGEN  = -std=gnu11 -fno-pie -fvisibility=hidden -ftls-model=local-exec \
           -fno-stack-protector -fasynchronous-unwind-tables -ffunction-sections -fdata-sections
INCLUDE  = -iquote rt0 -iquote runtime # not -I: runtime/unwind.h is not <unwind.h>
DEPS     = -MMD -MP -MT $@ -MF $@.d
CFLAGS   = -O2 -g -fno-reorder-functions -fno-align-jumps -falign-functions=8
RELEASE  = -DDEBUG=0
CHECKED  = -DDEBUG=1 -O1

# foo.c is for every platform; foo_linux.c, foo_amd64.c and foo_linux_amd64.c for theirs alone.
PLATFORMS = linux darwin wasi amd64 arm64 arm mips64le riscv64 wasm
others   := $(filter-out $(GOOS) $(GOARCH),$(PLATFORMS))
parts     = $(subst _, ,$(basename $(notdir $1)))
elsewhere = $(filter $(others),$(wordlist 2,9,$(call parts,$1)))
SRCS     := $(foreach f,$(wildcard $(foreach d,rt0 runtime sched,$d/*.S $d/*.c)),\
            $(if $(call elsewhere,$f),,$f))

.PHONY: all setup demo test stress realworld check boot-order boot-compare install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:
ifneq ($(filter setup,$(MAKECMDGOALS)),)
.NOTPARALLEL: # `make -j setup test` installs first
endif

PRODUCTS = lib/gocrt.o lib/gocrt.specs lib/gocrt-cold.ld include/go.h bin/gocrt-gcc
all: $(addprefix $B/,$(PRODUCTS))

# ---- The provided crt ----

# One object: every source joined, then every symbol that exports.txt does not name made local.
# $1: where it is built, $2: what is added to the compile line.
define GOCRT
$1/lib/gocrt.o: $$(addprefix $1/obj/,$$(addsuffix .o,$$(basename $$(SRCS)))) \
		tools/gocrt.ld tools/exports.txt
	@mkdir -p $$(@D)
	$$(LD) -r -T tools/gocrt.ld -o $$@ $1/obj/rt0/stext.o \
		$$(filter-out %/stext.o %/etext.o,$$(filter %.o,$$^)) $1/obj/rt0/etext.o
	$$(OBJCOPY) --keep-global-symbols=tools/exports.txt $$@
$1/obj/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(MUSLGCC) $$(CODEGEN) $$(WARN) $$(INCLUDE) $$(DEPS) $$(CFLAGS) $2 -c -o $$@ $$<
$1/obj/%.o: %.S Makefile
	@mkdir -p $$(@D)
	$$(MUSLGCC) $$(INCLUDE) $$(DEPS) -g $2 -c -o $$@ $$<
$1/include/go.h: runtime/go.h
	@mkdir -p $$(@D)
	cp $$< $$@
$1/lib/gocrt.specs: tools/gocrt.specs
	@mkdir -p $$(@D)
	cp $$< $$@
$1/lib/gocrt-cold.ld: tools/gocrt-cold.ld
	@mkdir -p $$(@D)
	cp $$< $$@
$1/bin/gocrt-gcc: tools/gocrt-gcc
	@mkdir -p $$(@D)
	cp $$< $$@
endef
# What runs seldom, at the boot, at the end and around system calls is built small.
COLD = $(addprefix runtime/,alloc args boottrace cfi cfiexpr cfifde check cpusignal_linux crt dwarfline env fork gc \
       iocall_linux iodesc_linux iomove_linux iomsg_linux iopoll_linux iowait_linux libccalls mem musl musl_call musl_cancel \
       musl_cond musl_create musl_exit musl_file musl_fork musl_lock musl_sem musl_signal musl_synccall musl_thread musl_tsd netpoll_linux \
       os_linux print sigaction signal sigroute spawn stack symtab threadend traceback unwind) \
       $(addprefix sched/,allg cond fork lockosthread m netpoll once p panic preempt rawcall rawlook rwmutex service sysmon template timer)
$(COLD:%=build/obj/%.o): CFLAGS += -Os -fno-jump-tables
# An element is a few ns: alignment is felt, and that position-dependent code is laid out otherwise.
build/obj/sched/chan.o: CFLAGS += -falign-functions=64 -falign-jumps -fPIE
build/obj/sched/mutex.o: CFLAGS += -falign-functions=64
# Its loops are not to become calls of what they are.
build/obj/runtime/mem.o build/debug/obj/runtime/mem.o: CFLAGS += -ffreestanding -fno-tree-loop-distribute-patterns
$(eval $(call GOCRT,build,$(RELEASE)))
$(eval $(call GOCRT,build/debug,$(CHECKED)))

# ---- Examples ----

EXAMPLES := $(patsubst examples/%.c,build/examples/%,$(wildcard examples/*.c)) build/examples/httpd

build/examples/%: examples/%.c examples/number.h $(addprefix build/,$(PRODUCTS))
	@mkdir -p $(@D)
	build/bin/gocrt-gcc $(WARN) -O2 -g -o $@ $<
build/examples/httpd: $(wildcard examples/httpd/*.[ch]) examples/number.h $(addprefix build/,$(PRODUCTS))
	@mkdir -p $(@D)
	build/bin/gocrt-gcc $(WARN) -O2 -g -o $@ $(filter %.c,$^)

demo: $(EXAMPLES)
	@tools/demo.sh build/examples

# ---- Tests ----

# Suites are ordinary glibc programs. One that tests a data structure includes its .c; one that
# tests whole programs runs those of test/prog, which are built by the line the README gives.
SUITES := $(patsubst test/%.c,build/test/%,$(wildcard test/*_test.c))
PROGS  := $(patsubst test/prog/%.c,%,$(wildcard test/prog/*.c))
-include test/prog/prog.mk # PROGFLAGS_name = flags of one program

# The sources that a suite is linked with, where it cannot include them.
WITH_unwind_test = $(addprefix runtime/,unwind.c cfi.c cfifde.c cfiexpr.c symtab.c dwarfline.c)
$(foreach s,$(SUITES),$(eval $s: $(WITH_$(notdir $s))))

build/test/%_test: test/%_test.c Makefile
	@mkdir -p $(@D)
	$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra $(INCLUDE) -iquote sched -iquote test/tools \
		$(RELEASE) $(DEPS) -o $@ $< $(WITH_$(@F)) -lcriterion -lpthread

# $1: where the programs go, $2: which gocrt they get.
define PROG
$1/%: test/prog/%.c $2/lib/gocrt.o $2/include/go.h
	@mkdir -p $$(@D)
	$$(MUSLGCC) -static -nostartfiles -I$2/include -O2 -g -Wall $$(PROGFLAGS_$$*) -o $$@ $$< \
		$2/lib/gocrt.o
endef
$(eval $(call PROG,build/test/prog,build))
$(eval $(call PROG,build/test/prog-debug,build/debug))

TESTED = all $(addprefix build/debug/,$(PRODUCTS)) $(SUITES) $(EXAMPLES) \
         $(PROGS:%=build/test/prog/%) $(PROGS:%=build/test/prog-debug/%)

test: $(TESTED)
	@test/tools/run-suites.sh $(SUITES)

stress: $(TESTED)
	@test/tools/stress.sh $(SUITES)

realworld: all
	@test/realworld.sh $(ONLY)

# ---- Checks ----

# clang sees what musl-gcc sees: the wrapper gives it musl's headers.
CLANGCC  = REALGCC=$(CLANG) build/bin/gocrt-gcc -fsyntax-only $(WARN)
C_SRCS  := $(filter %.c,$(SRCS))

check: all $(EXAMPLES)
	tools/check-exports.sh build/lib/gocrt.o tools/exports.txt
	$(CLANGCC) $(CODEGEN) $(INCLUDE) $(RELEASE) $(C_SRCS)
	$(CLANGCC) $(CODEGEN) $(INCLUDE) $(CHECKED) $(C_SRCS)
	$(CLANGCC) -std=c11 $(wildcard examples/*.c examples/*/*.c)
	$(CLANG) -x c++ -std=c++17 -fsyntax-only $(WARN) runtime/go.h
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 -j2 \
		--enable=warning,portability --suppressions-list=tools/cppcheck.txt \
		'-D_Noreturn=__attribute__((noreturn))' $(INCLUDE) $(RELEASE) $(C_SRCS) examples
	clang-tidy --quiet $(C_SRCS) -- $(CODEGEN) $(WARN) $(INCLUDE) $(RELEASE) \
		-nostdinc -isystem /usr/include/$(shell uname -m)-linux-musl \
		-isystem $$($(CLANG) -print-resource-dir)/include

boot-order: build/examples/hello
	@tools/boot-order.sh $<

boot-compare: build/examples/hello
	@tools/boot-compare.sh $<

# ---- Installing ----

PACKAGES = gcc libc6-dev binutils musl-tools libcriterion-dev pkg-config gdb clang clang-tidy cppcheck curl wrk strace
setup:
	@tools/setup.sh $(PACKAGES)

dest = $(DESTDIR)$(PREFIX)
install: all
	install -d $(dest)/bin $(dest)/lib/pkgconfig $(dest)/include/gocrt
	install -m 755 $(B)/bin/gocrt-gcc $(dest)/bin/gocrt-gcc
	install -m 644 $(B)/lib/gocrt.o $(B)/lib/gocrt.specs $(B)/lib/gocrt-cold.ld $(dest)/lib/
	install -m 644 $(B)/include/go.h $(dest)/include/gocrt/go.h
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' tools/gocrt.pc.in \
		>$(dest)/lib/pkgconfig/gocrt.pc

uninstall:
	rm -f $(addprefix $(dest)/,bin/gocrt-gcc lib/gocrt.o lib/gocrt.specs lib/gocrt-cold.ld include/gocrt/go.h \
		lib/pkgconfig/gocrt.pc)
	[ ! -d $(dest)/include/gocrt ] || rmdir --ignore-fail-on-non-empty $(dest)/include/gocrt

clean:
	rm -rf build

-include test/bench/bench.mk
-include test/model/model.mk
-include $(shell find build -name realworld -prune -o -name '*.d' -print 2>/dev/null)
