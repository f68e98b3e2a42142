"""Data that do not fit into memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from skdeepcluster import DEC
from skdeepcluster.training import _samples

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("kind", ["rows", "images", "dataset"])
def test_mapped_data_above_the_limit_give_the_same_fit(kind, tmp_path, monkeypatch):
    X = np.random.RandomState(0).randn(700, 8).astype(np.float32)
    X[:300] += 2
    X = X.reshape(700, 2, 4) if kind == "images" else X
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    if kind == "dataset":
        torch = pytest.importorskip("torch")
        mapped = torch.utils.data.TensorDataset(torch.from_numpy(X))
    params = {"hidden_layer_sizes": (8,), "pretrain_epochs": 2, "max_epochs": 2}
    monkeypatch.setattr(_samples, "MAX_LOADED_BYTES", 4 * X.size - 1)
    expected = DEC(2, random_state=0, **params).fit(X)
    taken = []
    rows_type = _samples._DatasetRows if kind == "dataset" else _samples._ArrayRows
    take = rows_type.take

    def watched(self, index):
        taken.append(len(index))
        return take(self, index)

    monkeypatch.setattr(rows_type, "take", watched)
    model = DEC(2, random_state=0, **params).fit(mapped)
    assert sum(taken) >= 4 * 700  # pre-training, teaching and self-training read rows by number
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.transform(mapped), expected.transform(X))


WATCH = """
import json, sys, threading, time, warnings
import numpy as np
from skdeepcluster import DEC

warnings.simplefilter("ignore")


def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 2**20


def fit(X):
    return DEC(
        2, hidden_layer_sizes=(32,), pretrain_epochs=1, max_epochs=1, init_epochs=0,
        init="k-means", batch_size=2048, random_state=0,
    ).fit(X)

n, d = 2**21, 1024
with open(sys.argv[1], "wb") as file:
    file.truncate(4 * n * d)
X = np.memmap(sys.argv[1], dtype=np.float32, mode="r+", shape=(n, d))
random = np.random.RandomState(0)
for begin in range(0, n, 2**14):  # the file stays sparse
    X[begin : begin + 64] = random.randn(64, d) + (begin >> 14) % 2
fit(np.asarray(X[:4096]).copy())  # libraries and their pools
baseline = peak = anonymous()
stop = False


def watch():
    global peak
    while not stop:
        peak = max(peak, anonymous())
        time.sleep(0.02)

thread = threading.Thread(target=watch)
thread.start()
model = fit(X)
labels = model.predict(X)
embedded = model.transform(X[: n // 4])
stop = True
thread.join()
print(json.dumps({
    "gigabytes": X.nbytes / 1e9, "baseline": baseline, "peak": peak,
    "consistent": bool((labels == model.labels_).all()), "rows": len(embedded),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc/self/status")
def test_eight_gigabytes_in_one(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path / "X")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["gigabytes"] > 8
    assert found["peak"] - found["baseline"] < 1, found
    assert found["consistent"] and found["rows"] == 2**19
