"""ClusterAwareDINO."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster import ClusterAwareDINO
from skdeepcluster.selfsupervised.cluster_aware_dino import rows_of_groups
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_items_have_the_row_and_others_of_its_group(n, k, n_rows, seed):
    groups = torch.randint(k, (n,), generator=torch_generator(seed))
    index = rows_of_groups(groups, n_rows, torch_generator(seed))
    assert index.shape == (n, n_rows)
    assert torch.equal(index[:, 0], torch.arange(n))
    assert (groups[index] == groups[:, None]).all()
    again = rows_of_groups(groups, n_rows, torch_generator(seed))
    assert torch.equal(index, again)


def test_rows_of_a_group_are_drawn_evenly():
    groups = torch.tensor([0, 1] * 5)
    index = rows_of_groups(groups, 2001, torch_generator())
    counts = torch.bincount(index[0, 1:], minlength=10)
    assert (counts[1::2] == 0).all() and ((counts[::2] - 400).abs() < 80).all()


class Watched(ClusterAwareDINO):
    """Compares loss, center and teacher of each step with slow ones."""

    def _loss_of_batch(self, fit, batch):
        seen, make, center = [], self._views, fit.state.center.clone()

        def views(*args):
            seen.append((args[1].index, args[2:], make(*args)))
            return seen[-1][2]

        self.__dict__["_views"] = views
        terms = super()._loss_of_batch(fit, batch)
        del self.__dict__["_views"]
        assert [kinds for _, kinds, _ in seen] == [(1, 0)] * self.n_views + [
            (0, 1)
        ] * self.n_local_views
        for v, (index, _, _) in enumerate(seen):
            assert torch.equal(index, batch.index[:, v])
        groups = fit.state.groups[batch.index]
        assert (groups == groups[:, :1]).all()
        self._compare(fit, [view for _, _, (view,) in seen], center, terms)
        return terms

    def _compare(self, fit, views, center, terms):
        def outputs(network, x):
            e = network.encoder(x)
            out = e if self.n_projected is None else network.projection(e)
            w = network.prototypes
            cosine = out @ w.T / out.norm(dim=1)[:, None] / w.norm(dim=1)
            return e / e.norm(dim=1)[:, None], cosine

        loss, distance, n_pairs, raw = 0.0, 0.0, 0, []
        with torch.no_grad():
            for g in range(self.n_views):
                e_t, t = outputs(fit.module.teacher, views[g])
                raw.append(t)
                p = ((t - center) / self.teacher_temperature).softmax(dim=1)
                for v, view in enumerate(views):
                    if v != g:
                        e_s, s = outputs(fit.module.student, view)
                        log_q = (s / self.temperature).log_softmax(dim=1)
                        loss -= (p * log_q).sum(dim=1).mean()
                        distance += (1 - (e_s * e_t).sum(dim=1)).mean()
                        n_pairs += 1
        options = {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(terms["distillation"].detach(), loss / n_pairs, **options)
        torch.testing.assert_close(terms["cosine"].detach(), distance / n_pairs, **options)
        moved = self.center_momentum * center
        moved += (1 - self.center_momentum) * torch.cat(raw).mean(dim=0)
        torch.testing.assert_close(fit.state.center, moved, **options)

    def _follow(self, fit, batch):
        before = [p.clone() for p in fit.module.teacher.parameters()]
        super()._follow(fit, batch)
        share = (1 + math.cos(math.pi * fit.step / fit.plan.n_steps)) / 2
        momentum = 1 - (1 - self.ema_decay) * share
        students = fit.module.student.parameters()
        for old, new, student in zip(
            before, fit.module.teacher.parameters(), students, strict=True
        ):
            torch.testing.assert_close(new, momentum * old + (1 - momentum) * student)
            assert not new.requires_grad


@pytest.mark.parametrize("params", [{}, {"n_local_views": 2, "n_projected": 6}, {"n_views": 3}])
def test_steps_row_by_row(X, params):
    model = brief(Watched, 4, ema_decay=0.8, cluster_start=0.3, **params).fit(X[:128])
    assert set(model.history_["train"]) == {"distillation", "cosine", "entropy"}
    assert all(0 <= share <= 1 for share in model.history_["train"]["entropy"])
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1, rtol=1e-5)


def test_groups_are_found_after_the_warm_up(X):
    plain = brief(ClusterAwareDINO, 4, cluster_start=1).fit(X)
    np.testing.assert_array_equal(plain.pseudo_labels_, np.arange(len(X)))
    model = brief(ClusterAwareDINO, 4, n_groups=7).fit(X)
    assert len(np.unique(model.pseudo_labels_)) == 7
    first = plain.history_["train"]["distillation"], model.history_["train"]["distillation"]
    # The warm-up of two epochs is the same, and what follows is not.
    assert first[0][:2] == first[1][:2] and first[0][2] != first[1][2]
    always = brief(ClusterAwareDINO, 4, cluster_start=0, max_epochs=1).fit(X)
    assert len(np.unique(always.pseudo_labels_)) == 40


def test_prototypes_are_fixed_at_first(X):
    options = {"max_epochs": 1, "ema_decay": 0.0}
    fixed = brief(ClusterAwareDINO, 4, **options).fit(X).prototypes_
    start = brief(ClusterAwareDINO, 4, **options | {"max_epochs": 0}).fit(X).prototypes_
    free = brief(ClusterAwareDINO, 4, freeze_epochs=0, **options).fit(X).prototypes_
    np.testing.assert_allclose(fixed, start, atol=1e-6)
    assert np.abs(free - start).max() > 1e-4
