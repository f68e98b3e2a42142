"""The swap search against a slow textbook, on matrices that are no metric and full of ties."""

from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import squareform

from skdeepcluster.medoids._distances import Condensed, Euclidean, Matrix, Metric
from skdeepcluster.medoids._search import (
    Search,
    alternate,
    eager,
    random_neighbors,
    steepest,
)

TOL = 1e-12


@st.composite
def matrices(draw, min_size=4, max_size=14, distinct=False):
    """Symmetric matrices of whole numbers, whose sums are exact; `distinct` ones have no ties."""
    n = draw(st.integers(min_size, max_size))
    size = n * (n - 1) // 2
    if distinct:
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        entries = random.integers(1, 2**20, size)
    else:
        largest = draw(st.sampled_from([1, 3, 50]))
        entries = draw(st.lists(st.integers(0, largest), min_size=size, max_size=size))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return squareform(np.array(entries)).astype(dtype)


@st.composite
def problems(draw, depth=2, distinct=False, weighted=True):
    """A search at its start, and the matrix and the weights it is about."""
    D = draw(matrices(min_size=max(4, depth + 1), distinct=distinct))
    n = len(D)
    k = draw(st.integers(2, n - 1))
    medoids = draw(st.permutations(range(n)))[:k]
    weights = np.ones(n)
    if weighted:
        weights = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), float)
        weights[medoids] += 1
    source = Matrix(D, n_threads=draw(st.sampled_from([1, 2])))
    if draw(st.booleans()):
        source = Condensed(squareform(D), n_threads=1)
    return Search(source, weights, depth).start(medoids), D, weights


def total_deviation(D, medoids, weights):
    return np.dot(D[medoids].min(axis=0).astype(float), weights)


def silhouette_loss(D, medoids, weights):
    first, second = np.sort(D[medoids], axis=0)[:2].astype(float)
    ratio = np.divide(first, second, out=np.zeros_like(first), where=second > 0)
    return np.dot(ratio, weights)


LOSS = {1: total_deviation, 2: total_deviation, 3: silhouette_loss}


def swapped(medoids, slot, candidate):
    medoids = medoids.copy()
    medoids[slot : slot + 1] = candidate
    return medoids if slot < len(medoids) else np.append(medoids, candidate)


def changes(D, medoids, weights, loss):
    """Change of the loss for every candidate and slot, by computing every loss."""
    out = np.full((len(D), len(medoids)), np.inf)
    for candidate, slot in product(np.flatnonzero(weights), range(len(medoids))):
        if candidate not in medoids:
            after = loss(D, swapped(medoids, slot, candidate), weights)
            out[candidate, slot] = after - loss(D, medoids, weights)
    return out


def pam(D, medoids, weights):
    """Partitioning around medoids as the textbook has it: the first of the best swaps."""
    while True:
        change = changes(D, medoids, weights, total_deviation)
        candidate, slot = np.unravel_index(np.argmin(change), change.shape)
        if not change[candidate, slot] < 0:
            return medoids
        medoids = swapped(medoids, slot, candidate)


