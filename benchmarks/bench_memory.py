"""Memory of fit, predict and transform on a memory-mapped float32 array larger than they may hold.

The array is a sparse file in a temporary folder: random blobs at its start, zeros after them. A fit
of the same estimator on a few rows comes first, so that libraries, threads and the network are
there when the baseline is read; printed is the peak of resident anonymous memory above it (RssAnon,
sampled from /proc: the file's pages in the cache are not part of it, results are).

    python benchmarks/bench_memory.py                    8 GB
    python benchmarks/bench_memory.py --gigabytes 0.5    a quick look
"""

import argparse
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from _common import Table, hardware
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

import skdeepcluster

STATUS = Path("/proc/self/status")
SAMPLING_SECONDS = 0.01
MIB = 2**20


def anonymous_bytes():
    for line in STATUS.read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    sys.exit(f"{STATUS} has no RssAnon")


class Peak:
    """The largest anonymous memory while the block runs, and how long it ran."""

    def __enter__(self):
        self.bytes = anonymous_bytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def _sample(self):
        while not self._over.wait(SAMPLING_SECONDS):
            self.bytes = max(self.bytes, anonymous_bytes())

    def __exit__(self, *exception):
        self.seconds = time.perf_counter() - self._start
        self._over.set()
        self._thread.join()
        self.bytes = max(self.bytes, anonymous_bytes())


def sparse_file(path, n_rows, n_features, n_blobs, n_clusters):
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_features))
    rows[:n_blobs] = make_blobs(n_blobs, n_features, centers=n_clusters, random_state=0)[0]
    rows.flush()
    return np.load(path, mmap_mode="r")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--features", type=int, default=784)
    parser.add_argument("--blob-rows", type=int, default=100_000, help="rows that are not zero")
    parser.add_argument("--method", default="DEC", choices=["DEC", "IDEC", "AutoencoderClusterer"])
    parser.add_argument("--clusters", type=int, default=10)
    parser.add_argument("--hidden", type=int, nargs="+", default=[64])
    parser.add_argument("--epochs", type=int, default=1, help="of each stage")
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args()
    if not STATUS.exists():
        sys.exit(f"Left out: resident memory is read from {STATUS}, which is not there.")
    # Few epochs on rows of which most are equal do not converge; that is not what is measured.
    warnings.simplefilter("ignore", ConvergenceWarning)
    params = {"max_epochs": options.epochs, "batch_size": options.batch_size}
    if options.method != "AutoencoderClusterer":
        params["pretrain_epochs"] = options.epochs
    model = getattr(skdeepcluster, options.method)(
        options.clusters, hidden_layer_sizes=options.hidden, random_state=0, **params
    )
    print(hardware())
    n_rows = max(options.clusters, round(options.gigabytes * 1e9 / 4 / options.features))
    with tempfile.TemporaryDirectory() as folder:
        n_blobs = min(n_rows, options.blob_rows)
        X = sparse_file(Path(folder) / "X.npy", n_rows, options.features, n_blobs, options.clusters)
        few = np.array(X[: max(options.clusters, min(2000, n_rows))])
        for task in (model.fit, model.predict, model.transform):
            task(few)
        del few
        baseline = anonymous_bytes()
        print(model)
        print(f"{X.shape}, {X.nbytes / 1e9:.2f} GB; baseline {baseline / MIB:.0f} MiB")
        table = Table(task="", peak_MiB_above_baseline=".0f", share_of_X=".4f", seconds=".1f")
        for name in ("fit", "predict", "transform"):
            if not hasattr(model, name):
                continue
            with Peak() as peak:
                getattr(model, name)(X)
            above = peak.bytes - baseline
            table.row(name, above / MIB, above / X.nbytes, peak.seconds)


if __name__ == "__main__":
    main()
