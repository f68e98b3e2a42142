"""ClusterDataSelection: budgets, and what each way of choosing keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import train_test_split

from skdeepcluster import ClusterDataSelection
from skdeepcluster.selection.cluster_data_selection import bins_of, stratified

WAYS = ["stratified", "easy", "hard", "bins"]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 500),
    budget=st.one_of(st.integers(1, 40), st.floats(0.01, 1)),
    keep=st.sampled_from(WAYS),
    metric=st.sampled_from(["cosine", "euclidean"]),
)
def test_the_budget_is_kept_exactly(seed, budget, keep, metric):
    X, _ = make_blobs(40, n_features=3, random_state=seed)
    model = ClusterDataSelection(4, budget=budget, keep=keep, metric=metric, random_state=0)
    model.fit(X)
    wanted = budget if isinstance(budget, int) else max(1, round(budget * 40))
    assert len(np.unique(model.indices_)) == len(model.indices_) == wanted
    assert_array_equal(np.flatnonzero(model.support_), model.indices_)
    again = ClusterDataSelection(4, budget=budget, keep=keep, metric=metric, random_state=0)
    assert_array_equal(again.fit(X).indices_, model.indices_)
    assert_array_equal(model.predict(X), model.labels_)
    sizes = np.bincount(model.labels_, minlength=4)
    assert (model.cluster_shares_ * sizes).sum() == pytest.approx(wanted)


@given(seed=st.integers(0, 500), k=st.integers(1, 6), data=st.data())
def test_strata_are_proportional_and_none_is_left_out(seed, k, data):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(k), rng.integers(k, size=50 - k)]
    wanted = data.draw(st.integers(k, 50))
    kept = np.bincount(labels[stratified(labels, k, wanted, rng)], minlength=k)
    sizes = np.bincount(labels)
    assert kept.sum() == wanted and (kept >= 1).all() and (kept <= sizes).all()
    assert (kept >= np.floor(wanted * sizes / 50) - k).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 500), n_bins=st.integers(1, 4))
def test_bins_are_those_of_the_gains(seed, n_bins):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(30, 4))
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    S = (1 + Z @ Z.T) / 2
    bins = bins_of(Z, n_bins)
    assert_array_equal(np.sort(np.concatenate(bins)), np.arange(30))
    assert np.ptp([len(rows) for rows in bins]) <= 1
    pool = set(range(30))
    for rows in bins:
        start, taken = sorted(pool), []
        for row in rows:
            gains = {x: S[start, x].sum() - 2 * S[taken, x].sum() for x in pool}
            assert gains[row] == pytest.approx(max(gains.values()))
            pool.remove(row)
            taken.append(row)


def test_scores_and_the_two_ends():
    X, _ = make_blobs(200, n_features=3, centers=3, random_state=0)
    easy = ClusterDataSelection(3, budget=20, keep="easy", random_state=0).fit(X)
    hard = ClusterDataSelection(3, budget=20, keep="hard", random_state=0).fit(X)
    cosines = cosine_similarity(X, easy.cluster_centers_)[np.arange(200), easy.labels_]
    assert_allclose(easy.scores_, 1 - cosines, atol=1e-9)
    assert easy.scores_[easy.indices_].max() <= np.sort(easy.scores_)[19] + 1e-12
    assert hard.scores_[hard.indices_].min() >= np.sort(hard.scores_)[-20] - 1e-12
    assert_allclose(easy.transform(X)[np.arange(200), easy.labels_], easy.scores_)


def test_few_labels_of_digits():
    X, y = load_digits(return_X_y=True)

    def accuracy(keep, seed):
        train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        if keep == "random":
            chosen = np.random.default_rng(seed).permutation(len(train))[:63]
        else:
            selection = ClusterDataSelection(10, budget=0.05, keep=keep, random_state=seed)
            chosen = selection.fit(train).indices_
        model = LogisticRegression(max_iter=2000).fit(train[chosen] / 16, y_train[chosen])
        return model.score(test / 16, y_test)

    means = {
        keep: np.mean([accuracy(keep, seed) for seed in range(4)])
        for keep in ("stratified", "random", "hard")
    }
    assert means["stratified"] > means["random"] > means["hard"] + 0.05


def test_rows_come_back_as_they_were():
    import pandas as pd

    X, y = make_blobs(30, random_state=0)
    frame = pd.DataFrame(X, columns=["a", "b"])
    selection = ClusterDataSelection(3, budget=9, random_state=0)
    rows, labels = selection.fit_resample(frame, y)
    assert list(rows.columns) == ["a", "b"] and len(rows) == len(labels) == 9
    assert_array_equal(rows.to_numpy(), X[selection.indices_])
    assert_array_equal(selection.fit_resample(X), X[selection.indices_])


def test_bad_input():
    X, _ = make_blobs(30, random_state=0)
    with pytest.raises(ValueError, match="budget=31 is more than n_samples=30"):
        ClusterDataSelection(3, budget=31).fit(X)
    with pytest.raises(ValueError, match="'budget' parameter"):
        ClusterDataSelection(3, budget=1.5).fit(X)
    with pytest.raises(ValueError, match="should be >= n_clusters=31"):
        ClusterDataSelection(31).fit(X)
