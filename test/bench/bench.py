#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the benchmarks side by side with their peers and print one table.

One round runs every side of a workload once, in turn, on each number of Ps:
A B A B. The first round is warm-up. `ours` and `peer` are medians over the
rounds; `ratio` is the median of ours/peer taken within each round, so that a
machine that slows down for a while slows both, and `spread` is its smallest
and largest value.
"""

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from runners import RUNNERS, Failed
from workloads import LANDED, WORKLOADS, Target

MIN_PAIRS = 5
PEER_NAMES = {"go": "Go", "musl": "musl", None: ""}
HEAD = ["workload", "Ps", "ours", "peer", "", "ratio", "spread", "unit", "target", "met"]
LEFT = {0, 4, 7, 8, 9}  # columns of words; the others are numbers, set flush right


@dataclass
class Row:
    """One line of the table. A failed or missing side leaves its list empty."""

    workload: str
    metric: str
    procs: str
    unit: str
    peer_name: str
    target: Target | None
    ours: list[float]
    peer: list[float]
    ratios: list[float]
    trouble: dict[str, str]  # side -> what its column says instead of a number

    @property
    def met(self):
        """True, False, or None where there is no target or nothing to hold against it."""
        values = self.ratios if self.target and self.target.of == "ratio" else self.ours
        return self.target.met(median(values)) if self.target and values else None

    def cells(self):
        def value(side, samples):
            return self.trouble.get(side) or (number(median(samples)) if samples else "")

        ratio = f"{median(self.ratios):.3f}" if self.ratios else ""
        spread = f"{min(self.ratios):.2f}..{max(self.ratios):.2f}" if self.ratios else ""
        label = self.workload if self.metric == "time" else f"{self.workload} {self.metric}"
        return [label, self.procs, value("ours", self.ours), value("peer", self.peer),
                self.peer_name, ratio, spread, self.unit, self.target.text if self.target else "",
                {True: "yes", False: "NO", None: ""}[self.met]]


class Bench:
    """The run: takes the samples and keeps the notes that go below the table."""

    def __init__(self, build, pairs, peers_alone):
        self.build = build
        self.pairs = pairs
        self.peers_alone = peers_alone
        self.notes = []
        self.failed = False

    def binary(self, side, workload):
        return self.build / side / workload.binary

    def why_missing(self, side, workload):
        """Why there is no such program, from what its build said."""
        try:
            lines = self.binary(side, workload).with_suffix(".log").read_text().splitlines()
        except OSError:
            return "not built; `make bench` builds it"
        telling = [s for s in lines if "error" in s or "undefined" in s or "setup-bench" in s]
        return f"does not build: {(telling or lines or ['no message'])[0].strip()}"

    def sides(self, workload):
        """The sides that can run; none when there is nothing to compare."""
        if workload.runner == "http" and not shutil.which("wrk"):
            self.notes.append(f"{workload.name}: skipped, no wrk; `make setup-bench` installs it")
            return []
        there = []
        for side in workload.sides:
            if self.binary(side, workload).exists():
                there.append(side)
                continue
            skipped = "skipped, " if side == "ours" and not self.peers_alone else ""
            self.notes.append(f"{workload.name}: {skipped}{side} {self.why_missing(side, workload)}")
        return there if "ours" in there or self.peers_alone else []

    def measure(self, workload, sides):
        """{(side, procs): one dict of metrics a round}; a side that fails is noted and dropped."""
        samples = {(side, p): [] for side in sides for p in workload.procs}
        for turn in range(self.pairs + 1):
            progress(f"{workload.name} {turn or 'warm-up'}/{self.pairs}")
            for p in workload.procs:
                for side in sides:
                    if samples[side, p] is None:
                        continue
                    try:
                        got = RUNNERS[workload.runner](workload, self.binary(side, workload), p)
                    except Failed as failure:
                        self.fail(workload, side, p, failure)
                        samples[side, p] = None
                        continue
                    if turn > 0:
                        samples[side, p].append(got)
        progress("")
        return samples

    def fail(self, workload, side, procs, failure):
        self.failed = True
        on = "" if procs is None else f" on {procs} P{'s' * (procs > 1)}"
        text = "\n    ".join(str(failure).splitlines())
        self.notes.append(f"{workload.name}{on}: {side} FAILED: {text}")

    def rows(self, workload):
        sides = self.sides(workload)
        if not sides:
            return []
        samples = self.measure(workload, sides)
        rows = [self.row(workload, m, p, samples) for m in workload.metrics for p in workload.procs]
        return rows + ([self.speedup(workload, samples)] if workload.speedup else [])

    @staticmethod
    def values(samples, side, procs, metric):
        return [s[metric] for s in samples.get((side, procs)) or [] if metric in s]

    def row(self, workload, metric, procs, samples):
        ours = self.values(samples, "ours", procs, metric.name)
        peer = self.values(samples, metric.peer, procs, metric.name)
        keys = {"ours": ("ours", procs), "peer": (metric.peer, procs)}
        return Row(workload.name, metric.name, str(procs or "-"), metric.unit,
                   PEER_NAMES[metric.peer], metric.target_on(procs), ours, peer,
                   [a / b for a, b in zip(ours, peer) if b],
                   {s: "FAILED" for s, key in keys.items() if samples.get(key, ()) is None})

    def speedup(self, workload, samples):
        """How many times as fast the most Ps are as the fewest, round by round."""
        metric, few, many = workload.metrics[0], workload.procs[0], workload.procs[-1]

        def gain(side):
            before = self.values(samples, side, few, metric.name)
            after = self.values(samples, side, many, metric.name)
            both = zip(after, before) if metric.more_is_better else zip(before, after)
            return [a / b for a, b in both if b]

        return Row(workload.name, "speed-up", f"{few}-{many}", "times", PEER_NAMES[metric.peer],
                   workload.speedup, gain("ours"), gain(metric.peer), [], {})


def number(v):
    if v >= 100 or v == int(v):
        return f"{v:,.0f}"
    return f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def table(rows):
    lines = [HEAD] + [r.cells() for r in rows]
    width = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * w for w in width])
    for line in lines:
        cells = [c.ljust(w) if i in LEFT else c.rjust(w)
                 for i, (c, w) in enumerate(zip(line, width))]
        yield "  ".join(cells).rstrip()


def markdown(rows):
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'|'.join('---' if i in LEFT else '--:' for i in range(len(HEAD)))}|"
    for row in rows:
        yield f"| {' | '.join(row.cells())} |".replace("<=", "≤").replace(">=", "≥")


def said(*command):
    """The first line that a command prints; "" when it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.partition("\n")[0].strip()


