"""IntervalClustering: global optima, against brute force and local searches."""

import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepcluster import IntervalClustering
from skdeepcluster._kernels._interval import optimal_intervals

CRITERIA = ["squared_error", "absolute_error"]


def brute_force(x, w, k, criterion):
    """The least loss over all partitions of the sorted values into at most k intervals."""
    order = np.argsort(x)
    x, w = x[order], w[order]

    def loss(part):
        a, b = x[part], w[part]
        if criterion == "squared_error":
            return np.dot(b, (a - np.average(a, weights=b)) ** 2)
        return min(np.dot(b, np.abs(a - center)) for center in a)

    return min(
        sum(loss(slice(*ends)) for ends in zip((0, *cuts), (*cuts, len(x)), strict=True))
        for cuts in combinations(range(1, len(x)), k - 1)
    )


@pytest.mark.parametrize("criterion", CRITERIA)
@given(data=st.data())
def test_no_partition_is_better(criterion, data):
    n = data.draw(st.integers(1, 9))
    x = np.array(data.draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)), float)
    w = np.array(data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)), float)
    k = data.draw(st.integers(1, len(np.unique(x))))
    model = IntervalClustering(k, criterion=criterion).fit(x, sample_weight=w)
    assert model.inertia_ == pytest.approx(brute_force(x, w, k, criterion), abs=1e-9)
    assert model.inertias_[-1] == pytest.approx(model.inertia_, abs=1e-9)
    assert len(np.unique(model.labels_)) == k
    assert np.all(np.diff(model.labels_[np.argsort(x)]) >= 0)
    assert_array_equal(model.predict(x), model.labels_)
    assert model.score(x, sample_weight=w) == pytest.approx(-model.inertia_)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("n", [50, 400, 3000])
@pytest.mark.parametrize("k", [2, 5, 12])
def test_bounds_on_starts_lose_nothing(squared, n, k):
    """Against all starts for every end, without the bounds between neighbors."""
    rng = np.random.default_rng(n + k)
    x, w = np.sort(rng.normal(size=n)), rng.uniform(0.1, 2, n)
    W, S, Q = (np.concatenate([[0], np.cumsum(v)]) for v in (w, w * x, w * x * x))
    last = np.arange(-1, n)
    _, losses = optimal_intervals(x, W, S, Q, last, k, squared, 2)
    before = np.full(n + 1, np.inf)
    before[0] = 0
    starts = np.arange(n)
    for m in range(k):
        now = np.full(n + 1, np.inf)
        for end in range(m + 1, n + 1):
            i = starts[:end]
            if squared:
                cost = Q[end] - Q[i] - (S[end] - S[i]) ** 2 / (W[end] - W[i])
            else:
                c = np.maximum(np.searchsorted(W, (W[i] + W[end]) / 2) - 1, i)
                cost = x[c] * (2 * W[c] - W[i] - W[end]) + S[i] + S[end] - 2 * S[c]
            now[end] = np.min(before[i] + cost)
        before = now
        assert_allclose(losses[m], now[n], rtol=1e-9)


@pytest.mark.parametrize("criterion", CRITERIA)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 6))
def test_losses_fall_to_zero_and_weights_are_copies(criterion, seed, k):
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-20, 20, 30).astype(float), rng.integers(0, 4, 30)
    x[:6], w[:6] = np.arange(6), 1
    model = IntervalClustering(k, criterion=criterion).fit(x, sample_weight=w)
    assert np.all(np.diff(model.inertias_) <= 1e-9)
    copies = IntervalClustering(k, criterion=criterion).fit(np.repeat(x, w))
    assert_allclose(copies.inertias_, model.inertias_, atol=1e-9)
    n_values = len(np.unique(x))
    assert IntervalClustering(n_values, criterion=criterion).fit(x).inertia_ == 0


