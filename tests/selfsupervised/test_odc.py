"""ODC."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs

from skdeepcluster import ODC
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def odc_fit(memory, labels, k):
    memory = F.normalize(torch.as_tensor(memory).float(), dim=1)
    prototypes = torch.stack([memory[labels == c].mean(dim=0) for c in range(k)])
    return SimpleNamespace(
        module=SimpleNamespace(prototypes=prototypes),
        samples=memory,
        state=SimpleNamespace(memory=memory, labels=labels.clone(), n_splits=0),
        generator=torch_generator(),
        plan=SimpleNamespace(n_prototypes=k),
        seed=lambda: 0,
    )


def test_small_groups_join_others_and_the_largest_is_halved():
    Z, y = make_blobs([60, 30, 30], n_features=6, cluster_std=0.5, random_state=0)
    small = np.flatnonzero(y == 1)[:3]
    given = y.copy()
    given[small] = 3
    fit = odc_fit(Z, torch.as_tensor(given), 4)
    odc = ODC(min_cluster_size=5)
    odc._dissolve_small(fit)
    labels = fit.state.labels.numpy()
    assert np.bincount(labels, minlength=4).min() >= 5
    assert fit.state.n_splits == 1
    assert (labels[small] == 1).all()
    # The half of the largest that was split off has the dissolved group's number.
    assert (y[labels == 3] == 0).all() and (labels[y == 2] == 2).all()
    centers = torch.stack([fit.state.memory[labels == c].mean(dim=0) for c in (0, 3)])
    torch.testing.assert_close(fit.module.prototypes[[0, 3]], centers, rtol=1e-4, atol=1e-5)


def test_memory_and_labels_after_training(X):
    states = []

    class Watched(ODC):
        def _move_memory(self, fit, batch):
            before = fit.state.labels.clone()
            super()._move_memory(fit, batch)
            states.append((fit.state.memory.clone(), before, fit.state.labels.clone()))

    model = brief(Watched, 4, n_prototypes=8, update_interval=1).fit(X)
    for memory, _, labels in states:
        lengths = memory.norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-4, atol=1e-4)
        assert torch.bincount(labels, minlength=8).sum() == 256
    assert np.bincount(model.pseudo_labels_, minlength=8).min() >= 2


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
def test_the_memory_moves_by_its_momentum(momentum, X):
    moves = []

    class Watched(ODC):
        def _move_memory(self, fit, batch):
            index = fit.state.index
            before, seen = fit.state.memory[index].clone(), fit.state.seen.clone()
            super()._move_memory(fit, batch)
            moves.append((before, seen, fit.state.memory[index]))

    brief(Watched, 4, memory_momentum=momentum).fit(X)
    for before, seen, after in moves:
        mixed = torch.nn.functional.normalize((1 - momentum) * before + momentum * seen)
        torch.testing.assert_close(after, mixed, rtol=1e-4, atol=1e-5)