def check_caches(search, D, weights):
    """What the objects know is what the medoids are."""
    k, depth = len(search.medoids), len(search.near)
    to_medoids = D[search.medoids]
    kept = min(depth, k)
    assert_array_equal(search.near[:kept], np.sort(to_medoids, axis=0)[:kept])
    assert_array_equal(to_medoids[search.slots[:kept], np.arange(len(D))], search.near[:kept])
    assert np.all(np.isinf(search.near[kept:])) and np.all(search.slots[kept:] == -1)
    assert all(len(set(column)) == kept for column in search.slots[:kept].T)
    assert_array_equal(search.slots[0, search.medoids], np.arange(k))
    if k > 2:
        loss = LOSS[depth]
        removal = [
            loss(D, np.delete(search.medoids, slot), weights) - loss(D, search.medoids, weights)
            for slot in range(k)
        ]
        assert_allclose(search.removal, removal, atol=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
@given(data=st.data())
def test_caches_and_changes_are_right_after_any_swap(depth, data):
    search, D, weights = data.draw(problems(depth))
    search.refresh()
    for _ in range(4):
        check_caches(search, D, weights)
        expected = changes(D, search.medoids, weights, LOSS[depth])
        for candidate in search.objects:
            search.objects = np.array([candidate])
            change, _, slot = search.best()
            assert_allclose(change, expected[candidate].min(), atol=1e-9)
            if slot is not None:
                assert_allclose(expected[candidate, slot], change, atol=1e-9)
        search.objects = np.flatnonzero(weights)
        others = np.setdiff1d(search.objects, search.medoids)
        if len(others):
            slot = data.draw(st.integers(0, len(search.medoids) - 1))
            search.swap(data.draw(st.sampled_from(others)), slot)


@given(problem=problems(distinct=True, weighted=False))
def test_fastpam1_makes_the_swaps_of_pam(problem):
    search, D, weights = problem
    expected = pam(D, search.medoids, weights)
    assert all(swaps == 1 or done for swaps, done in steepest(search, TOL))
    assert_array_equal(search.medoids, expected)


@given(problem=problems())
def test_pam_slot_by_slot_finds_the_same(problem):
    search, D, weights = problem
    search.refresh()
    change, candidate, slot = search.best()
    assert search.best(slot_by_slot=True) == pytest.approx((change, candidate, slot))
    assert change == pytest.approx(changes(D, search.medoids, weights, total_deviation).min())


def textbook_fasterpam(D, medoids, weights, order, loss):
    """One candidate after the other, its best swap made at once, until a round is in vain."""
    quiet = 0
    while True:
        for candidate in order:
            if quiet == np.count_nonzero(weights) - len(medoids):
                return medoids
            if candidate in medoids:
                continue
            change = changes(D, medoids, weights, loss)[candidate]
            quiet += 1
            if change.min() < -TOL * loss(D, medoids, weights):
                medoids = swapped(medoids, np.argmin(change), candidate)
                quiet = 0


@given(problem=problems(distinct=True, weighted=False), data=st.data())
def test_fasterpam_makes_the_swaps_of_one_candidate_after_the_other(problem, data):
    search, D, weights = problem
    order = np.array(data.draw(st.permutations(range(len(D)))))
    expected = textbook_fasterpam(D, search.medoids, weights, order, total_deviation)
    list(eager(search, order, TOL))
    assert_array_equal(search.medoids, expected)


@pytest.mark.parametrize("depth", [2, 3])
@given(data=st.data())
def test_eager_losses_fall_to_a_local_optimum(depth, data):
    search, D, weights = data.draw(problems(depth))
    losses = [search.loss()]
    for swaps, _ in eager(search, np.random.default_rng(0).permutation(search.objects), TOL):
        losses.append(search.loss())
        assert losses[-1] <= losses[-2]
        assert (losses[-1] < losses[-2]) == (swaps > 0)
    check_caches(search, D, weights)
    assert changes(D, search.medoids, weights, LOSS[depth]).min() > -1e-9


@given(problem=problems())
def test_random_neighbors_lower_the_loss(problem):
    search, D, weights = problem
    before = search.loss()
    random_state = np.random.RandomState(0)
    for swaps, done in random_neighbors(search, len(D), TOL, random_state):
        assert swaps <= 1
        assert search.loss() < before or done
        before = search.loss()
    # All neighbours were drawn.
    assert changes(D, search.medoids, weights, total_deviation).min() > -1e-9


@given(problem=problems())
def test_alternation_lowers_the_loss_to_medoids_of_their_clusters(problem):
    search, D, weights = problem
    before = search.loss()
    for _ in alternate(search):
        assert search.loss() <= before
        before = search.loss()
    for slot, medoid in enumerate(search.medoids):
        members = (search.slots[0] == slot) & (weights > 0)
        sums = D[np.ix_(members, members)] @ weights[members]
        assert sums.min() == sums[np.flatnonzero(members) == medoid]


@given(D=matrices(), k=st.integers(1, 4))
def test_adding_medoids_finds_the_best_to_add(D, k):
    weights = np.ones(len(D))
    search = Search(Matrix(D, 1), weights, depth=1).start([0])
    for slot in range(1, k):
        losses = {
            candidate: total_deviation(D, np.append(search.medoids, candidate), weights)
            for candidate in range(len(D))
            if candidate not in search.medoids
        }
        change, candidate, _ = search.best()
        assert losses[candidate] == min(losses.values()) == search.loss() + change
        search.swap(candidate, slot)
        assert_array_equal(search.near[0], D[search.medoids].min(axis=0))


def run(source, medoids, depth=2):
    search = Search(source, np.ones(source.n), depth).start(medoids)
    swaps = [n for n, _ in eager(search, np.arange(source.n), TOL)]
    return search, sum(swaps)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("n_features", [1, 3, 40, 150])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("squared", [False, True])
def test_all_sources_lead_to_the_same_medoids(depth, n_features, dtype, squared):
    # Whole numbers of few digits: their squared distances are exact however they are summed.
    rng = np.random.default_rng(n_features)
    scales = np.maximum(1, 16 // np.arange(1, n_features + 1))
    X = rng.integers(-12, 13, (700, n_features)) * scales
    X[::7] = X[0]
    X = X.astype(dtype)
    medoids = rng.permutation(len(X))[:12]
    D = np.sum((X[:, np.newaxis].astype(np.float64) - X) ** 2, axis=-1).astype(dtype)
    D = D if squared else np.sqrt(D)
    expected, n_swaps = run(Matrix(D, 1), medoids, depth)
    sources = [Matrix(D, 2), Condensed(squareform(D), 2), Euclidean(X, squared, 2)]
    if squared:  # scikit-learn rounds the roots of float32 in another way
        sources.append(Metric(X, "sqeuclidean", {}, 2))
    assert n_swaps > 5
    for source in sources:
        search, n = run(source, medoids, depth)
        assert_array_equal(search.medoids, expected.medoids)
        assert_array_equal(search.near, expected.near)
        assert n == n_swaps


def test_bounds_in_few_dimensions_are_used_where_they_pay():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 10)) @ rng.normal(size=(10, 300))
    X = (X + 0.1 * rng.normal(size=X.shape)).astype(np.float32)
    source = Euclidean(X, False, 1)
    Search(source, np.ones(len(X))).start(np.arange(50))
    assert source.n_dimensions < 100
    assert source.coordinates.shape == (len(X), source.n_dimensions + 1)
    noise = Euclidean(rng.normal(size=(1500, 300)).astype(np.float32), False, 1)
    Search(noise, np.ones(len(X))).start(np.arange(5))
    assert noise.n_dimensions == 300


