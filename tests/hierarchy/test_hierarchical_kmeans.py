"""HierarchicalKMeans as an estimator."""

import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import euclidean_distances
from sklearn.preprocessing import normalize

from skdeepcluster import HierarchicalKMeans
from skdeepcluster.hierarchy._levels import numbers_of_clusters
from tests.hierarchy._fits import CLASSES, DIGITS, assert_same_fit


def five_rings(seed):
    """Rings of very different numbers of rows, and which each row is of."""
    rng = np.random.default_rng(seed)
    ring = np.repeat(np.arange(5), [20_000, 200, 1000, 500, 8000])
    angle = rng.uniform(0, 2 * np.pi, len(ring))
    centers = 6 * np.column_stack([np.arange(5), np.zeros(5)])
    circle = 1.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    return centers[ring] + circle + rng.normal(0, 0.15, (len(ring), 2)), ring


def entropy(classes, n_classes):
    """Of the shares of classes, 1 if they are equal."""
    shares = np.bincount(classes, minlength=n_classes) / len(classes)
    shares = shares[shares > 0]
    return -np.sum(shares * np.log(shares)) / np.log(n_classes)


# -------------------------------------------------------------------- what is fitted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_level_is_k_means(dtype):
    X = (DIGITS + np.random.default_rng(0).normal(0, 0.1, DIGITS.shape)).astype(dtype)
    start = X[::30]
    reference = KMeans(len(start), init=start, n_init=1, tol=0).fit(X)
    model = HierarchicalKMeans(len(start), init=start, max_iter=300).fit(X)
    assert_array_equal(model.labels_, reference.labels_)
    assert model.inertia_per_level_ == pytest.approx([reference.inertia_], rel=1e-6)
    assert model.cluster_centers_.dtype == model.distances_.dtype == dtype
    assert_array_equal(model.predict(X), reference.predict(X))
    assert_allclose(model.transform(X), reference.transform(X), rtol=1e-4, atol=1e-4)
    assert model.score(X) == pytest.approx(reference.score(X))


