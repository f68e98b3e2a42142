"""GraphHash: Barber's modularity, the two tables, and predictions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import GraphHash


def planted(seed=0, k=6, users=40, items=20):
    rng = np.random.default_rng(seed)
    y, z = np.repeat(np.arange(k), users), np.repeat(np.arange(k), items)
    rate = np.where(y[:, None] == z, 0.25, 0.01)
    return (rng.random(rate.shape) < rate).astype(float), y, z


def barber(B, rows, columns, resolution=1.0):
    w = B.sum()
    expected = np.outer(B.sum(axis=1), B.sum(axis=0)) / w
    return ((B - resolution * expected) * (rows[:, None] == columns)).sum() / w


@given(st.integers(0, 10**6), st.floats(0.2, 3))
@settings(max_examples=20, deadline=None)
def test_modularity_is_that_of_its_definition(seed, resolution):
    rng = np.random.default_rng(seed)
    B = rng.poisson(0.4, (15, 12)) + np.eye(15, 12)
    model = GraphHash(resolution=resolution, random_state=seed).fit(B)
    # The communities of the rows' numbers.
    last = len(model._communities) - 1
    rows = model._communities[np.minimum(model.labels_, last)]
    columns = model._item_community
    live = B.sum(axis=1) > 0
    assert model.modularity_ == pytest.approx(barber(B[live], rows[live], columns, resolution))
    # No user gains by another community.
    for user in np.flatnonzero(live):
        for other in np.unique(np.append(rows, columns)):
            moved = rows.copy()
            moved[user] = other
            found = barber(B[live], moved[live], columns, resolution)
            assert found <= model.modularity_ + 1e-9


def test_both_sides_are_found_and_predicted():
    B, y, z = planted()
    model = GraphHash(random_state=0).fit(csr_array(B))
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert adjusted_rand_score(z, model.column_labels_) > 0.95
    assert model.column_labels_.max() == model.n_columns_ - 1
    np.testing.assert_array_equal(model.predict(B), model.labels_)
    np.testing.assert_allclose(
        model.transform(B), B @ np.eye(model.n_columns_)[model.column_labels_]
    )
    turned = GraphHash(random_state=0).fit(B.T)
    assert adjusted_rand_score(z, turned.labels_) > 0.95


def test_blocks_without_interactions_between_them():
    B = np.kron(np.eye(4), np.ones((3, 5)))
    model = GraphHash(random_state=0).fit(B)
    assert model.modularity_ == pytest.approx(1 - 4 / 16) and model.n_rows_ == 4


def test_users_and_items_without_interactions_share_a_row():
    B, _, _ = planted()
    B[B.sum(axis=1) == 0, 0] = 1
    more = np.zeros((len(B) + 50, B.shape[1] + 7))
    more[: len(B), : B.shape[1]] = B
    few, many = GraphHash(random_state=0).fit(B), GraphHash(random_state=0).fit(more)
    assert many.n_rows_ == few.n_rows_ + 1 and many.n_columns_ == few.n_columns_ + 1
    assert (many.labels_[len(B) :] == many.n_rows_ - 1).all()
    assert adjusted_rand_score(many.labels_[: len(B)], few.labels_) > 0.95
    assert many.predict(np.zeros((1, more.shape[1])))[0] == many.n_rows_ - 1


@pytest.mark.parametrize("budget", [12, 40, 120])
def test_a_budget_is_kept(budget):
    B, _, _ = planted()
    model = GraphHash(n_rows_budget=budget, random_state=0).fit(B)
    assert budget / 2 <= model.n_rows_ + model.n_columns_ <= budget
    with pytest.raises(ValueError, match="n_rows_budget=2"):
        GraphHash(n_rows_budget=2).fit(np.eye(4))


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_threads_do_not_matter(n_jobs):
    B, _, _ = planted(k=12)
    one, more = (GraphHash(random_state=0, n_jobs=n).fit(B) for n in (1, n_jobs))
    np.testing.assert_array_equal(one.labels_, more.labels_)
    np.testing.assert_array_equal(one.column_labels_, more.column_labels_)


def test_bad_input():
    for X, message in ((-np.eye(3), "Negative"), (np.zeros((3, 3)), "no interactions"),
                       (np.eye(3) * 1e200, "Scale X"), (np.eye(3) + np.nan, "NaN")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            GraphHash().fit(X)
