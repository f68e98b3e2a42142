"""What importing costs, beside `import sklearn.cluster`.

Each import is timed within a fresh interpreter; the statements take turns, and the ratio is the
median over rounds of the ratio within a round. Using a deep method for the first time also imports
torch, and is measured beside `import torch`.

    python benchmarks/bench_import.py
"""

import argparse
import statistics
import subprocess
import sys

from _common import Table, hardware

# Statement, and the one that it is measured by.
STATEMENTS = {
    "import sklearn.cluster": None,
    "import skdeepcluster": "import sklearn.cluster",
    "from skdeepcluster import HDBSCAN": "import sklearn.cluster",
    "import sklearn.cluster, torch": None,
    "from skdeepcluster import DEC": "import sklearn.cluster, torch",
}
CHILD = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def import_seconds(statement):
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(statement)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(hardware())
    times = {statement: [] for statement in STATEMENTS}
    for statement in STATEMENTS:  # fills the caches of files and bytecode
        import_seconds(statement)
    for _ in range(options.rounds):
        for statement, values in times.items():
            values.append(import_seconds(statement))
    print(f"medians of {options.rounds} rounds")
    table = Table(statement="", seconds=".3f", ratio=".3f", to="")
    for statement, reference in STATEMENTS.items():
        ratio = None
        if reference:
            pairs = zip(times[statement], times[reference], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        table.row(statement, statistics.median(times[statement]), ratio, reference)


if __name__ == "__main__":
    main()
