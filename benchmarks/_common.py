"""What the benchmarks share: data, peers, clocks, and tables, which can be stored.

With SKDEEPCLUSTER_BENCHMARK_RESULTS in the environment, the name of a CSV file, every value of a
table is appended to it with its command, machine and versions: the form of benchmarks/results, from
which doc/_generate.py renders the tables of the documentation.
"""

import argparse
import csv
import importlib
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skdeepcluster.metrics import clustering_accuracy

DATA_VARIABLE = "SKDEEPCLUSTER_BENCHMARK_DATA"
PEER_VARIABLE = "SKDEEPCLUSTER_CLUSTPY_PYTHON"
RESULTS_VARIABLE = "SKDEEPCLUSTER_BENCHMARK_RESULTS"
ROOT = Path(__file__).resolve().parents[1]
FIELDS = ("command", "cpu", "cores", "versions", "seed", "data", "method", "metric", "value")
DATA = Path(os.environ.get(DATA_VARIABLE, Path(__file__).resolve().parents[2] / "shared" / "data"))


LIBRARIES = ("skdeepcluster", "numpy", "scipy", "sklearn", "torch")
PEERS = ("hdbscan", "fast_hdbscan", "quitefastmst", "kmedoids", "faiss", "ot")
# The version of ClustPy, which runs in another process.
_clustpy = []


def load(name, n_rows=None, seed=0):
    """Flat rows and labels of a data set, shuffled; None, with a message, where it is absent.

    Parameters
    ----------
    name : {"digits", "mnist", "usps"}
        Pixels of the latter two are in [0, 1].
    n_rows : int, optional
        How many of the shuffled rows are kept.
    seed : int
        Of the shuffle.

    Returns
    -------
    X : array of shape (n_rows, n_features), float32
    y : array of shape (n_rows,)
    """
    if name == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        path = DATA / f"{name}.npz"
        if not path.exists():
            print(f"{name} is left out: {path} is not there; {DATA_VARIABLE} names its folder.")
            return None
        with np.load(path) as archive:
            X, y = archive["X"], archive["y"]
    X = X.reshape(len(X), -1).astype(np.float32)
    if name == "mnist":
        X /= 255
    order = np.random.RandomState(seed).permutation(len(X))[:n_rows]
    return X[order], y[order]


def scores(y, labels):
    """Accuracy after matching, normalized mutual information and adjusted Rand index."""
    return (
        clustering_accuracy(y, labels),
        normalized_mutual_info_score(y, labels),
        adjusted_rand_score(y, labels),
    )


def n_cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    """The name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if names:
            return names[0].split(":")[1].strip()
    return platform.processor() or platform.machine()


def versions():
    """Versions of the libraries that this process has imported, and of the peer's."""
    found = [
        f"{name} {sys.modules[name].__version__}"
        for name in (*LIBRARIES, *PEERS)
        if hasattr(sys.modules.get(name), "__version__")
    ]
    return ", ".join(found + _clustpy)


def hardware():
    """A line that says what the figures were measured on."""
    import torch

    load_now = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{processor()}, {n_cores()} cores, {torch.get_num_threads()} threads, "
        f"load {load_now} at the start; "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def run_tasks(doc, tasks, *data):
    """Run those of some functions whose names the command line has as options.

    Parameters
    ----------
    doc : str
        Docstring of the script.
    tasks : sequence of callable (*data, n_seeds)
    *data : object
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    for task in tasks:
        parser.add_argument(f"--{task.__name__}", action="store_true", help=task.__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = vars(parser.parse_args())
    for task in tasks:
        if options[task.__name__]:
            task(*data, options["seeds"])


def peer(name):
    """The module of another library; None, with a message, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"{name} is left out: {error}. Install it as the head of the script says.")
        return None


def pyplot():
    """matplotlib.pyplot for pictures in files."""
    import matplotlib

    matplotlib.use("Agg")
    return importlib.import_module("matplotlib.pyplot")


