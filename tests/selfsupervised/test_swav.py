"""SwAV."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skdeepcluster import SwAV
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fit_like(queue=0, k=6, p=4, n=12):
    """What `SwAV._code` needs of a fit."""
    C = F.normalize(torch.randn(k, p, generator=torch_generator(1)), dim=1)
    fit = SimpleNamespace(
        module=SimpleNamespace(prototypes=C),
        processes=SimpleNamespace(share=lambda index: index),
        whole_batch=lambda batch, part: (None, part),
        state=SimpleNamespace(queue=torch.zeros(2, queue, p), n_queued=0),
    )
    z = F.normalize(torch.randn(n, p, generator=torch_generator(2)), dim=1)
    return fit, z, z @ C.T


def test_codes_are_those_of_the_authors_sweeps():
    fit, z, scores = fit_like()
    code = SwAV(reg=0.05, inner_iter=3)._code(fit, None, 0, z, scores)
    Q = torch.exp(scores.double() / 0.05).T
    Q /= Q.sum()
    for _ in range(3):
        Q /= Q.sum(dim=1, keepdim=True) * len(Q)
        Q /= Q.sum(dim=0, keepdim=True) * Q.shape[1]
    torch.testing.assert_close(code, (Q * Q.shape[1]).T.float(), rtol=1e-4, atol=1e-6)


def test_many_sweeps_use_prototypes_equally():
    fit, z, scores = fit_like()
    code = SwAV(inner_iter=500)._code(fit, None, 0, z, scores)
    torch.testing.assert_close(code.sum(dim=1), torch.ones(12))
    torch.testing.assert_close(code.sum(dim=0), torch.full((6,), 2.0), rtol=1e-3, atol=1e-3)


def test_a_queue_counts_when_it_is_full():
    fit, z, scores = fit_like(queue=24)
    swav = SwAV(n_views=1)
    first = swav._code(fit, None, 0, z, scores)
    torch.testing.assert_close(first, swav._code(fit_like()[0], None, 0, z, scores))
    torch.testing.assert_close(fit.state.queue[0, :12], z)
    swav._code(fit, None, 0, z, scores)
    other = F.normalize(z + 1, dim=1)
    with_queue = swav._code(fit, None, 0, other, other @ fit.module.prototypes.T)
    alone = swav._code(fit_like()[0], None, 0, other, other @ fit.module.prototypes.T)
    assert with_queue.shape == (12, 6)
    assert not torch.allclose(with_queue, alone)


def test_prototypes_have_length_one_and_begin_frozen(X):
    model = brief(SwAV, 4).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)
    frozen = brief(SwAV, 4, freeze_epochs=4).fit(X)
    still = brief(SwAV, 4, freeze_epochs=9, max_epochs=2).fit(X)
    np.testing.assert_array_equal(frozen.prototypes_, still.prototypes_)
    assert not np.array_equal(frozen.prototypes_, model.prototypes_)


@pytest.mark.parametrize("params", [{"n_local_views": 2}, {"n_views": 1}, {"queue_length": 100}])
def test_numbers_of_views(params, X):
    assert np.isfinite(brief(SwAV, 4, **params).fit(X).loss_)
