"""WeightedFlowDiffusion: the optimum, that it is local, and what it finds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import block_diag, csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import WeightedFlowDiffusion
from skdeepcluster._kernels._flow_diffusion import diffuse, sweep

PATH = csr_array(np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1))


def run(A, seeds, mass, sinks=None, tol=1e-9):
    A = csr_array(A)
    degrees = A.sum(axis=1)
    seeds = np.array(seeds, np.int32)
    nodes, heights, masses, _, ending = diffuse(
        A.indptr.astype(np.int64), A.indices.astype(np.int32), A.data, degrees,
        np.ones(A.shape[0]) if sinks is None else sinks, seeds,
        np.full(len(seeds), mass / len(seeds)), tol, 1e5,
    )  # fmt: skip
    x, m = np.zeros(A.shape[0]), np.zeros(A.shape[0])
    x[nodes], m[nodes] = heights, masses
    return x, m, ending, len(nodes)


def fit(A, seeds, **params):
    return WeightedFlowDiffusion(seeds=seeds, affinity="precomputed", **params).fit(A)


def weighted_graph(seed, n=40):
    rng = np.random.default_rng(seed)
    graph = nx.connected_watts_strogatz_graph(n, 4, 0.3, seed=seed)
    for _, _, edge in graph.edges(data=True):
        edge["weight"] = rng.uniform(0.2, 2)
    return nx.to_numpy_array(graph)


def test_a_path_by_hand():
    x, m, ending, _ = run(PATH, [2], 3.0)
    np.testing.assert_allclose(x, [0, 0, 1, 0, 0])
    np.testing.assert_allclose(m, [0, 1, 1, 1, 0])
    assert ending == 0
    x, m, ending, _ = run(PATH, [2], 5.0)
    np.testing.assert_allclose(x, [0, 1, 3, 1, 0], atol=1e-6)
    np.testing.assert_allclose(m, 1, atol=1e-6)


@given(st.integers(0, 10**6), st.floats(1.5, 20))
@settings(max_examples=25, deadline=None)
def test_heights_solve_the_quadratic_program(seed, mass):
    A = weighted_graph(seed)
    seeds = [seed % 40, (seed // 40) % 40]
    seeds = sorted(set(seeds))
    x, m, ending, _ = run(A, seeds, mass)
    L = np.diag(A.sum(axis=1)) - A
    delta = np.zeros(40)
    delta[seeds] = mass / len(seeds)
    assert ending == 0
    np.testing.assert_allclose(m, delta - L @ x, atol=1e-6)
    assert m.sum() == pytest.approx(mass, rel=1e-9)
    assert (m <= 1 + 1e-8).all() and (x >= 0).all()
    np.testing.assert_allclose(x * (1 - m), 0, atol=1e-6)
    best = minimize(
        lambda z: z @ L @ z / 2 - z @ (delta - 1), x * 0 + 0.1, jac=lambda z: L @ z - delta + 1,
        bounds=[(0, None)] * 40, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9,
                                                             "maxiter": 10000},
    )  # fmt: skip
    np.testing.assert_allclose(x, best.x, atol=1e-4 * max(1, best.x.max()))


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_cluster_is_connected_and_grows_with_the_mass(seed):
    A = weighted_graph(seed)
    supports = [run(A, [5], mass)[0] > 0 for mass in (2.0, 5.0, 15.0)]
    for smaller, larger in zip(supports, supports[1:], strict=False):
        assert (larger | ~smaller).all()
    for inside in supports:
        assert inside[5]
        assert connected_components(A[np.ix_(inside, inside)])[0] == 1


def test_unrelated_nodes_are_not_touched():
    A = csr_array(weighted_graph(0))
    many = csr_array(block_diag([A, nx.to_scipy_sparse_array(nx.path_graph(100_000))]))
    few = fit(A, [3], target_size=8, factor=1.5, sink="uniform")
    more = fit(many, [3], target_size=8, factor=1.5, sink="uniform")
    one, other = (model.query([3], target_size=8) for model in (few, more))
    assert one.n_reached == other.n_reached < 40
    np.testing.assert_array_equal(one.nodes, other.nodes)
    np.testing.assert_allclose(one.heights, other.heights, rtol=1e-3)


def test_the_sweep_is_the_cut_of_each_prefix():
    A = weighted_graph(1)
    order = np.random.default_rng(0).permutation(40)[:25].astype(np.int32)
    S = csr_array(A)
    cuts, volumes = sweep(
        S.indptr.astype(np.int64), S.indices.astype(np.int32), S.data, A.sum(axis=1), order
    )
    for i in range(25):
        inside = np.isin(np.arange(40), order[: i + 1])
        assert cuts[i] == pytest.approx(A[inside][:, ~inside].sum())
        assert volumes[i] == pytest.approx(A[inside].sum())


@pytest.fixture(scope="module")
def planted():
    """A cluster that the edges hardly show."""
    rng = np.random.default_rng(0)
    n, k = 2000, 200
    y = np.arange(n) < k
    i, j = np.triu_indices(n, 1)
    p = np.where(y[i] & y[j], 0.05, 0.006)
    drawn = rng.random(len(i)) < p
    A = csr_array((np.ones(drawn.sum()), (i[drawn], j[drawn])), shape=(n, n))
    mean = np.where(y[:, None], 1.0, -1.0) * 0.9
    return mean + rng.normal(size=(n, 12)), csr_array(A + A.T), y


def test_attributes_guide_the_flow(planted):
    X, A, y = planted

    def f1(gamma):
        model = WeightedFlowDiffusion(seeds=[7], target_size=200, gamma=gamma, sink="uniform").fit(
            X, adjacency=A
        )
        inside = model.labels_ == 0
        hits = (inside & y).sum()
        return 2 * hits / (inside.sum() + y.sum())

    assert f1("scale") > 0.9
    assert f1(0) < 0.6


def test_weights_by_attributes(planted):
    X, A, _ = planted
    model = WeightedFlowDiffusion(seeds=[0], target_size=50, gamma=0.3).fit(X, adjacency=A)
    i = int(A.indices[0])
    indptr, indices, weights = model._weighted
    expected = np.exp(-0.3 * np.square(X[0] - X[i]).sum())
    assert weights[0] == pytest.approx(expected) and indices[0] == i
    plain = WeightedFlowDiffusion(seeds=[0], target_size=50, gamma=0).fit(X, adjacency=A)
    ones = fit(A, [0], target_size=50)
    np.testing.assert_array_equal(plain.labels_, ones.labels_)


def test_mass_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="cannot keep a mass of 6"):
        fit(PATH, [2], target_size=4, factor=1.5, sink="uniform")
    apart = csr_array(block_diag([PATH, PATH]))
    model = fit(apart, [2], target_size=2, sink="uniform")
    with pytest.raises(ValueError, match="cannot keep"):
        model.query([2], target_size=6)


def test_diffusions_that_do_not_converge_warn():
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        fit(PATH, [2], target_size=3, factor=1.6, max_iter=1, sink="uniform", tol=1e-9)


def test_a_partition():
    graph = nx.connected_caveman_graph(4, 12)
    model = WeightedFlowDiffusion(4, affinity="precomputed", sink="uniform").fit(graph)
    y = np.repeat(np.arange(4), 12)
    known = model.labels_ >= 0
    assert known.mean() > 0.9 and len(set(model.seeds_)) == 4
    from skdeepcluster.metrics import purity

    assert purity(y[known], model.labels_[known]) > 0.9
    assert model.embedding_.shape == (48, 4) and model.conductances_.shape == (4,)


def test_cuts_of_the_sweep_have_no_larger_conductance():
    A = weighted_graph(3)
    support = fit(A, [0], target_size=10, factor=1.5)
    swept = fit(A, [0], target_size=10, factor=1.5, cut="sweep")
    assert swept.conductances_[0] <= support.conductances_[0]
    inside = swept.labels_ == 0
    volume = min(A[inside].sum(), A[~inside].sum())
    assert swept.conductances_[0] == pytest.approx(A[inside][:, ~inside].sum() / volume)


def test_seeds_without_edges():
    A = np.zeros((6, 6))
    A[:5, :5] = PATH.toarray()
    with pytest.warns(UserWarning, match="no edges"):
        np.testing.assert_array_equal(fit(A, [5]).labels_, [-1, -1, -1, -1, -1, 0])


@pytest.mark.parametrize(
    "seeds, message",
    [([9], "nodes are 0 to 4"), ([-1], "from -1"), ([0.5], "not numbers"), ([], "not")],
)
def test_bad_seeds(seeds, message):
    with pytest.raises(ValueError, match=message):
        fit(PATH, seeds)