@settings(max_examples=25)
@given(
    st.integers(0, 2**31 - 1), st.integers(1, 60), st.integers(1, 4), st.integers(0, 3),
    st.sampled_from(["closest", "random"]), st.sampled_from(["euclidean", "cosine"]),
)  # fmt: skip
def test_levels_are_nested(seed, n, d, n_resamples, strategy, metric):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 1e-3
    numbers = sorted({1, -(-n // 2), -(-n // 6)}, reverse=True)
    model = HierarchicalKMeans(
        numbers, n_resamples=n_resamples, resample_strategy=strategy, metric=metric, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    levels = model.labels_per_level_
    assert levels.shape == (len(numbers), n)
    assert_array_equal(model.labels_, levels[-1])
    for level, labels in enumerate(levels):
        centers, tree = model.centers_per_level_[level], model.tree_[level]
        assert len(centers) <= numbers[level]
        assert_array_equal(np.bincount(labels, minlength=len(centers)), model.sizes_[level])
        assert model.sizes_[level].min() > 0
        below = labels if level == 0 else model.parents_[level - 1]
        assert_array_equal(np.sort(np.concatenate(tree)), np.arange(len(below)))
        for cluster, children in enumerate(tree):
            assert_array_equal(below[children], cluster)
        assert_array_equal(model.predict(X, level=level), labels)
        assert_array_equal(model.predict(X, level=level - len(levels)), labels)
    for (fine, coarse), parents in zip(pairwise(levels), model.parents_, strict=True):
        assert_array_equal(parents[fine], coarse)
    scaled = normalize(X) if metric == "cosine" else X
    squares = np.square(scaled - model.centers_per_level_[0][levels[0]]).sum(axis=1)
    distances = squares / 2 if metric == "cosine" else np.sqrt(squares)
    assert_allclose(model.distances_, distances, atol=1e-7)
    loss = squares.sum() / (2 if metric == "cosine" else 1)
    assert model.inertia_per_level_[0] == pytest.approx(loss, abs=1e-9)
    assert -model.score(X) == pytest.approx(loss, abs=1e-9)


def test_levels_cluster_the_centers_below():
    model = HierarchicalKMeans([200, 20], n_resamples=0, max_iter=300, random_state=0).fit(DIGITS)
    fine, coarse = model.centers_per_level_
    assert_array_equal(euclidean_distances(fine, coarse).argmin(axis=1), model.parents_[0])
    for cluster, children in enumerate(model.tree_[1]):
        assert_allclose(coarse[cluster], fine[children].mean(axis=0))


def test_resampled_centers_are_means_of_members():
    """With one resampling of the two nearest, each center is a mean of some of these."""
    X = np.array([[0.0], [1], [2], [30], [31], [32]])
    model = HierarchicalKMeans(
        [2], n_resamples=1, sample_size=2, init=[[1.0], [31.0]], random_state=0
    ).fit(X)
    assert_array_equal(np.sort(model.cluster_centers_[:, 0] % 10), [0.5, 0.5])


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_do_not_change_a_bit(n_jobs):
    X = make_blobs(6000, n_features=40, centers=50, random_state=0)[0].astype(np.float32)
    model = HierarchicalKMeans([300, 40], n_resamples=2, random_state=0, n_jobs=1)
    first = HierarchicalKMeans(**model.get_params()).fit(X)
    assert_same_fit(first, model.set_params(n_jobs=n_jobs).fit(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_files_are_as_good_as_arrays(tmp_path, dtype):
    X = DIGITS.astype(dtype)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    params = {"n_clusters": [90, 20], "n_resamples": 2, "random_state": 0}
    model = HierarchicalKMeans(**params).fit(X)
    assert_same_fit(model, HierarchicalKMeans(**params).fit(mapped))
    assert_array_equal(model.predict(X), model.predict(mapped))
    assert_array_equal(model.transform(X), model.transform(mapped))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_is_never_loaded_whole(tmp_path):
    """Fitted in less than a third of the memory that the file would take."""
    rng = np.random.default_rng(0)
    mapped = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, shape=(200_000, 400))
    for begin in range(0, len(mapped), 50_000):
        mapped[begin : begin + 50_000] = rng.random((50_000, 400), dtype=np.float32)
    del mapped
    program = f"""
import numpy as np
from sklearn import config_context
from skdeepcluster import HierarchicalKMeans
from skdeepcluster.hierarchy._levels import numbers_of_clusters
class Watch:
    # The most memory that is no file's, in MiB, whenever a task ends.
    most = 0
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        lines = open("/proc/self/status").read().splitlines()
        rss = next(line for line in lines if line.startswith("RssAnon"))
        self.most = max(self.most, int(rss.split()[1]) / 1024)
def fit(X):
    watch = Watch()
    model = HierarchicalKMeans([60, 10], n_resamples=1, max_iter=2, random_state=0)
    model.set_callbacks(watch)
    with config_context(working_memory=30):
        model.fit(X)
    return watch.most
before = fit(np.eye(100, 400, dtype=np.float32))
X = np.load({str(tmp_path / "X.npy")!r}, mmap_mode="r")
used = fit(X) - before
assert used < 100 < X.nbytes / 2**20 / 3, used
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_permuted_rows_give_permuted_labels():
    order = np.random.default_rng(0).permutation(len(DIGITS))
    model = HierarchicalKMeans([60], n_resamples=0, init=DIGITS[::30], max_iter=300)
    labels = model.fit_predict(DIGITS)
    assert_array_equal(model.fit_predict(DIGITS[order]), labels[order])


def test_more_starts_are_no_worse():
    def losses(n_init):
        models = [HierarchicalKMeans(20, n_init=n_init, random_state=seed) for seed in range(4)]
        return np.array([model.fit(DIGITS).inertia_per_level_[0] for model in models])

    few, many = losses(1), losses(4)
    assert (many <= few).all() and (many < few).any()


def test_spherical_k_means():
    """Lengths do not matter, and what is near is so by its angle."""
    rng = np.random.default_rng(0)
    X = make_blobs(300, n_features=5, centers=4, cluster_std=0.4, random_state=0)[0]
    labels = HierarchicalKMeans(4, metric="cosine", random_state=0, n_init=3).fit_predict(X)
    model = HierarchicalKMeans(4, metric="cosine", random_state=0, n_init=3)
    assert_array_equal(model.fit_predict(X * rng.lognormal(size=(300, 1))), labels)
    assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
    assert_array_equal(model.transform(X).argmin(axis=1), labels)
    assert_allclose(model.transform(X).min(axis=1), model.distances_, atol=1e-12)
    assert model.transform(X).max() > 1  # of opposite directions
    X[7] = 0
    with pytest.raises(ValueError, match="rows of zeros"):
        model.fit(X)


def test_nearest_center_of_the_level_itself():
    model = HierarchicalKMeans([90, 20], random_state=0).fit(DIGITS)
    nearest = model.predict(DIGITS, method="nearest")
    assert_array_equal(nearest, model.transform(DIGITS).argmin(axis=1))
    assert (nearest != model.predict(DIGITS)).any()


@pytest.mark.parametrize(
    "n, numbers", [(1, [1]), (120, [6]), (2000, [100, 25]), (10_000, [500, 125, 32])]
)
def test_automatic_numbers(n, numbers):
    assert numbers_of_clusters("auto", n) == numbers


# -------------------------------------------------------------------- what it is for


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_rings_are_sampled_evenly(seed):
    X, ring = five_rings(seed)

    def evenness(n_clusters, **params):
        model = HierarchicalKMeans(n_clusters, max_iter=20, random_state=seed, **params).fit(X)
        return entropy(ring[model.balanced_sample(1000, random_state=seed)], 5)

    rows = np.random.default_rng(seed).choice(len(X), 1000, replace=False)
    assert entropy(ring[rows], 5) < 0.55
    assert evenness(300) < 0.85
    assert evenness([1000, 300], n_resamples=0) > 0.90
    assert evenness([1000, 300], sample_size=[15, 2]) > 0.96


def test_long_tails_are_sampled_better_than_uniformly():
    """Two classes have a tenth of their rows. One draw varies by 0.01; the means do not."""
    even, uniform = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        kept = (CLASSES >= 2) | (rng.random(len(CLASSES)) < 0.1)
        X, y = DIGITS[kept], CLASSES[kept]
        model = HierarchicalKMeans([200, 40], random_state=seed).fit(X)
        for draw in range(10):
            even.append(entropy(y[model.balanced_sample(200, random_state=draw)], 10))
            uniform.append(entropy(y[rng.choice(len(y), 200, replace=False)], 10))
    assert np.mean(even) > np.mean(uniform) + 0.015


def test_samples_without_and_with_repetition():
    model = HierarchicalKMeans([90, 20], random_state=0).fit(DIGITS)
    n = len(DIGITS)
    rows = model.balanced_sample(500, random_state=0)
    assert len(np.unique(rows)) == 500
    assert_array_equal(rows, model.balanced_sample(500, random_state=0))
    assert_array_equal(model.balanced_sample(n), np.arange(n))
    assert_array_equal(model.balanced_sample(10 * n, multiplier=2), np.repeat(np.arange(n), 2))
    closest = model.balanced_sample(90, strategy="closest", random_state=0)
    assert model.distances_[closest].mean() < model.distances_.mean()


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 120),
    d=st.integers(1, 4),
    grid=st.sampled_from([None, 3, 10]),
    share=st.floats(0, 1),
    max_iter=st.sampled_from([1, 2, 50]),
    init=st.sampled_from(["k-means++", "random", "far"]),
    strategy=st.sampled_from(["closest", "random"]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_no_cluster_is_empty(seed, n, d, grid, share, max_iter, init, strategy, dtype):
    rng = np.random.default_rng(seed)
    X = rng.standard_t(1.5, size=(n, d)).astype(dtype)
    X = X if grid is None else np.clip(np.round(X * grid / 2), -grid, grid)
    n_distinct = len(np.unique(X, axis=0))
    numbers = sorted({1 + int(share * (n_distinct - 1)), 1 + int(share * n_distinct / 4)})[::-1]
    if init == "far":
        init = rng.normal(size=(numbers[0], d)) * 1e3
    params = {"max_iter": max_iter, "init": init, "resample_strategy": strategy}
    model = HierarchicalKMeans(numbers, n_resamples=2, random_state=seed, **params).fit(X)
    assert [len(centers) for centers in model.centers_per_level_] == numbers
    assert all(sizes.all() for sizes in model.sizes_)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [(np.float32, -120), (np.float32, -83), (np.float32, 110), (np.float64, -400)]
    + [(np.float64, 400), (np.float64, -660), (np.float64, -1000), (np.float64, 1000)],
)
def test_the_size_of_values_changes_nothing_but_distances(metric, dtype, exponent):
    X = DIGITS[:200].astype(dtype)
    expected = HierarchicalKMeans((24, 6), metric=metric, random_state=0).fit(X)
    model = HierarchicalKMeans((24, 6), metric=metric, random_state=0)
    scaled = np.ldexp(X, exponent)
    if metric == "euclidean" and abs(exponent) > 400:
        fault = "vanish" if exponent < 0 else "overflow"
        with pytest.raises(ValueError, match=f"Squared distances {fault}.*Scale X"):
            model.fit(scaled)
        return
    model.fit(scaled)
    assert_array_equal(model.labels_per_level_, expected.labels_per_level_)
    assert_array_equal(model.predict(scaled), expected.labels_)
    exponent = 0 if metric == "cosine" else exponent
    assert_allclose(
        np.ldexp(model.transform(scaled), -exponent), expected.transform(X), rtol=1e-4, atol=1e-6
    )
    assert model.score(scaled) == pytest.approx(
        np.ldexp(expected.score(X), 2 * exponent), rel=1e-6, abs=0
    )


@pytest.mark.parametrize("listed", [tuple, np.array, "tensor"])
def test_levels_in_any_sequence(listed):
    listed = pytest.importorskip("torch").tensor if listed == "tensor" else listed
    numbers, sizes = listed([8, 2]), listed([5, 2])
    model = HierarchicalKMeans(numbers, n_resamples=1, sample_size=sizes, random_state=0)
    expected = HierarchicalKMeans([8, 2], n_resamples=1, sample_size=[5, 2], random_state=0)
    assert_array_equal(model.fit(DIGITS).labels_per_level_, expected.fit(DIGITS).labels_per_level_)
    with pytest.raises(ValueError, match="decrease from level to level"):
        HierarchicalKMeans(listed([2, 8])).fit(DIGITS)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(np.asarray(DIGITS[:200])).to(getattr(torch, dtype)).requires_grad_()
    model = HierarchicalKMeans((8, 2), init=X[:8], random_state=0).fit(X)
    values = DIGITS[:200].astype(np.float32 if dtype in ("bfloat16", "float32") else np.float64)
    expected = HierarchicalKMeans((8, 2), init=values[:8], random_state=0).fit(values)
    assert_array_equal(model.labels_per_level_, expected.labels_per_level_)
    assert_array_equal(model.predict(X), expected.labels_)
    assert_array_equal(model.transform(X), expected.transform(values))
    assert model.score(X) == expected.score(values)


def test_torch_is_not_imported():
    program = (
        "import sys; from skdeepcluster import HierarchicalKMeans, balanced_sample;"
        "HierarchicalKMeans(2).fit([[0.0], [1.0], [5.0]]);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
