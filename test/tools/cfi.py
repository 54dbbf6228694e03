# SPDX-License-Identifier: MIT
#
# Step a program one instruction at a time from its entry, and at each walk the
# stack by its unwind tables: every walk must end at an outermost frame, of the
# names that a stack may begin with. Run by test/cfi_test.c:
#
#	gdb -batch -nx -ex 'python STEPS = 30000' -x test/tools/cfi.py PROGRAM
#
# Prints "ok: N instructions, M frames deep at most" or the first walk that fails.
# Only code with tables of its own is judged: libc.a has none.

import gdb

BOTTOMS = {"_start", "_rt0_amd64_linux", "_rt0_amd64", "runtime_rt0_go", "runtime_mstart",
           "runtime_mcall", "runtime_systemstack", "runtime_gostart", "runtime_gogo"}


def ours(pc):
    sal = gdb.find_pc_line(pc)
    return sal.symtab is not None


def walk():
    """The names of the frames, innermost first, and why the walk ended."""
    names, frame = [], gdb.newest_frame()
    while True:
        names.append(frame.name())
        older = frame.older()
        if older is None:
            return names, frame.unwind_stop_reason()
        frame = older


def check():
    names, why = walk()
    if why not in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST):
        return names, gdb.frame_stop_reason_string(why)
    if names[-1] not in BOTTOMS:
        return names, "ends at %s" % names[-1]
    return names, None


def stepi(pc):
    """The other threads stand still, but where this one may wait for them."""
    waits = bytes(gdb.selected_inferior().read_memory(pc, 2)) == b"\x0f\x05"  # syscall
    if waits:
        gdb.execute("set scheduler-locking off")
    gdb.execute("stepi", to_string=True)
    if waits:
        gdb.execute("set scheduler-locking on")


def main():
    gdb.execute("set pagination off")
    gdb.execute("set confirm off")
    gdb.execute("set backtrace past-main on")
    gdb.execute("set backtrace past-entry on")
    gdb.execute("starti", to_string=True)
    gdb.execute("set scheduler-locking on")
    deepest = judged = 0
    for step in range(STEPS):
        try:
            pc = gdb.newest_frame().pc()
        except gdb.error:
            break  # it has ended
        if not ours(pc):
            gdb.execute("finish" if gdb.newest_frame().older() else "stepi", to_string=True)
            continue
        names, wrong = check()
        if wrong:
            print("step %d, pc %#x: %s: %s" % (step, pc, wrong, " < ".join(map(str, names))))
            print(gdb.execute("x/3i $pc", to_string=True))
            break
        judged += 1
        deepest = max(deepest, len(names))
        stepi(pc)
    else:
        gdb.execute("kill", to_string=True)
    if not wrong:
        print("ok: %d instructions, %d frames deep at most" % (judged, deepest))


main()
