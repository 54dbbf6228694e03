# SPDX-License-Identifier: MIT
"""Print the boot steps of a program in the order in which they are first reached.

Run by tools/boot-order.sh, which sets steps and backtraces and gives it descriptor 3 to write to.

A step that the program does not have, or does not reach before its main, is not printed. With
backtraces, each line goes on with the callers, and with "..." if the unwinder lost its way instead
of coming to a marked end of the stack.
"""
import gdb

reached = []
out = open(3, "w")


def callers():
    names, frame = [], gdb.newest_frame()
    while frame.older() and len(names) < 50:
        frame = frame.older()
        names.append(frame.name() or hex(frame.pc()))
    clean = frame.unwind_stop_reason() == gdb.FRAME_UNWIND_OUTERMOST
    return "".join(" < " + n for n in names) + ("" if clean else " < ...")


class Step(gdb.Breakpoint):
    def __init__(self, name, where):
        super().__init__(where, internal=True)
        self.silent = True
        self.step = name

    def stop(self):
        if self.step not in reached:
            reached.append(self.step)
            print(self.step + (callers() if backtraces else ""), file=out, flush=True)
        return self.step == steps[-1]


def place(name):
    """Where to break: after the prologue of a C or Go function, and wherever it is inlined; but on
    the very first instruction of a routine in assembly, for whose prologue gdb can only guess."""
    symbol = gdb.lookup_global_symbol(name)
    if not symbol or symbol.type.code != gdb.TYPE_CODE_FUNC:
        try:
            return "*" + str(int(gdb.parse_and_eval("(unsigned long)&'%s'" % name)))
        except gdb.error:
            pass
    return "-function '%s'" % name


for setting in ("confirm off", "pagination off", "debuginfod enabled off", "breakpoint pending off",
                "backtrace past-main on", "print thread-events off", "print inferior-events off"):
    try:
        gdb.execute("set " + setting, to_string=True)
    except gdb.error:
        pass
gdb.execute("handle all nostop noprint pass", to_string=True)
gdb.execute("handle SIGTRAP SIGSEGV SIGABRT stop", to_string=True)
for name in steps:
    try:
        Step(name, place(name))
    except gdb.error:
        pass  # not in this program
gdb.execute("run </dev/null >/dev/null 2>&1", to_string=True)
if gdb.selected_inferior().pid:
    gdb.execute("kill", to_string=True)
