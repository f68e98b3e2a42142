"""P2OT and SP2OT."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import P2OT, SP2OT
from tests.common import brief, each_class

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every_method = each_class([P2OT, SP2OT])


@pytest.fixture(scope="module")
def blobs():
    return make_blobs([70, 40, 20], n_features=6, random_state=2)


@every_method
def test_finds_groups_of_unequal_size_which_it_does_not_untrained(Estimator, blobs):
    X, y = blobs
    params = {"batch_size": 65, "random_state": 0, "hidden_layer_sizes": (32,), "n_components": 16}
    params["init"] = "random"
    model = Estimator(3, max_epochs=30, reg_cluster=0.5, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.6
    assert adjusted_rand_score(y, Estimator(3, max_epochs=0, **params).fit_predict(X)) < 0.5


def test_uniform_transport_makes_clusters_equal_and_progressive_does_not(blobs):
    X, _ = blobs
    params = {"max_epochs": 25, "learning_rate": 5e-3, "batch_size": 130, "init": "random"}
    equal = brief(P2OT, 3, balance="uniform", **params).fit(X)
    free = brief(P2OT, 3, reg_cluster=0.3, **params).fit(X)
    assert np.ptp(np.bincount(equal.labels_, minlength=3)) < 20
    assert np.ptp(np.bincount(free.labels_, minlength=3)) > 20


def pseudo_labels(blobs, **params):
    """Row sums and column sums of the first targets of a fit."""
    found = []

    class Watched(P2OT):
        def _transported(self, fit, log_p, rows, head):
            plan = super()._transported(fit, log_p, rows, head)
            found.append((fit.state.rho, plan.sum(dim=1), plan.sum(dim=0)))
            return plan

    brief(Watched, 3, max_epochs=4, batch_size=130, **params).fit(blobs[0])
    return found


def test_mass_of_the_pseudo_labels_grows_as_the_paper_says(blobs):
    found = pseudo_labels(blobs)
    rhos = [rho for rho, *_ in found]
    assert rhos == sorted(rhos) and rhos[0] == pytest.approx(0.1061, abs=1e-4)
    assert rhos[4] == pytest.approx(0.3579, abs=1e-4)  # half way: two transports in each step
    for rho, rows, _ in found:
        assert rows.mean().item() == pytest.approx(rho, rel=2e-2)
        assert rows.max() <= 1 + 1e-4


def test_masses_by_balance(blobs):
    for balance in ("uniform", "kl"):
        assert {rho for rho, *_ in pseudo_labels(blobs, balance=balance)} == {1.0}
    _, rows, columns = pseudo_labels(blobs, balance="uniform")[-1]
    torch.testing.assert_close(columns, torch.full((3,), 130 / 3), rtol=2e-2, atol=0)
    torch.testing.assert_close(rows, torch.ones(130), rtol=1e-4, atol=0)


def test_sp2ot_without_its_weight_is_p2ot(blobs):
    X, _ = blobs
    plain = brief(P2OT, 3).fit(X)
    same = brief(SP2OT, 3, semantic_weight=0.0).fit(X)
    np.testing.assert_array_equal(same.predict_proba(X), plain.predict_proba(X))
    other = brief(SP2OT, 3, semantic_weight=5.0).fit(X)
    assert not np.array_equal(other.predict_proba(X), plain.predict_proba(X))


def test_semantic_term_gives_neighbors_the_same_pseudo_label(blobs):
    """From random scores, with the graph of three separate groups."""
    X, _ = blobs
    same = {}

    class Watched(SP2OT):
        def _transported(self, fit, log_p, rows, head):
            noise = torch.randn(log_p.shape, generator=torch.Generator().manual_seed(0))
            plan = super()._transported(fit, noise.log_softmax(1), rows, head)
            labels = torch.full((len(X),), -1).index_copy(0, rows, plan.argmax(dim=1))
            pairs = labels[self._found(fit)] == labels[:, None]
            same.setdefault(self.semantic_weight, pairs.float().mean().item())
            return plan

    for weight in (0.0, 20.0):
        brief(Watched, 3, semantic_weight=weight, max_epochs=1, batch_size=130).fit(X)
    assert same[20.0] > same[0.0] + 0.1


def test_bank_is_used_where_batches_are_small(blobs):
    X, _ = blobs
    sizes = []

    class Watched(P2OT):
        def _transported(self, fit, log_p, rows, head):
            sizes.append(len(log_p))
            return super()._transported(fit, log_p, rows, head)

    brief(Watched, 3, batch_size=10, max_epochs=1).fit(X)
    assert sizes[0] == 10 and max(sizes) == 30  # ten rows for each of the clusters


@every_method
def test_images_are_paired_with_views(Estimator):
    images = load_digits().images[:90]
    model = brief(Estimator, 4, hidden_layer_sizes=(4, 8), n_components=16).fit(images)
    np.testing.assert_array_equal(model.predict(images), model.labels_)
    assert model.cluster_centers_.shape == (4, 16)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-5)


def test_no_warnings_of_the_transport(blobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        brief(P2OT, 3, max_epochs=12, learning_rate=5e-3).fit(blobs[0])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"rho_start": 0.0}, "rho_start"),
        ({"rho_start": 0.5, "rho_end": 0.4}, "larger than rho_end"),
        ({"balance": "equal"}, "balance"),
        ({"reg": 0}, "reg"),
    ],
)
def test_malformed_parameters(params, message, blobs):
    with pytest.raises(ValueError, match=message):
        brief(P2OT, 3, **params).fit(blobs[0])
