"""Run many cases of ``tests/test_fuzz.py``, in processes that may die or hang.

    python tools/fuzz.py [--cases 10000] [--first 0] [--timeout 60]

Names the cases that killed their process, that took longer than the timeout and that failed, and
ends with status 1 if there are any. ``--only NUMBER`` runs one case here, for a debugger.
"""

import argparse
import collections
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "test_fuzz.py"


def load():
    sys.path.insert(0, str(TESTS.parents[1]))
    spec = importlib.util.spec_from_file_location("test_fuzz", TESTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def work(first, end):
    """Report each case before and after it, one line each."""
    fuzz = load()
    for number in range(first, end):
        print(json.dumps({"begin": number}), flush=True)
        try:
            outcome = fuzz.check(number)
        except Exception as error:  # noqa: BLE001
            message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            print(json.dumps({"failed": number, "why": message}), flush=True)
        else:
            print(json.dumps({"outcome": outcome}), flush=True)


def batch(first, end, timeout, report):
    """Run cases in a process; where it is over, the case it died of, and why."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--work", str(first), str(end)],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    number = first
    while True:
        try:
            line = lines.get(timeout=timeout)
        except queue.Empty:
            process.kill()
            process.wait()
            return number, f"took longer than {timeout} s"
        if line is None:
            status = process.wait()
            return (number, f"ended its process with status {status}") if status else None
        try:
            said = json.loads(line)
        except ValueError:  # what an estimator prints
            continue
        number = said.get("begin", number)
        if "failed" in said:
            report("failed", said["failed"], said["why"])
        elif "outcome" in said:
            report(said["outcome"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--only", type=int)
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return 0
    fuzz = load()
    if options.only is not None:
        print(fuzz.case(options.only))
        print(fuzz.check(options.only))
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    outcomes = collections.Counter()

    def report(outcome, number=None, why=None):
        outcomes[outcome] += 1
        if why:
            print(f"case {number}: {why}\n    {fuzz.case(number)}", flush=True)

    number, end = options.first, options.first + options.cases
    while number < end:
        stop = min(number + options.batch, end)
        died = batch(number, stop, options.timeout, report)
        number = stop
        if died:
            report("died", *died)
            number = died[0] + 1
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    return int(bool(outcomes["failed"] or outcomes["died"]))


if __name__ == "__main__":
    sys.exit(main())
