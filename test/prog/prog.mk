# SPDX-License-Identifier: MIT
#
# Flags of single programs.

$(PROGS:%=build/test/prog/%) $(PROGS:%=build/test/prog-debug/%): test/prog/prog.h
build/test/prog/handlers build/test/prog-debug/handlers build/test/prog/preempt build/test/prog-debug/preempt: test/prog/crew.h
$(foreach p,cancel child corners pwait sem semsign,build/test/prog/$p build/test/prog-debug/$p): test/prog/waits.h
build/test/prog/semsign build/test/prog-debug/semsign: test/prog/sem.c
$(foreach p,limits pwait signals,build/test/prog/$p build/test/prog-debug/$p): test/prog/refuse.h
$(foreach p,netpoll odd,build/test/prog/$p build/test/prog-debug/$p): test/prog/tcp.h

# Frames with the canary: it must be right on whatever thread a goroutine goes on.
PROGFLAGS_tls = -fstack-protector-all

# Every function that is called is in the trace.
PROGFLAGS_proc = -fno-optimize-sibling-calls -fno-inline

PROGFLAGS_bigtls = -fno-optimize-sibling-calls
PROGFLAGS_signals = -fno-optimize-sibling-calls -fno-inline
PROGFLAGS_faults = -fno-optimize-sibling-calls -fno-inline -fno-isolate-erroneous-paths-dereference
PROGFLAGS_panic = -fno-optimize-sibling-calls -fno-inline
PROGFLAGS_limits = -fno-optimize-sibling-calls -fno-inline
