# SPDX-License-Identifier: MIT
"""The workloads of `make bench`: what is measured, against whom, and what it must reach.

To add one, write NAME.c and go/NAME.go, which print the metrics, and a line below.
"""

from dataclasses import dataclass, field

LANDED = 3  # the last issue whose workloads run unasked; later ones only when named


@dataclass(frozen=True)
class Target:
    """A bound on the ratio ours/peer, or on our own value."""

    of: str  # "ratio" or "ours"
    most: float = float("inf")
    least: float = float("-inf")
    text: str = ""

    def met(self, value):
        return self.least <= value <= self.most


def ratio_at_most(x):
    return Target("ratio", most=x, text=f"<= {x:.3g} x")


def ratio_at_least(x):
    return Target("ratio", least=x, text=f">= {x:.3g} x")


def at_most(x):
    return Target("ours", most=x, text=f"<= {x:g}")


def at_least(x):
    return Target("ours", least=x, text=f">= {x:g}")


@dataclass(frozen=True)
class Metric:
    """One number that a program reports, compared with the same number of one peer."""

    name: str
    unit: str
    target: Target | dict | None = None  # a dict holds one a number of Ps
    peer: str | None = "go"  # None: measured alone
    more_is_better: bool = False

    def target_on(self, procs):
        return self.target.get(procs) if isinstance(self.target, dict) else self.target


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    metrics: list[Metric]
    procs: tuple = (1, 2)  # values of GOMAXPROCS; None leaves it unset
    speedup: Target | None = None  # of the first metric, from the first number of Ps to the last
    issue: int = 2
    program: str = ""  # the source file, when it is not NAME.c
    args: list[str] = field(default_factory=list)
    runner: str = "program"  # a function of runners.py

    @property
    def binary(self):
        return self.program or self.name

    @property
    def sides(self):
        """Ours, then every peer of its metrics: the order of one round."""
        return list(dict.fromkeys(["ours", *(m.peer for m in self.metrics if m.peer)]))


THIRD = 1 / 3
HALF = 1 / 2
TWO_THIRDS = 2 / 3

WORKLOADS = [
    Workload("boot", "hello, world from exec to exit", [
        Metric("wall", "us", ratio_at_most(1.2), peer="musl"),
        Metric("wall", "us", ratio_at_most(0.2)),
        Metric("cpu", "us"),
        Metric("peak", "KiB", ratio_at_most(0.25)),
        Metric("stripped", "KB", at_most(120)),
    ], procs=(None,), program="hello", runner="boot"),
    Workload("spawn", "start and finish a goroutine, a million times", [
        Metric("time", "ns", ratio_at_most(THIRD)),
    ]),
    Workload("sched", "go_sched between two goroutines", [
        Metric("time", "ns", ratio_at_most(HALF)),
    ], procs=(1,)),
    Workload("parked", "a million goroutines parked at once", [
        Metric("memory", "B", at_most(4864)),
        Metric("time", "ns"),
    ], procs=(2,), args=["1000000"]),
    Workload("parked-100k", "a hundred thousand goroutines parked at once", [
        Metric("memory", "B", at_most(4864)),
    ], procs=(2,), program="parked", args=["100000"]),
    Workload("forkjoin", "fib(32), a goroutine for every call above 12", [
        Metric("time", "ms", ratio_at_most(HALF)),
    ], speedup=at_least(1.8)),

    Workload("pingpong", "a round trip over two unbuffered channels", [
        Metric("time", "ns", {1: ratio_at_most(THIRD), 2: ratio_at_most(TWO_THIRDS)}),
    ], issue=3),
    Workload("buffered", "an item through a channel of 128, one to one", [
        Metric("time", "ns", {1: ratio_at_most(HALF), 2: ratio_at_most(0.6)}),
    ], issue=3),
    Workload("mpmc", "an item through a channel of 128, eight to eight", [
        Metric("time", "ns", ratio_at_most(TWO_THIRDS)),
    ], issue=3),
    Workload("select4", "a select over four channels", [
        Metric("time", "ns", ratio_at_most(HALF)),
    ], issue=3),
    Workload("sieve", "the concurrent prime sieve to the 2000th prime", [
        Metric("time", "ms", ratio_at_most(HALF)),
    ], issue=3),
    Workload("skynet", "a tree of goroutines with a million leaves", [
        Metric("time", "ms", ratio_at_most(THIRD)),
        Metric("peak", "MiB", ratio_at_most(1)),
    ], issue=3),
    Workload("mutex", "lock and unlock, by 64 goroutines and alone", [
        Metric("contended", "ns", ratio_at_most(TWO_THIRDS)),
        Metric("alone", "ns", ratio_at_most(1)),
    ], issue=3),
    Workload("sleepers", "200,000 sleeps of random length below a second", [
        Metric("cpu", "ms", ratio_at_most(HALF)),
        Metric("lateness", "us", ratio_at_most(1)),
    ], procs=(2,), issue=3),

    Workload("http-64", "keep-alive responder, 64 connections by wrk", [
        Metric("requests", "/s", {1: ratio_at_least(1.2)}, more_is_better=True),
        Metric("cpu", "us/req", {1: ratio_at_most(0.8)}),
        Metric("p99", "us", {1: ratio_at_most(1)}),
    ], speedup=at_least(1), issue=4, program="http", args=["64"], runner="http"),
    Workload("http-1000", "keep-alive responder, 1,000 connections by wrk", [
        Metric("requests", "/s", {1: ratio_at_least(1.5)}, more_is_better=True),
        Metric("cpu", "us/req", {1: ratio_at_most(0.8)}),
        Metric("p99", "us", {1: ratio_at_most(1)}),
    ], speedup=at_least(1), issue=4, program="http", args=["1000"], runner="http"),
    Workload("readers", "100,000 goroutines, each reading a pipe of its own", [
        Metric("memory", "B", at_most(5632)),
        Metric("threads", "", at_most(19)),
        Metric("goroutines", ""),
    ], procs=(2,), issue=4),
    Workload("rawblock", "the longest that one raw blocking call stops the others", [
        Metric("gap", "ms", at_most(20), peer=None),
    ], procs=(1,), issue=4),
]