class Table:
    """Prints a table line by line, as the figures come, and stores them if a file is named.

    Of text columns the last is stored as the method and those before it as the data set, each
    number as a metric of its heading.

    Parameters
    ----------
    stored : bool
        Whether its values may be stored; not if they follow from those of another table.
    **columns : str
        Heading and format of each column; text columns have an empty format. Underscores of a
        heading are printed as blanks.
    """

    def __init__(self, *, stored=True, **columns):
        self.stored = stored and os.environ.get(RESULTS_VARIABLE)
        self.formats = list(columns.values())
        heads = [name.replace("_", " ") for name in columns]
        self.widths = [
            max(len(head), 9 if spec else 20)
            for head, spec in zip(heads, self.formats, strict=True)
        ]
        self.heads = heads
        self._print(heads)
        self._print(["-" * width for width in self.widths])

    def row(self, *values, stored=True):
        """Values in the order of the columns; None leaves a cell empty."""
        if self.stored and stored:
            self._store(values)
        self._print(
            [
                "" if value is None else value if isinstance(value, str) else format(value, spec)
                for value, spec in zip(values, self.formats, strict=True)
            ]
        )

    def _store(self, values):
        named = list(zip(self.heads, values, self.formats, strict=True))
        *data, method = [str(value) for _, value, spec in named if not spec]
        seed = dict(zip(self.heads, values, strict=True)).get("seed", "")
        command = shlex.join(["python", os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])
        conditions = (command, processor(), n_cores(), versions(), seed, ", ".join(data), method)
        path = Path(self.stored)
        begins = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if begins:
                writer.writerow(FIELDS)
            for head, value, spec in named:
                if spec and head != "seed" and value is not None:
                    writer.writerow((*conditions, head, format(value, spec)))

    def _print(self, cells):
        print(
            "  ".join(
                cell.rjust(width) if spec else cell.ljust(width)
                for cell, width, spec in zip(cells, self.widths, self.formats, strict=True)
            ).rstrip(),
            flush=True,
        )


def seconds(task, *args):
    """How long a call takes."""
    start = time.perf_counter()
    task(*args)
    return time.perf_counter() - start


def median_runs(tasks, repeats, longest=float("inf")):
    """Median time and last result of each of several tasks.

    Tasks are called in turn, so that a busy machine slows all alike.

    Parameters
    ----------
    tasks : dict of str to callable
    repeats : int
    longest : float
        A task that has taken so many seconds in all is not called again.

    Returns
    -------
    runs : dict of str to (float, object)
    """
    times = {name: [] for name in tasks}
    results = {}
    for _ in range(repeats):
        for name, task in tasks.items():
            if sum(times[name]) < longest:
                start = time.perf_counter()
                results[name] = task()
                times[name].append(time.perf_counter() - start)
    return {name: (statistics.median(times[name]), results[name]) for name in tasks}


def median_seconds(tasks, repeats, longest=float("inf")):
    """Median time of each of several tasks, as of `median_runs`, which are called once before."""
    for task in tasks.values():
        task()
    return {name: run[0] for name, run in median_runs(tasks, repeats, longest).items()}


def add_peer_option(parser):
    """The option that names the peer's interpreter."""
    parser.add_argument(
        "--peer",
        metavar="PYTHON",
        default=os.environ.get(PEER_VARIABLE),
        help=f"interpreter with clustpy==0.0.3 installed (also {PEER_VARIABLE})",
    )


def peer_is_there(python):
    """Whether ClustPy can be run; says why it is left out otherwise."""
    if not python:
        print(f"ClustPy is left out: name an interpreter that has it by --peer or {PEER_VARIABLE}.")
        return False
    tried = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('clustpy'))"],
        capture_output=True,
        text=True,
    )
    if tried.returncode:
        print(f"ClustPy is left out: {python} does not have it.")
        return False
    _clustpy[:] = [f"clustpy {tried.stdout.strip()}"]
    print(f"Peer: {_clustpy[0]}")
    return True


def fit_peer(python, method, X, **params):
    """Fit a method of ClustPy in its own process.

    Parameters
    ----------
    python : str
        The peer's interpreter.
    method : {"DEC", "IDEC"}
    X : array
    **params
        Constructor arguments.

    Returns
    -------
    labels : array of shape (n_samples,)
    seconds : float
        Of the call of fit alone.
    steps : list of list of float
        When each optimizer step of pre-training and of refinement ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.save(folder / "X.npy", X)
        (folder / "job.json").write_text(json.dumps({"method": method, "params": params}))
        runner = Path(__file__).with_name("_clustpy.py")
        done = subprocess.run([python, str(runner), str(folder)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"ClustPy failed:\n{done.stderr[-2000:]}")
        result = json.loads((folder / "result.json").read_text())
        return np.load(folder / "labels.npy"), result["seconds"], result["steps"]