@given(seed=st.integers(0, 2**32 - 1), offset=st.sampled_from([0.0, 1e3]))
def test_bounds_never_hide_a_near_object(seed, offset):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 80)) * np.geomspace(10, 0.01, 80) + offset
    X[rng.integers(0, 300, 50)] += 1e-3
    X = X.astype(np.float32)
    source = Euclidean(X, False, 1)
    search = Search(source, np.ones(300)).start(rng.permutation(300)[:10])
    exact = source.rows(np.arange(300))[0]
    assert_array_equal(search.near, np.sort(exact[search.medoids], axis=0)[:2])
    rows, at = source.candidates(np.arange(200))
    shifts = -0.5 * (1 - source.coding[2]) * source.coding[1][:200]
    flagged = rows[at] < search.bounds + shifts[:, np.newaxis]
    assert np.all(flagged[exact[:200] < search.near[-1]])


@pytest.mark.parametrize("depth", [2, 3])
def test_threads_do_not_change_a_bit(depth):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 40)).astype(np.float32)
    medoids = rng.permutation(1200)[:30]
    results = []
    for n_threads in (1, 2, 3):
        for source in (Euclidean(X, False, n_threads), Euclidean(X, False, n_threads).matrix()):
            search, n_swaps = run(source, medoids, depth)
            results.append((search.medoids.tolist(), search.near.tobytes(), n_swaps))
    # Kept distances are rounded in another way than those computed anew.
    assert results[0] == results[2] == results[4]
    assert results[1] == results[3] == results[5]


def test_ties_do_not_cycle():
    # Corners of a cube: every swap has many twins.
    X = np.array(list(product([0.0, 1.0], repeat=6)), dtype=np.float32)
    search = Search(Euclidean(X, False, 1), np.ones(64)).start(np.arange(8))
    rounds = list(islice(eager(search, np.arange(64), TOL), 50))
    assert rounds[-1][1] and len(rounds) < 50


def test_swaps_stop_at_what_was_asked_for():
    rng = np.random.default_rng(1)
    D = squareform(rng.random(19900))
    search = Search(Matrix(D, 1), np.ones(200)).start(np.arange(10))
    search.refresh()
    n_swaps, _ = search.sweep(np.arange(200), 0.0, 0, 190, max_swaps=3)
    assert n_swaps == 3
    _, quiet = search.sweep(np.arange(200), 1e9, 0, 17)
    assert quiet == 17


def test_kernels_refuse_arrays_that_do_not_fit():
    D = squareform(np.ones(6))
    search = Search(Matrix(D, 1), np.ones(4)).start([0, 1])
    search.weights = np.ones(3)
    with pytest.raises(ValueError, match="weights has 3 entries, expected 4"):
        search.best()
    with pytest.raises(ValueError, match="rows has shape"):
        Search(Matrix(D[:3], 1), np.ones(3)).start([0, 1])


def test_weights_count_like_copies():
    rng = np.random.default_rng(3)
    X = rng.integers(0, 50, (60, 2)).astype(float)
    weights = rng.integers(1, 4, 60)
    copies = np.repeat(np.arange(60), weights)
    light = Search(Euclidean(X, False, 1), weights.astype(float)).start([3, 7, 9])
    heavy = Search(Euclidean(X[copies], False, 1), np.ones(len(copies)))
    heavy.start(np.searchsorted(copies, [3, 7, 9]))
    list(steepest(light, TOL))
    list(steepest(heavy, TOL))
    assert_array_equal(X[light.medoids], X[copies][heavy.medoids])
    assert light.loss() == pytest.approx(heavy.loss())
