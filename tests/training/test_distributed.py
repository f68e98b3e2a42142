"""One fit by two processes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from skdeepcluster.training import processes

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed"),
]

# 521 rows: shares and last batches of unequal size, and a last batch of one row.
SETUP = """
import numpy as np
import torch
from sklearn.datasets import make_blobs
from torch import nn
from skdeepcluster import DCN, DEC, DEPICT, HCHC, IDEC, JULE, TELL, AutoencoderClusterer, ClAM, VaDE
from skdeepcluster import (
    MLCD, ODC, ClusterFit, DeepCluster, DeepClusterV2, DeeperCluster, GSimCLR, SeLa, SimCLR, SwAV
)

def centers(model):
    # JULE has none, but keeps its rows.
    return model.embedding_ if isinstance(model, JULE) else model.cluster_centers_

X = make_blobs(521, n_features=6, centers=3, center_box=(-20, 20), random_state=0)[0]
BRIEF = dict(n_clusters=3, hidden_layer_sizes=(16,), pretrain_epochs=3, max_epochs=3, tol=0,
             batch_size=130, random_state=0)
MODELS = {
    "dec": lambda: DEC(**BRIEF),
    "k-means, layer by layer, noise, restarts": lambda: IDEC(
        **BRIEF, init="k-means", layerwise_epochs=1, noise=0.2, n_init=2
    ),
    "dcn": lambda: DCN(**BRIEF),
    "vade": lambda: VaDE(**{name: value for name, value in BRIEF.items() if name != "tol"}),
    "tell": lambda: TELL(**{name: value for name, value in BRIEF.items() if name != "tol"}),
    "depict": lambda: DEPICT(**BRIEF),
    "hchc": lambda: HCHC(**BRIEF),
    "jule": lambda: JULE(3, hidden_layer_sizes=(16,), update_interval=1, random_state=0),
    "clam": lambda: ClAM(3, max_epochs=3, batch_size=130, random_state=0),
    "autoencoder": lambda: AutoencoderClusterer(
        n_clusters=3, hidden_layer_sizes=(16,), max_epochs=3, validation_fraction=0.1,
        random_state=0,
    ),
    "batches smaller than the processes": lambda: DEC(
        **{**BRIEF, "batch_size": 1, "pretrain_epochs": 1, "max_epochs": 1}
    ),
}

def brief(Method):
    return lambda: Method(
        3, hidden_layer_sizes=(16,), max_epochs=2, batch_size=130, random_state=0
    )

for Method in (ClusterFit, DeepClusterV2, DeeperCluster, GSimCLR, MLCD, SeLa, SimCLR, SwAV):
    MODELS[Method.__name__] = brief(Method)
ALIKE_ON_RANKS_ONLY = {
    "no seed": lambda: DEC(**{**BRIEF, "random_state": None}),
    "batch normalisation": lambda: DEC(
        **{**BRIEF, "hidden_layer_sizes": None},
        encoder=nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
        decoder=nn.Linear(3, 6),
    ),
    # k-means of features that differ by rounding may number its groups in another order.
    "DeepCluster": brief(DeepCluster),
    "ODC": brief(ODC),
    "time": lambda: DEC(**{**BRIEF, "pretrain_epochs": 10**6, "max_time": 0.5}),
}
"""

SCRIPT = (
    SETUP
    + """
import sys, warnings
warnings.simplefilter("ignore")
results = {}
for name, make in {**MODELS, **ALIKE_ON_RANKS_ONLY}.items():
    torch.manual_seed(0)
    model = make()
    if name == "no seed":
        np.random.seed(int(__import__("os").environ["RANK"]))
    model.fit(X)
    results[name + "/labels"] = model.labels_
    results[name + "/centers"] = centers(model)
    results[name + "/loss"] = model.loss_
    results[name + "/predicted"] = model.predict(X)
    results[name + "/weights"] = np.concatenate(
        [value.double().reshape(-1).numpy() for value in model.module_.state_dict().values()]
    )
    first = next(iter(next(iter(model.history_.values())).values()))
    results[name + "/history"] = np.array(first)
rank = torch.distributed.get_rank()
np.savez(sys.argv[1] + f"/{rank}.npz", **results)
"""
)

COMMON = {}
exec(SETUP, COMMON)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "script.py").write_text(SCRIPT)
    result = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
            str(folder / "script.py"), str(folder),
        ],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


@pytest.mark.parametrize("name", [*COMMON["MODELS"], *COMMON["ALIKE_ON_RANKS_ONLY"]])
def test_both_processes_end_with_the_same_model(name, ranks):
    first, second = ranks
    for key in ("labels", "centers", "loss", "weights", "predicted", "history"):
        np.testing.assert_array_equal(first[f"{name}/{key}"], second[f"{name}/{key}"], key)
    np.testing.assert_array_equal(first[f"{name}/labels"], first[f"{name}/predicted"])


@pytest.mark.parametrize("name", COMMON["MODELS"])
def test_two_processes_fit_what_one_fits(name, ranks):
    alone = COMMON["MODELS"][name]().fit(COMMON["X"])
    found = {key.split("/")[1]: value for key, value in ranks[0].items() if key.startswith(name)}
    np.testing.assert_array_equal(found["labels"], alone.labels_)
    centers = COMMON["centers"](alone)
    tolerance = 1e-3 * np.abs(centers).max()
    np.testing.assert_allclose(found["centers"], centers, atol=tolerance)
    assert found["loss"] == pytest.approx(alone.loss_, rel=1e-3, abs=1e-6)
    first = next(iter(next(iter(alone.history_.values())).values()))
    np.testing.assert_allclose(found["history"], first, rtol=1e-4)


def test_alone_everything_is_the_identity():
    alone = processes(torch.device("cpu"))
    assert (alone.rank, alone.size) == (0, 1)
    index = torch.arange(5)
    assert alone.share(index) is index and alone.sum(index) is index
    assert alone.join_rows(index, 5) is index
    assert alone.share_of_rows(5) == (0, 5)
    assert alone.agree(True) is True and alone.agree(7) == 7
    alone.wait()


def test_a_library_s_worker_fits_alone():
    """Also within a job of several processes, whose group its siblings do not share."""
    code = (
        "import multiprocessing, os, sys\n"
        "os.environ.update(RANK='0', WORLD_SIZE='2', MASTER_ADDR='localhost', MASTER_PORT='1',\n"
        "                  TORCHELASTIC_RUN_ID='x')\n"
        "import torch\n"
        "from skdeepcluster.training import processes\n"
        "def work(_):\n"
        "    return processes(torch.device('cpu')).size\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "        print(pool.map(work, [0]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.stdout == "[1]\n", result.stderr