def musl_version():
    done = subprocess.run("/lib/ld-musl-*.so.1", shell=True, capture_output=True, text=True, check=False)
    return next((s.split()[1] for s in done.stderr.splitlines() if s.startswith("Version")), "")


def circumstances(go):
    """When, where and with what: everything needed to judge the numbers later."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = next((s.partition(":")[2].strip() for s in f if s.startswith("model name")), platform.machine())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
                    "load": round(os.getloadavg()[0], 2)},
        "versions": {"gcc": said("gcc", "-dumpfullversion"), "go": said(go, "env", "GOVERSION"),
                     "musl": musl_version(), "gocrt": said("git", "describe", "--always", "--dirty")},
    }


def caption(at):
    m, v = at["machine"], at["versions"]
    return (f"{at['date'][:10]}, {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, load {m['load']}; "
            f"gcc {v['gcc']}, {v['go'] or 'no go'}, musl {v['musl'] or 'unknown'}")


def as_json(at, pairs, rows, notes):
    results = [{"workload": r.workload, "metric": r.metric, "procs": r.procs, "unit": r.unit,
                "peer": r.peer_name, "ours_samples": r.ours, "peer_samples": r.peer,
                "ratios": r.ratios, "ours": median(r.ours) if r.ours else None,
                "peer_median": median(r.peer) if r.peer else None,
                "ratio": median(r.ratios) if r.ratios else None,
                "target": r.target.text if r.target else None,
                "target_of": r.target.of if r.target else None, "met": r.met, "trouble": r.trouble}
               for r in rows]
    return json.dumps(at | {"pairs": pairs, "results": results, "notes": notes}, indent=1)


def chosen(only):
    """The workloads that --only names, by name, program or pattern; else those landed."""
    if not only:
        return [w for w in WORKLOADS if w.issue <= LANDED]
    wanted = only.split(",")
    found = {p: [w for w in WORKLOADS if fnmatch.fnmatch(w.name, p) or w.binary == p] for p in wanted}
    for pattern in (p for p in wanted if not found[p]):
        sys.exit(f"bench: no workload {pattern!r}; --list shows them")
    return [w for w in WORKLOADS if any(w in ws for ws in found.values())]


def listing(bench):
    for w in WORKLOADS:
        built = bench.binary("ours", w).exists()
        state = "" if built else f"  ({bench.why_missing('ours', w)})"
        unasked = " " if w.issue <= LANDED else "*"
        print(f"{w.name:12}{unasked} {w.what}{state}")
    print("(* of a later issue: runs only when named)")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", metavar="NAME[,NAME]", help="these workloads; * and ? match")
    p.add_argument("--pairs", type=int, default=MIN_PAIRS, metavar="N", help=f"rounds, at least {MIN_PAIRS}")
    p.add_argument("--json", metavar="FILE", help="write everything there too; - prints it instead of the table")
    p.add_argument("--markdown", action="store_true", help="print the table for the README")
    p.add_argument("--list", action="store_true", help="list the workloads")
    p.add_argument("--peers", action="store_true", help="run the peers even where our program is missing")
    p.add_argument("--build", type=pathlib.Path, default="build/bench", metavar="DIR", help="where the programs are")
    p.add_argument("--go", default="go", metavar="GO", help="the go command, to name its version")
    args = p.parse_args()
    if args.pairs < MIN_PAIRS:
        p.error(f"--pairs must be at least {MIN_PAIRS}")
    return args


def main():
    args = arguments()
    bench = Bench(args.build.resolve(), args.pairs, args.peers)
    if args.list:
        return listing(bench)
    at = circumstances(args.go)
    rows = [row for w in chosen(args.only) for row in bench.rows(w)]
    if args.json and args.json != "-":
        pathlib.Path(args.json).write_text(as_json(at, args.pairs, rows, bench.notes) + "\n")
    if args.json == "-":
        print(as_json(at, args.pairs, rows, bench.notes))
    else:
        lines = list((markdown if args.markdown else table)(rows))
        print(caption(at), "", *lines, *([""] if bench.notes else []), *bench.notes, sep="\n")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
