"""TEMI."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import TEMI
from skdeepcluster.semantic.temi import pointwise_information
from tests.common import brief, torch_generator


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(160, n_features=6, centers=4, random_state=1)


@given(beta=st.floats(0.51, 1), k=st.integers(2, 12))
def test_information_of_certain_and_of_uniform_pairs(beta, k):
    log_prior = torch.full((k,), 1 / k, dtype=torch.float64).log()
    certain = torch.eye(k, dtype=torch.float64).clamp_min(1e-160).log()
    found = pointwise_information(certain, certain, log_prior, beta)
    torch.testing.assert_close(found, -log_prior)
    uniform = log_prior.expand(3, k)
    found = pointwise_information(uniform, uniform, log_prior, beta)
    expected = torch.full((3,), (2 - 2 * beta) * np.log(k), dtype=torch.float64)
    torch.testing.assert_close(found, expected)


@given(seed=st.integers(0, 1000), beta=st.floats(0.51, 1))
def test_information_is_symmetric_and_knows_no_order_of_clusters(seed, beta):
    g = torch_generator(seed)
    p, q = torch.randn(2, 8, 5, generator=g, dtype=torch.float64).log_softmax(2)
    prior = torch.randn(5, generator=g, dtype=torch.float64).log_softmax(0)
    found = pointwise_information(p, q, prior, beta)
    torch.testing.assert_close(pointwise_information(q, p, prior, beta), found)
    order = torch.randperm(5, generator=g)
    torch.testing.assert_close(
        pointwise_information(p[:, order], q[:, order], prior[order], beta), found
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_finds_separated_groups_which_it_does_not_untrained(blobs):
    X, y = blobs
    params = {"batch_size": 64, "random_state": 0, "learning_rate": 3e-3}
    model = TEMI(4, max_epochs=60, n_heads=2, **params).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    start = TEMI(4, max_epochs=0, **params).fit(X)
    assert adjusted_rand_score(y, start.labels_) < 0.8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_first_epoch_leaves_the_last_layer_and_the_teacher_follows(blobs):
    X, _ = blobs
    start, one, more = (brief(TEMI, 4, max_epochs=n, ema_decay=0.0).fit(X) for n in (0, 1, 9))
    last = [model.module_.student.heads.weights[-1] for model in (start, one, more)]
    assert torch.equal(last[0], last[1]) and not torch.equal(last[0], last[2])
    first = [model.module_.student.heads.weights[0] for model in (start, one)]
    assert not torch.equal(*first)
    # Without memory the teacher is the student.
    for teacher, student in zip(
        more.module_.teacher.parameters(), more.module_.student.parameters(), strict=True
    ):
        assert torch.equal(teacher, student)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_best_head_and_epoch_are_kept(blobs):
    X, _ = blobs
    model = brief(TEMI, 4, n_heads=3, max_epochs=5).fit(X)
    assert model.best_head_ == model.head_losses_.argmin()
    np.testing.assert_allclose(model.head_losses_[model.best_head_], model.loss_, rtol=1e-4)
    assert model.score(X) == -model.loss_
    assert model.cluster_prior_.sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_given_neighbors_are_used(blobs):
    X, y = blobs
    _, first = np.unique(y, return_index=True)
    same = first[y][:, None]
    model = brief(TEMI, 4, max_epochs=40, learning_rate=1e-2).fit(X, neighbors=same)
    np.testing.assert_array_equal(model.neighbors_, same)
    searched = brief(TEMI, 4, n_neighbors=7).fit(X).neighbors_
    assert searched.shape == (160, 7)
    assert (searched != np.arange(160)[:, None]).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_functions_and_modules_as_frozen_encoders(blobs):
    X, _ = blobs

    def double(x):
        return torch.cat([x, x.square()], dim=1)

    layer = torch.nn.Linear(6, 3)
    before = layer.weight.detach().clone()
    model = brief(TEMI, 4, encoder=double).fit(X)
    assert model.transform(X).shape == (160, 12)
    model = brief(TEMI, 4, encoder=layer).fit(X)
    assert model.transform(X).shape == (160, 3)
    assert torch.equal(next(model.module_.student.encoder.parameters()), before)
    trained = brief(TEMI, 4, encoder=layer, train_encoder=True).fit(X)
    assert not torch.equal(next(trained.module_.student.encoder.parameters()), before)


@pytest.mark.parametrize(
    "neighbors, message",
    [
        (np.zeros((159, 2), int), "integers of shape"),
        (np.zeros((160, 2)), "integers of shape"),
        (np.full((160, 1), 160), "indices from 160"),
    ],
)
def test_malformed_neighbors(neighbors, message, blobs):
    with pytest.raises(ValueError, match=message):
        brief(TEMI, 4).fit(blobs[0], neighbors=neighbors)


@pytest.mark.parametrize(
    "params",
    [{"beta": 0.5}, {"beta": 1.1}, {"n_neighbors": 0}, {"temperature": 0}, {"ema_decay": 1.0}],
)
def test_malformed_parameters(params, blobs):
    with pytest.raises(ValueError, match=next(iter(params))):
        brief(TEMI, 4, **params).fit(blobs[0])


def test_encoder_that_returns_no_features(blobs):
    with pytest.raises(ValueError, match="encoder must return a tensor"):
        brief(TEMI, 4, encoder=lambda x: x.mean()).fit(blobs[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_that_are_their_own_neighbors_are_named(blobs):
    X = blobs[0][:60]
    with pytest.warns(UserWarning, match="its own only neighbor"):
        brief(TEMI, 4, max_epochs=0).fit(X, neighbors=np.arange(60)[:, None])
