# SPDX-License-Identifier: MIT
# The benchmarks. Included from the top-level Makefile, which says where the
# build goes (B) and how CRT is made.
#
#   make bench [ONLY=spawn,sched] [PAIRS=5] [JSON=FILE]
#   make bench-md                  the same table, for the README
#   make setup-bench               installs the peers

B ?= build
MUSLGCC ?= musl-gcc
CRT ?= $(B)/lib/gocrt.o
GO ?= $(shell command -v /usr/lib/go-1.23/bin/go || command -v go)

BENCH := test/bench
BENCH_B := $(B)/bench
BENCH_CFLAGS := -O2 -g -Wall -Wextra -static
BENCH_NAMES := $(filter-out launch,$(basename $(notdir $(wildcard $(BENCH)/*.c))))
BENCH_PROGS := $(BENCH_NAMES:%=$(BENCH_B)/ours/%) $(BENCH_B)/musl/hello $(BENCH_B)/launch \
	$(patsubst $(BENCH)/go/%.go,$(BENCH_B)/go/%,$(wildcard $(BENCH)/go/*.go))
BENCH_GO = CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= $(GO) build -trimpath $(BENCH_STRIP)

# $(call bench-try,COMMAND): a program that does not build yet, or whose
# compiler is missing, is no error here; bench.py quotes its log.
bench-try = @rm -f $@; mkdir -p $(@D); $(1) >$@.log 2>&1 || rm -f $@

# Symbols help perf; hello alone goes without, for its size is a result.
$(BENCH_B)/musl/hello: BENCH_STRIP = -s
$(BENCH_B)/go/hello: BENCH_STRIP = -ldflags "-s -w"

$(BENCH_B)/ours/%: $(BENCH)/%.c $(BENCH)/bench.h $(B)/include/go.h $(CRT)
	$(call bench-try,$(MUSLGCC) $(BENCH_CFLAGS) $(BENCH_STRIP) -nostartfiles -I$(B)/include -o $@ $< $(CRT))

# As users are told to build it: its size is a result.
$(BENCH_B)/ours/hello: $(BENCH)/hello.c $(BENCH)/bench.h $(B)/include/go.h $(CRT) $(B)/bin/gocrt-gcc
	$(call bench-try,$(B)/bin/gocrt-gcc $(BENCH_CFLAGS) -s -o $@ $<)

$(BENCH_B)/musl/%: $(BENCH)/%.c $(BENCH)/bench.h
	$(call bench-try,$(MUSLGCC) $(BENCH_CFLAGS) $(BENCH_STRIP) -o $@ $<)

$(BENCH_B)/launch: $(BENCH)/launch.c
	@mkdir -p $(@D)
	$(MUSLGCC) $(BENCH_CFLAGS) -s -o $@ $<

$(BENCH_B)/go/%: $(BENCH)/go/%.go
	$(call bench-try,$(if $(GO),$(BENCH_GO) -o $@ $<,{ echo "no go toolchain: run make setup-bench"; false; }))

BENCH_RUN = python3 -B $(BENCH)/bench.py --build $(BENCH_B) $(if $(GO),--go $(GO)) \
	$(if $(ONLY),--only '$(ONLY)') $(if $(PAIRS),--pairs $(PAIRS)) $(if $(JSON),--json $(JSON))

.PHONY: bench bench-md bench-progs setup-bench
bench-progs: $(BENCH_PROGS)

bench: bench-progs
	@$(BENCH_RUN)

bench-md: bench-progs
	@$(BENCH_RUN) --markdown

ifneq ($(filter setup-bench,$(MAKECMDGOALS)),)
.NOTPARALLEL: # `make -j setup-bench bench` installs first
endif
setup-bench:
	@$(BENCH)/setup.sh
