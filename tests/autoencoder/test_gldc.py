"""GLDC."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from skdeepcluster import GLDC, IDEC
from skdeepcluster.autoencoder.gldc import pair_loss, pair_targets
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

seeds = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def X():
    return make_blobs(260, n_features=6, centers=3, center_box=(-9, 9), random_state=0)[0]


# -- the terms against slow references -----------------------------------------------------------


def slow_targets(z, k, decay):
    """Of the paper's pair term, one pair at a time; `k` counts the row itself."""
    n = len(z)
    D = np.array([[np.sum((z[i] - z[j]) ** 2) for j in range(n)] for i in range(n)])
    R = np.empty((n, n))
    for i in range(n):
        order = sorted(range(n), key=lambda j: (j != i, D[i, j], j))
        R[i, order] = range(n)
    D = D / max(D.max(), 1e-30)
    distance = (R + R.T + 1) * np.exp(D / 20)
    S = np.zeros((n, n))
    for j in range(n):
        bound = np.sort(distance[:, j])[k] if k < n else np.inf
        for i in range(n):
            if distance[i, j] < bound:
                S[i, j] = np.exp(-decay / k * distance[i, j])
    return S


def slow_pair_loss(S, q):
    total = 0.0
    for i in range(len(q)):
        for j in range(len(q)):
            g = q[i] @ q[j]
            total -= S[i, j] * np.log(g + 1e-9) + (1 - S[i, j]) * np.log(1 - g + 1e-9)
    return total / len(q) ** 2