@pytest.mark.parametrize("criterion", CRITERIA)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([2.0**-40, 1.0, 2.0**40]),
    shift=st.sampled_from([0, 64, 2**26]),
)
def test_moved_scaled_and_mirrored(criterion, seed, scale, shift):
    x = np.random.default_rng(seed).integers(0, 1000, 60).astype(float)
    model = IntervalClustering(5, criterion=criterion).fit(x)
    moved = IntervalClustering(5, criterion=criterion).fit((x + shift) * scale)
    assert_array_equal(moved.labels_, model.labels_)
    power = 2 if criterion == "squared_error" else 1
    assert_allclose(moved.inertias_, model.inertias_ * scale**power, rtol=1e-9)
    mirrored = IntervalClustering(5, criterion=criterion).fit(-x)
    assert_allclose(mirrored.inertias_, model.inertias_, rtol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 8), heavy=st.booleans())
def test_never_worse_than_kmeans(seed, k, heavy):
    x = np.random.default_rng(seed).normal(size=(80, 1))
    x = np.exp(1.5 * x) if heavy else x
    best = KMeans(k, n_init=3, random_state=0).fit(x).inertia_
    assert IntervalClustering(k).fit(x).inertia_ <= best * (1 + 1e-9)


@pytest.mark.parametrize(
    "k, inertia, sizes",
    [(3, 24.51643, [50, 54, 46]), (5, 8.695216, None), (8, 3.377803, None)],
)
def test_iris(k, inertia, sizes):
    model = IntervalClustering(k).fit(load_iris().data[:, [2]])
    assert model.inertia_ == pytest.approx(inertia, rel=1e-6)
    if sizes:
        assert_array_equal(np.bincount(model.labels_), sizes)


def test_other_real_columns():
    proline = load_wine().data[:, [-1]]
    assert IntervalClustering(8).fit(proline).inertia_ == pytest.approx(292637.74, rel=1e-7)
    assert IntervalClustering(15).fit(proline).inertia_ == pytest.approx(81323.963, rel=1e-7)
    cancer = load_breast_cancer()
    area = cancer.data[:, [list(cancer.feature_names).index("worst area")]]
    assert IntervalClustering(20).fit(area).inertia_ == pytest.approx(649475.75, rel=1e-7)


def test_a_single_value_may_be_an_interval():
    assert_array_equal(IntervalClustering(2).fit([0, 10, 10.1, 10.2]).labels_, [0, 1, 1, 1])


def test_medians_mind_outliers_less():
    x = np.array([0.0, 1, 2, 10, 11, 12, 35])
    assert_array_equal(
        IntervalClustering(2, criterion="squared_error").fit(x).labels_, [0] * 6 + [1]
    )
    assert_array_equal(
        IntervalClustering(2, criterion="absolute_error").fit(x).labels_, [0] * 3 + [1] * 4
    )


def test_threads_and_precision_change_nothing():
    x = np.random.default_rng(0).normal(size=600_000).astype(np.float32)
    one, two = (IntervalClustering(4, n_jobs=n_jobs).fit(x) for n_jobs in (1, 2))
    assert_array_equal(one.inertias_, two.inertias_)
    assert_array_equal(one.labels_, two.labels_)
    assert one.cluster_centers_.dtype == np.float32
    assert_allclose(IntervalClustering(4).fit(x.astype(float)).inertia_, one.inertia_, rtol=1e-6)


def test_frames_keep_their_name():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1.0, 2, 30, 31]})
    model = IntervalClustering(2).set_output(transform="pandas").fit(frame)
    assert_array_equal(model.feature_names_in_, ["age"])
    assert list(model.transform(frame).columns) == ["intervalclustering0", "intervalclustering1"]


def test_fewer_values_than_intervals():
    with pytest.warns(ConvergenceWarning, match=r"distinct values \(2\).*n_clusters \(3\)"):
        model = IntervalClustering(3).fit([1, 1, 2, 2])
    assert model.inertia_ == 0
    assert model.cluster_centers_.shape == (2, 1)


