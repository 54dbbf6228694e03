# SPDX-License-Identifier: MIT
"""How one sample is taken: run one side of a workload once, return {metric: value}.

Every runner raises Failed with all there is to say when the program did not do its work.
"""

import os
import re
import select
import signal
import subprocess
import tempfile

TIMEOUT = 120  # seconds; a program that needs longer hangs
LAUNCHES = 50  # of hello, in one sample of boot
WRK_SECONDS = 2


class Failed(Exception):
    """The program crashed, hung or was wrong; the text says which, with its stderr."""


def ending(code):
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"


def environment(procs):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GOMAXPROCS", "GODEBUG", "GOGC"))}
    return env if procs is None else env | {"GOMAXPROCS": str(procs)}


def output(command, procs=None):
    """The command's standard output; Failed unless it ends well and in time."""
    try:
        done = subprocess.run(command, env=environment(procs), capture_output=True, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode(errors="replace")
        raise Failed(f"still running after {TIMEOUT} s, killed\n{said}".strip()) from None
    if done.returncode != 0:
        raise Failed(f"{ending(done.returncode)}\n{done.stderr}".strip())
    return done.stdout


def parse(text):
    """Lines of NAME VALUE [UNIT] as {NAME: VALUE}."""
    try:
        return {words[0]: float(words[1]) for words in map(str.split, text.splitlines())}
    except (IndexError, ValueError):
        raise Failed(f"unexpected output: {text!r}") from None


def program(workload, binary, procs):
    return parse(output([binary, *workload.args], procs))


def boot(workload, binary, procs):
    """Launches by the helper; Python's own fork would cost more than what is measured."""
    launch = binary.parent.parent / "launch"
    stripped = {"stripped": binary.stat().st_size / 1000}
    return parse(output([launch, str(LAUNCHES), binary], procs)) | stripped


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def wrk(port, connections):
    """Requests, requests a second and the 99th percentile, as wrk saw them."""
    text = output(["wrk", "-t1", f"-c{connections}", f"-d{WRK_SECONDS}s", "--latency",
                   f"http://127.0.0.1:{port}/"])
    if trouble := re.search(r"Socket errors.*|Non-2xx.*", text):
        raise Failed(f"wrk saw {trouble[0]}")
    count = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return count, rate, microseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1])


def stop(server):
    """Kill it: its resource usage, and how it had ended if it was quicker than that."""
    server.kill()
    _, status, usage = os.wait4(server.pid, 0)
    server.returncode = os.waitstatus_to_exitcode(status)
    return usage, None if server.returncode == -signal.SIGKILL else ending(server.returncode)


def http(workload, binary, procs):
    """Serve on a port that the server chose until wrk is through, then read what it used."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        server = subprocess.Popen([binary], env=environment(procs), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=said, text=True)
        trouble, count, rate, p99 = None, 0, 0, 0
        try:
            ready, _, _ = select.select([server.stdout], [], [], 10)
            port = server.stdout.readline().split() if ready else []
            if len(port) == 2:
                count, rate, p99 = wrk(port[1], workload.args[0])
        except Failed as e:
            trouble = str(e)
        finally:
            usage, ended = stop(server)
            server.stdout.close()
        if ended or trouble or not count:
            said.seek(0)
            what = f"the server ended by itself: {ended}" if ended else trouble or "no request answered"
            raise Failed(f"{what}\n{said.read()}".strip())
    cpu = (usage.ru_utime + usage.ru_stime) * 1e6 / count
    return {"requests": rate, "cpu": cpu, "p99": p99}


RUNNERS = {"program": program, "boot": boot, "http": http}