@given(seeds, st.integers(1, 25), st.integers(1, 30), st.floats(0, 1), st.booleans())
@settings(max_examples=40)
def test_pair_targets_against_numpy(seed, n, k, decay, repeated):
    z = np.random.RandomState(seed).randn(n, 3)
    if repeated:
        z[n // 2 :] = z[: n - n // 2]
    found = pair_targets(torch.tensor(z), k, decay).numpy()
    np.testing.assert_allclose(found, slow_targets(z, k, decay), rtol=1e-9, atol=1e-300)


@given(seeds, st.integers(2, 20), st.integers(1, 20), st.floats(0.01, 1))
@settings(max_examples=40)
def test_properties_of_pair_targets(seed, n, k, decay):
    random = np.random.RandomState(seed)
    z = torch.tensor(random.randn(n, 4))
    S = pair_targets(z, k, decay)
    assert (S >= 0).all() and (S <= np.exp(-decay / k) * (1 + 1e-12)).all()
    # A row is always its own nearest.
    np.testing.assert_allclose(S.diagonal(), np.exp(-decay / k), rtol=1e-12)
    assert ((S > 0).sum(dim=0) <= min(k, n)).all()
    both = (S > 0) & (S.T > 0)
    np.testing.assert_allclose(S[both], S.T[both], rtol=1e-12)
    # Neither place, nor scale, nor order of the rows, nor a rotation says anything.
    turn = torch.tensor(np.linalg.qr(random.randn(4, 4))[0])
    np.testing.assert_allclose(pair_targets(3 * z @ turn + 2, k, decay), S, rtol=1e-6)
    order = torch.tensor(random.permutation(n))
    np.testing.assert_allclose(pair_targets(z[order], k, decay), S[order][:, order], rtol=1e-12)


@given(seeds, st.integers(1, 12), st.integers(1, 5), st.booleans())
@settings(max_examples=40)
def test_pair_loss_against_numpy(seed, n, k, hard):
    random = np.random.RandomState(seed)
    q = random.dirichlet(np.ones(k), n)
    q = np.eye(k)[q.argmax(axis=1)] if hard else q
    S = random.uniform(size=(n, n))
    found = pair_loss(torch.tensor(S), torch.tensor(q)).item()
    assert found == pytest.approx(slow_pair_loss(S, q), rel=1e-6)
    # Memberships are symmetric in a pair, so only the symmetric part of the targets counts.
    symmetric = (S + S.T) / 2
    same = pair_loss(torch.tensor(symmetric), torch.tensor(q)).item()
    assert same == pytest.approx(found, rel=1e-9)


def captured(X, **params):
    """A model, and of its first step in the refinement: terms, gradient, batch, noise, target."""
    seen = {}

    class Watched(GLDC):
        def _global_local(self, fit, batch):
            first = "terms" not in seen
            if first:
                state = fit.generator.get_state()
                seen["noise"] = fit.normal(batch, *batch.x.shape[1:]).double()
                fit.generator.set_state(state)
                seen["weights"] = {
                    name: p.detach().clone() for name, p in fit.module.named_parameters()
                }
                seen["target"] = fit.state.target[batch.index].double()
                seen["x"] = batch.x.double()
            terms = super()._global_local(fit, batch)
            if first:
                seen["terms"] = terms
                names, weights = zip(*fit.module.named_parameters(), strict=True)
                total = sum(refine.weights.get(name, 1) * terms[name] for name in terms)
                gradients = torch.autograd.grad(total, weights, retain_graph=True)
                seen["gradients"] = dict(zip(names, gradients, strict=True))
            return terms

    model = brief(Watched, **{"max_epochs": 1} | params)
    refine = model._stages()[-1]
    model.fit(X)
    seen["module"] = model.module_
    return model, seen


def test_the_objective_of_a_step_and_its_gradient(X):
    """All four terms written out for the pairs of a batch, in float64, by autograd."""
    params = {
        "pair_weight": 3.0, "kl_weight": 0.2, "consistency_weight": 4.0, "noise_std": 0.5,
        "reconstruction_weight": 0.3, "n_neighbors": 7, "similarity_decay": 0.35,
    }  # fmt: skip
    model, seen = captured(X, **params)
    x, module = seen["x"], seen["module"].double()
    module.load_state_dict(seen["weights"])

    def memberships(x):
        z = module.encoder(x)
        q = 1 / (1 + (z[:, None] - module.centers).square().sum(dim=2))
        return z, q / q.sum(dim=1, keepdim=True)

    z, q = memberships(x)
    S = torch.tensor(slow_targets(z.detach().numpy(), 7, 0.35))
    G = q @ q.T
    p = seen["target"]
    terms = {
        "reconstruction": (x - module.decoder(z)).square().mean(),
        "kl": (p * (p.clamp_min(1e-30) / q).log()).sum(dim=1).mean(),
        "pair": -(S * (G + 1e-9).log() + (1 - S) * (1 - G + 1e-9).log()).mean(),
        "consistency": (memberships(x + 0.5 * seen["noise"])[1] - q).square().mean(),
    }
    for name, term in terms.items():
        assert seen["terms"][name].item() == pytest.approx(term.item(), rel=1e-3), name
    total = sum(params[f"{name}_weight"] * term for name, term in terms.items())
    names, weights = zip(*module.named_parameters(), strict=True)
    for name, gradient in zip(names, torch.autograd.grad(total, weights), strict=True):
        found = seen["gradients"][name].double()
        torch.testing.assert_close(found, gradient, rtol=1e-2, atol=1e-4 * gradient.abs().max())


def test_loss_is_the_objective(X):
    """Without pairs and noise that of IDEC; the pairs are those of batches."""
    model = brief(GLDC, batch_size=260, kl_weight=0.5, n_neighbors=20).fit(X)
    q = model.predict_proba(X)
    Z = model.transform(X)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    rows = (X - model.mean_) * model.scale_
    restored = (model.inverse_transform(Z) - model.mean_) * model.scale_
    expected = (
        model.reconstruction_weight * np.square(rows - restored).mean()
        + 0.5 * (p * np.log(p / q)).sum(axis=1).mean()
        + model.pair_weight
        * model.pair_floor
        * slow_pair_loss(slow_targets(Z, 20, model.similarity_decay), q)
    )
    assert model.loss_ == pytest.approx(expected, rel=1e-3)
    assert model.score(X) == -model.loss_
    assert set(model.history_["refine"]) == {"reconstruction", "kl", "pair", "consistency"}


def test_probabilities_do_not_depend_on_company(X):
    model = brief(GLDC).fit(X)
    alone = np.vstack([model.predict_proba(row[None]) for row in X[:9]])
    np.testing.assert_array_equal(alone, model.predict_proba(X)[:9])


# -- the parameters ------------------------------------------------------------------------------


def test_weights_of_zero_leave_terms_out(X):
    """What has no weight moves nothing: other settings of it give the same model."""
    one = brief(GLDC, pair_weight=0, consistency_weight=0).fit(X)
    other = brief(
        GLDC, pair_weight=0, consistency_weight=0, n_neighbors=3, similarity_decay=1, noise_std=0.1
    ).fit(X)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert not np.array_equal(
        one.transform(X), brief(GLDC, consistency_weight=0).fit(X).transform(X)
    )


def test_the_weight_of_pairs_falls_to_its_floor(X):
    """Of a network that stands still the term is the same in each epoch but for its weight."""
    model = brief(
        GLDC, max_epochs=6, pair_decay=0.5, pair_floor=0.1, learning_rate=1e-12, batch_size=260
    ).fit(X)
    pair = np.array(model.history_["refine"]["pair"])
    np.testing.assert_allclose(pair / pair[0], [1, 0.5, 0.25, 0.125, 0.1, 0.1], rtol=1e-3)


def test_without_noise_the_consistency_is_none(X):
    assert brief(GLDC, noise_std=0).fit(X).history_["refine"]["consistency"] == [0, 0, 0]
    assert brief(GLDC, noise_std=0.5).fit(X).history_["refine"]["consistency"][0] > 0


def test_consistency_makes_memberships_robust(X):
    random = np.random.RandomState(0)
    noisy = X + random.randn(*X.shape) / brief(GLDC).fit(X).scale_
    moved = [
        np.square(m.predict_proba(noisy) - m.predict_proba(X)).mean()
        for w in (0, 30)
        for m in [brief(GLDC, consistency_weight=w, max_epochs=20, pretrain_epochs=15).fit(X)]
    ]
    assert moved[1] < moved[0]


def test_neighbors_by_default_are_those_of_equal_clusters(X):
    params = {"batch_size": 60, "max_epochs": 2}
    model = brief(GLDC, 4, **params).fit(X[:240])
    other = brief(GLDC, 4, n_neighbors=15, **params).fit(X[:240])
    np.testing.assert_array_equal(model.transform(X), other.transform(X))
    assert model.loss_ == other.loss_


def test_more_neighbors_than_rows_of_a_batch(X):
    model = brief(GLDC, n_neighbors=1000).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_without_pairs_and_noise_the_objective_is_that_of_idec(X):
    model = brief(
        GLDC,
        pair_weight=0,
        consistency_weight=0,
        kl_weight=1,
        reconstruction_weight=0.3,
        max_epochs=1,
    ).fit(X)
    loss, labels = IDEC._evaluate(model, model.module_, model._new_samples(X))
    assert model.loss_ == pytest.approx(loss, rel=1e-6)
    np.testing.assert_array_equal(model.labels_, labels)