@pytest.mark.parametrize(
    "X, params, weight, match",
    [
        ([[1, 2], [3, 4]], {}, None, "one feature; X has 2"),
        ([1.0, np.nan], {}, None, "NaN"),
        ([1.0, np.inf], {}, None, "infinity"),
        ([1.0, 2.0], {"n_clusters": 3}, None, "n_samples=2 should be >= n_clusters=3"),
        ([1.0, 2.0], {"n_clusters": 0}, None, "'n_clusters' parameter"),
        ([1.0, 2.0], {"criterion": "sse"}, None, "'criterion' parameter"),
        ([1.0, 2.0], {}, [0, 0], "at least one non-zero"),
        ([1.0, 2.0], {}, [1, -1], "[Nn]egative"),
    ],
)
def test_bad_input(X, params, weight, match):
    with pytest.raises(ValueError, match=match):
        IntervalClustering(**{"n_clusters": 1, **params}).fit(X, sample_weight=weight)


def test_kernel_refuses_arrays_that_do_not_fit():
    with pytest.raises(ValueError, match="number of values"):
        optimal_intervals(np.zeros(3), *np.zeros((3, 3)), np.arange(-1, 3), 2, True, 1)
    x, prefix = np.arange(3.0), np.arange(4.0)
    for last in ([-1, 0, 0, 3], [-1, 0, -1, 2], [-1, -1, 0, 1]):
        message = "no room" if max(last) == 1 else "last starts"
        with pytest.raises(ValueError, match=message):
            optimal_intervals(x, prefix, prefix, prefix, np.array(last), 2, True, 1)


class OfFirstColumn(IntervalClustering):
    """Scikit-learn's checks come with several features."""

    def _validate(self, X, reset):
        # As the parent does, but of all features.
        from sklearn.utils.validation import validate_data

        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        return X[:, :1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        return tags


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([OfFirstColumn(), OfFirstColumn(criterion="absolute_error")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_near_the_largest_float(criterion, dtype):
    largest = 2.0 ** (np.finfo(dtype).maxexp - 1)
    x = np.array([-1, -1, -0.5, -0.5, 0.5, 0.5, 1, 1])
    model = IntervalClustering(4, criterion=criterion).fit((x * largest).astype(dtype))
    assert_array_equal(model.labels_, [0, 0, 1, 1, 2, 2, 3, 3])
    assert_array_equal(model.cluster_centers_[:, 0] / largest, x[::2])
    assert_array_equal(model.boundaries_ / largest, [-0.75, 0, 0.75])
    assert model.inertia_ == 0
    assert not np.isnan(model.inertias_).any()
    assert_array_equal(model.predict((x * largest).astype(dtype)), model.labels_)


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("exponent", [-1000, -700, -140, 100, 400, 1000])
def test_powers_of_two_change_nothing_but_units(criterion, exponent):
    x = np.random.default_rng(0).normal(size=60)
    expected = IntervalClustering(5, criterion=criterion).fit(x)
    if exponent == 1000 and criterion == "squared_error":
        with pytest.raises(ValueError, match="The loss overflows: X has values up to .* Scale X"):
            IntervalClustering(5, criterion=criterion).fit(np.ldexp(x, exponent))
        return
    model = IntervalClustering(5, criterion=criterion).fit(np.ldexp(x, exponent))
    assert_array_equal(model.labels_, expected.labels_)
    assert_array_equal(model.boundaries_, np.ldexp(expected.boundaries_, exponent))
    exponent *= 2 if criterion == "squared_error" else 1
    assert_array_equal(model.inertias_, np.ldexp(expected.inertias_, exponent))
    assert model.inertia_ == pytest.approx(np.ldexp(expected.inertia_, exponent), abs=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    x = torch.arange(12).to(getattr(torch, dtype)).requires_grad_()
    weights = torch.ones(12, dtype=torch.bfloat16).requires_grad_()
    model = IntervalClustering(3).fit(x, sample_weight=weights)
    assert_array_equal(model.labels_, np.arange(12) // 4)
    assert_array_equal(model.predict(x), model.labels_)
    assert model.transform(x).shape == (12, 3)
    assert model.score(x, sample_weight=weights) == -model.inertia_


def test_clone_and_refit():
    model = IntervalClustering(2).fit([1, 2, 10])
    assert_array_equal(clone(model).fit([1, 2, 10]).labels_, model.labels_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(np.arange(5.0))
    assert model.labels_.shape == (5,)
