"""Fits to interrupt and to continue."""

import numpy as np
import pytest
import torch

# What the tests and the processes that they start have in common: a fit of about a second.
SETUP = """
import numpy as np
from torch import nn
from skdeepcluster import DCN, DEC, DEPICT, HCHC, IDEC, JULE, TELL, AutoencoderClusterer, ClAM, VaDE

X = np.random.RandomState(0).randn(300, 6)
X[:100] += 3
X[100:200, :3] -= 4
BRIEF = dict(
    n_clusters=3, hidden_layer_sizes=(16,), pretrain_epochs=8, max_epochs=8, tol=0, batch_size=64,
    random_state=0,
)
ESTIMATORS = {
    "dec": lambda path: DEC(**BRIEF, checkpoint=path, layerwise_epochs=2, noise=0.2),
    "idec": lambda path: IDEC(**BRIEF, checkpoint=path, n_init=3),
    "dcn": lambda path: DCN(**BRIEF, checkpoint=path, n_init=2, update_interval=3),
    "vade": lambda path: VaDE(**{n: v for n, v in BRIEF.items() if n != "tol"}, checkpoint=path),
    "tell": lambda path: TELL(**{n: v for n, v in BRIEF.items() if n != "tol"}, checkpoint=path),
    "depict": lambda path: DEPICT(**BRIEF, checkpoint=path),
    "hchc": lambda path: HCHC(**BRIEF, checkpoint=path, n_init=2),
    "jule": lambda path: JULE(
        3, hidden_layer_sizes=(16,), update_interval=5, n_init=2, random_state=0, checkpoint=path
    ),
    "clam": lambda path: ClAM(3, max_epochs=20, batch_size=64, random_state=0, checkpoint=path),
    "autoencoder": lambda path: AutoencoderClusterer(
        n_clusters=3, hidden_layer_sizes=(16,), max_epochs=20, validation_fraction=0.2,
        batch_size=64, random_state=0, checkpoint=path,
    ),
    "dropout": lambda path: DEC(
        **{**BRIEF, "hidden_layer_sizes": None}, checkpoint=path,
        encoder=nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)),
        decoder=nn.Linear(3, 6),
    ),
}
"""
PREAMBLE = (
    "import sys, warnings\nimport torch\n"
    + SETUP
    + "from skdeepcluster.training import _checkpoint\n"
    "_checkpoint.COST_RATIO = 0  # a file after every epoch\n"
    "warnings.simplefilter('ignore')\n"
    "torch.set_num_threads(1)\n"
)
COMMON = {}
exec(SETUP, COMMON)


@pytest.fixture(autouse=True)
def a_file_after_every_epoch(monkeypatch):
    monkeypatch.setattr("skdeepcluster.training._checkpoint.COST_RATIO", 0)


@pytest.fixture(autouse=True, scope="module")
def same_weights_of_given_modules():
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


def build(name, path):
    torch.manual_seed(0)  # for the weights of modules that stand for a user's
    return COMMON["ESTIMATORS"][name](path)


def data():
    return COMMON["X"]


def assert_same_fit(found, expected):
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    assert found.loss_ == expected.loss_
    assert found.n_epochs_ == expected.n_epochs_
    assert found.history_ == expected.history_
    for name, value in expected.module_.state_dict().items():
        assert torch.equal(found.module_.state_dict()[name], value), name
