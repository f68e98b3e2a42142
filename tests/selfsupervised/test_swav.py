"""SwAV."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster import SwAV
from skdeepcluster.assignment import sinkhorn
from skdeepcluster.selfsupervised.swav import warmed_up
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


@pytest.mark.parametrize("n_views, n_local", [(1, 0), (1, 2), (2, 0), (2, 2), (3, 1)])
def test_every_view_but_its_own_predicts_a_code(n_views, n_local):
    model = SwAV(2, n_views=n_views, n_local_views=n_local, temperature=0.1)
    draw = torch_generator(3)
    z = [F.normalize(torch.randn(12, 4, generator=draw), dim=1) for _ in range(n_views + n_local)]
    fit, *_ = fit_like()
    fit.state.queue = torch.zeros(n_views, 0, 4)
    model._projected_views = lambda *args: z
    batch = SimpleNamespace(x=torch.zeros(12, 3))
    found = model._loss_of_batch(fit, batch)["swapped"]
    C, losses = fit.module.prototypes, []
    for a in range(n_views):
        code = sinkhorn(z[a] @ C.T, model.reg, model.inner_iter)
        others = [v for v in range(len(z)) if v != a] or [a]
        cross = [-(code * F.log_softmax(z[v] @ C.T / 0.1, dim=1)).sum(dim=1) for v in others]
        losses.append(torch.stack(cross).mean())
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_queue_of_a_length_is_filled_batch_by_batch(X):
    lengths = []

    class Watched(SwAV):
        def _code(self, fit, *args):
            code = super()._code(fit, *args)
            lengths.append((fit.state.queue.shape[1], fit.state.n_queued))
            return code

    brief(Watched, 4, queue_length=100).fit(X)
    assert {length for length, _ in lengths} == {128}  # whole batches of 64
    assert [n for _, n in lengths][1::2] == [64 * (i + 1) for i in range(len(lengths) // 2)]


def test_hard_codes_are_the_largest_entries_of_soft_ones(X):
    codes = {}
    for hard in (False, True):

        class Recorded(SwAV):
            def _code(self, *args, hard=hard):
                code = super()._code(*args)
                codes.setdefault(hard, code.clone())
                return code

        brief(Recorded, 4, hard_codes=hard).fit(X)
    soft, hard = codes[False], codes[True]
    assert ((hard == 0) | (hard == 1)).all()
    assert (soft.max(dim=1).values < 0.999).any()
    assert torch.equal(hard.argmax(dim=1), soft.argmax(dim=1))


@given(st.integers(0, 50), st.integers(1, 50), st.floats(0, 1))
def test_the_rate_rises_then_falls_along_a_cosine(warmup, epochs, progress):
    factor = warmed_up(warmup, epochs)
    until = min(1, warmup / epochs)
    assert 0 <= factor(progress) <= 1
    if progress < until:
        assert factor(progress) == pytest.approx(progress / until)
    elif until < 1:
        rest = (progress - until) / (1 - until)
        assert factor(progress) == pytest.approx((1 + np.cos(np.pi * rest)) / 2)


def test_warm_up_moves_less_at_first(X):
    moved = {}
    start = brief(SwAV, 4, max_epochs=0).fit(X).transform(X)
    for warmup in (0, 3):
        model = brief(SwAV, 4, max_epochs=3, warmup_epochs=warmup)
        history = model.fit(X).history_["train"]["swapped"]
        moved[warmup] = np.abs(model.transform(X) - start).mean()
        assert len(history) == 3
    assert 0 < moved[3] < moved[0]
