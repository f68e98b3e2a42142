"""HyperTrack: cells, edges, losses and networks against slow references, and what it learns."""

import itertools

import numpy as np
import pytest
import sklearn
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HyperTrack
from skdeepcluster.algorithms.groups import in_order
from skdeepcluster.graph._cells import (
    divided,
    edges_within_sets,
    linked_cells,
    links_of_objects,
    object_links,
    spanning_links,
)
from skdeepcluster.graph._edge_network import EdgeNetwork, MemberNetwork, reversed_edges
from skdeepcluster.graph._members import (
    best_threshold,
    candidates,
    completed,
    dense_pieces,
    grown,
    known_objects,
    majority,
    padded,
    pieces,
)
from skdeepcluster.graph._set_losses import edge_terms, focal, intersection, object_contrast
from tests.common import torch_generator

BRIEF = {
    "n_components": 8, "n_layers": 1, "n_seeds": 2, "pretrain_epochs": 1, "max_epochs": 1,
    "random_state": 0,
}  # fmt: skip
seeds = st.integers(0, 10**6)
few = settings(max_examples=15, deadline=None)


def tracks(n_sets, n_tracks=4, n_points=8, seed=0):
    """Level tracks whose points are nearer to those of other tracks than to each other."""
    rng = np.random.default_rng(seed)
    n = n_sets * n_tracks
    X = np.empty((n, n_points, 2))
    X[:, :, 0] = np.arange(n_points) + rng.uniform(0, 1, (n, 1))
    X[:, :, 1] = (np.arange(n) % n_tracks)[:, None] * 0.5 + rng.uniform(0, 0.3, (n, 1))
    # No band of the plane is that of a track.
    X[:, :, 1] += np.repeat(rng.uniform(0, 0.5, n_sets), n_tracks)[:, None]
    X = (X + rng.normal(scale=0.02, size=X.shape)).reshape(-1, 2)
    return X, np.repeat(np.arange(n), n_points), np.repeat(np.arange(n_sets), n_tracks * n_points)


def agreement(y, labels, groups):
    return np.mean(
        [adjusted_rand_score(y[groups == s], labels[groups == s]) for s in np.unique(groups)]
    )


def random_graph(rng, n, density=0.3):
    """Probabilities of edges in both directions."""
    P = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return csr_array(P + P.T)


# -- cells and edges -----------------------------------------------------------------------------


@given(seeds, st.integers(1, 12))
@few
def test_links_of_an_object(seed, n):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    tree = spanning_links(points)
    D = cdist(points, points)
    assert len(tree) == n - 1
    assert D[tuple(tree.T)].sum() == pytest.approx(minimum_spanning_tree(D).sum())
    hops = shortest_path(csr_array((np.ones(n - 1), tree.T), shape=(n, n)), directed=False)
    for kind, most in (("tree", 1), ("hops", 2), ("all", n)):
        expected = {(i, j) for i, j in itertools.combinations(range(n), 2) if hops[i, j] <= most}
        found = [tuple(sorted(link)) for link in object_links(points, kind).tolist()]
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_points_that_are_the_same_are_one_tree():
    assert len({*spanning_links(np.zeros((5, 2))).ravel()}) == 5


@given(seeds, st.integers(1, 30), st.integers(1, 6), st.integers(1, 2))
@few
def test_edges_are_pairs_of_one_set_in_linked_cells(seed, n, n_cells, min_count):
    rng = np.random.default_rng(seed)
    cells, sets = rng.integers(n_cells, size=n), rng.integers(3, size=n)
    links = rng.integers(n, size=(8, 2))
    keys = linked_cells(cells, links, n_cells, min_count)
    counts = {}
    for i, j in links:
        pair = tuple(sorted((cells[i], cells[j])))
        counts[pair] = counts.get(pair, 0) + 1
    kept = {pair for pair, count in counts.items() if count >= min_count}
    assert {tuple(sorted(divmod(key, n_cells))) for key in keys.tolist()} == kept
    expected = [
        [i, j]
        for i, j in itertools.product(range(n), repeat=2)
        if i != j and sets[i] == sets[j] and tuple(sorted((cells[i], cells[j]))) in kept
    ]
    assert edges_within_sets(cells, sets, keys, n_cells).tolist() == expected


def test_all_links_of_the_training_sets_are_edges():
    X, y, groups = tracks(10)
    X = X.astype(np.float32)
    links = links_of_objects(X, np.where(y % 4 == 0, -1, y), "all")
    assert not np.any(y[links] % 4 == 0)
    assert len(links) == 28 * np.sum(np.arange(40) % 4 > 0)
    centers, keys, recall = divided(X, links, np.zeros(len(X), dtype=bool), 16)
    cells = cdist(X, centers).argmin(axis=1)
    edges = edges_within_sets(cells, groups, keys, len(centers))
    assert recall == 1
    assert set(map(tuple, links.tolist())) <= set(map(tuple, edges.tolist()))


def test_there_are_as_many_cells_as_held_out_links_allow():
    X, y, groups = tracks(60)
    X = X.astype(np.float32)
    links = links_of_objects(X, y, "tree")
    held = groups >= 40
    centers, keys, recall = divided(X, links, held)
    assert recall >= 0.99
    assert len(centers) > 1
    finer = divided(X, links, held, 2 * len(centers))
    assert finer[2] < 0.99 or 2 * len(centers) > (~held).sum() // 20
    assert len(keys) < len(centers) ** 2


# -- losses --------------------------------------------------------------------------------------


@given(seeds, st.floats(0, 3), st.booleans())
@few
def test_focal(seed, gamma, balanced):
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=20, scale=3), rng.integers(2, size=20)
    p = 1 / (1 + np.exp(-logits))
    right = np.where(target > 0, p, 1 - p)
    loss = -np.log(right) * (1 - right) ** gamma
    expected = loss.mean()
    if balanced and 0 < target.sum() < 20:
        expected = 0.5 * loss[target > 0].mean() + 0.5 * loss[target == 0].mean()
    logits, target = torch.tensor(logits), torch.tensor(target, dtype=torch.float64)
    found = focal(logits, target, gamma, balanced)
    assert found.item() == pytest.approx(expected, rel=1e-6)
    plain = F.binary_cross_entropy_with_logits(logits, target).item()
    assert focal(logits, target, 0).item() == pytest.approx(plain)


@given(seeds)
@few
def test_contrast_of_objects(seed):
    rng = np.random.default_rng(seed)
    n, tau = 12, 0.3
    objects = rng.integers(-1, 3, size=n)
    edges = np.stack(random_graph(rng, n, 0.5).nonzero())
    a = np.zeros((n, n))
    a[tuple(edges)] = rng.normal(size=edges.shape[1])
    logits = (a + a.T)[tuple(edges)]
    terms, sizes = [], []
    for o in range(3):
        ends = objects[edges] == o
        # Each edge once.
        within = ends.all(axis=0) & (edges[0] < edges[1])
        leaves = ends.sum(axis=0) == 1
        leaves &= edges[0] < edges[1]
        if within.any():
            e = np.exp(np.tanh(logits) / tau)
            terms.append(-np.log(e[within] / (e[within] + e[leaves].sum())).mean())
            sizes.append(np.sum(objects == o))
    sizes = np.array(sizes)
    expected = (sizes * terms).sum() / sizes.sum() / sizes.mean() if len(sizes) else 0.0
    first, second = torch.tensor(edges)
    found = object_contrast(torch.tensor(logits), first, second, torch.tensor(objects), tau)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_terms_of_edges_that_are_right_vanish():
    objects = torch.tensor([0, 0, 1, 1, -1])
    first, second = torch.tensor(list(itertools.permutations(range(5), 2))).T
    right = (objects[first] == objects[second]).double() * 2 - 1
    terms = edge_terms(first, second, 30 * right, objects)
    assert terms["focal"] < 1e-6
    assert 0 < terms["contrast"] < 0.01
    assert object_contrast(50 * right, first, second, objects, 0.05) < 1e-12
    wrong = edge_terms(first, second, -30 * right, objects)
    assert wrong["contrast"] > 1


def test_losses_of_nothing():
    none = torch.empty(0, requires_grad=True)
    index = torch.empty(0, dtype=torch.int64)
    terms = edge_terms(index, index, none, torch.tensor([0, -1]))
    sum(terms.values()).backward()
    assert all(term == 0 for term in terms.values())


@given(seeds)
@few
def test_intersection(seed):
    rng = np.random.default_rng(seed)
    q, true, inside = rng.random((3, 6)), rng.random((3, 6)) < 0.5, rng.random((3, 6)) < 0.8
    true &= inside
    expected = 0.0
    for i, j in itertools.product(range(3), range(6)):
        if inside[i, j] and q[i, j] > 0.5:
            expected += (-1 if true[i, j] else 1) * q[i, j] / max(1, true[i].sum()) / 3
    q, true, inside = (torch.tensor(array) for array in (q, true, inside))
    assert intersection(q, true, inside).item() == pytest.approx(expected)


# -- networks ------------------------------------------------------------------------------------


def all_edges(n):
    return torch.tensor(list(itertools.permutations(range(n), 2))).T


@given(seeds, st.integers(2, 7))
@few
def test_edges_have_one_score_in_both_directions_whatever_the_order(seed, n):
    generator = torch_generator(seed)
    network = EdgeNetwork(2, 8, 2, generator)
    x = torch.randn(n, 2, generator=generator)
    first, second = all_edges(n)
    z, logits = network(x, first, second)
    back = reversed_edges(first, second, n)
    assert torch.equal(first[back], second)
    torch.testing.assert_close(logits[back], logits, rtol=1e-4, atol=1e-5)
    order = torch.randperm(n, generator=generator)
    place = torch.argsort(order)
    moved_z, moved = network(x[order], place[first], place[second])
    torch.testing.assert_close(moved, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved_z, z[order], rtol=1e-4, atol=1e-5)


def test_sets_in_one_pass_do_not_interact():
    network = EdgeNetwork(2, 8, 2, torch_generator())
    x = torch.randn(9, 2, generator=torch_generator(1))
    one, other = all_edges(4), all_edges(5) + 4
    together = network(x, *torch.cat([one, other], dim=1))
    alone = network(x[4:], *(other - 4))
    torch.testing.assert_close(together[0][4:], alone[0])
    torch.testing.assert_close(together[1][one.shape[1] :], alone[1])


def test_members_depend_on_no_padding_no_order_and_no_place():
    network = MemberNetwork(2, 8, 2, 4, torch_generator())
    generator = torch_generator(1)
    z, x = (torch.randn(1, 7, width, generator=generator) for width in (8, 2))
    inside = torch.tensor([[True] * 5 + [False] * 2])
    found = network(z, x, 2, inside)[:, :5]
    alone = network(z[:, :5], x[:, :5], 2, inside[:, :5])
    torch.testing.assert_close(found, alone)
    torch.testing.assert_close(network(z, x + 3, 2, inside)[:, :5], found, rtol=1e-4, atol=1e-5)
    order = torch.tensor([1, 0, 4, 2, 3])
    moved = network(z[:, order], x[:, order], 2, inside[:, :5])
    torch.testing.assert_close(moved, alone[:, order], rtol=1e-4, atol=1e-5)
    # Who the pivots are makes a difference.
    assert (network(z[:, :5], x[:, :5], 3, inside[:, :5]) - alone).abs().max() > 1e-4


# -- objects from edges --------------------------------------------------------------------------


@given(seeds, st.integers(1, 12), st.floats(0, 0.5))
@few
def test_candidates_grow_by_the_most_probable_edge(seed, n, least):
    rng = np.random.default_rng(seed)
    graph, free = random_graph(rng, n), rng.random(n) < 0.8
    P = graph.toarray()
    expected = [0]
    while len(expected) < 6:
        others = [j for j in range(n) if j not in expected and free[j]]
        if not others or P[np.ix_(expected, others)].max() < max(least, 1e-12):
            break
        expected.append(others[P[np.ix_(expected, others)].max(axis=0).argmax()])
    assert grown(graph, 0, least, 6, free) == expected


def test_target_is_the_object_of_most_pivots():
    assert majority(np.array([3, 1, 1])) == 1
    assert majority(np.array([3, 1, 2])) == 3
    chain = csr_array(np.diag([0.9, 0.8, 0.7], 1) + np.diag([0.9, 0.8, 0.7], -1))
    objects = np.array([0, 1, 1, -1])
    options = {"least": 0.1, "most": 3, "n_pivots": 3}
    rows, inside, true = candidates(chain, [0, 3], objects, **options)
    np.testing.assert_array_equal(rows, [[0, 1, 2], [3, 2, 1]])
    np.testing.assert_array_equal(true, [[False, True, True], [False, True, True]])
    assert inside.all()
    _, _, true = candidates(chain, [3], objects, least=0.1, most=3, n_pivots=1)
    assert not true.any()  # noise is no object


def test_padding():
    rows, inside = padded([[4, 2], [7]])
    np.testing.assert_array_equal(rows[inside], [4, 2, 7])
    np.testing.assert_array_equal(inside, [[True, True], [True, False]])


@given(seeds)
@few
def test_right_scores_give_the_objects(seed):
    rng = np.random.default_rng(seed)
    objects, sets = rng.integers(4, size=30), np.repeat([0, 1], 15)
    objects = 4 * sets + objects
    same = objects[:, None] == objects
    possible = (sets[:, None] == sets) & ~np.eye(30, dtype=bool)
    graph = csr_array(np.where(possible, np.where(same, 0.9, 0.2), 0))
    sizes = np.bincount(objects)[objects]
    expected = np.where(sizes >= 3, objects, -1)

    def members(rows, inside):
        return objects[rows] == objects[rows[:, :1]]

    found = completed(graph, sets, members, least=0.1, most=15, min_size=3)
    for labels in (found, pieces(graph, 0.5, 3), dense_pieces(graph, 0.5, 3)):
        assert adjusted_rand_score(labels, expected) == 1
        np.testing.assert_array_equal(labels < 0, expected < 0)
    threshold = best_threshold(graph, sets, objects, lambda graph, t: pieces(graph, t, 1))
    assert 0.2 < threshold <= 0.9


def test_labels_are_numbered_by_their_first_points():
    found = in_order(np.array([7, -1, 2, 7, 5]))
    np.testing.assert_array_equal(found, [0, -1, 1, 0, 2])
    assert found.dtype == np.int32
    np.testing.assert_array_equal(in_order(np.array([3, 3, 1])), [0, 0, 1])
    np.testing.assert_array_equal(in_order(np.array([-1, -1])), [-1, -1])


def test_known_objects_are_compared_within_sets():
    sets = np.array([0, 0, 1, 1, 1])
    within = known_objects(np.array([0, 1, 0, 0, -1]), sets, None)
    across = known_objects(np.array(["a", "b", "c", "c", "d"]), sets, None)
    np.testing.assert_array_equal(within, [0, 1, 2, 2, -1])
    np.testing.assert_array_equal(across, [0, 1, 2, 2, 3])


# -- the estimator -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def level():
    return tracks(60), tracks(20, seed=1)


LEARNING = {
    "n_components": 16, "n_layers": 2, "n_seeds": 6, "pretrain_epochs": 2, "max_epochs": 8,
    "batch_size": 3, "learning_rate": 4e-3, "random_state": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def learned(level):
    X, y, groups = level[0]
    return HyperTrack(**LEARNING).fit(X, y, groups=groups)


def test_new_tracks_are_found_that_no_distance_separates(learned, level):
    X, y, groups = level[1]
    found = agreement(y, learned.predict(X, groups=groups), groups)
    by_distance = max(
        agreement(y, DBSCAN(eps, min_samples=1).fit_predict(X + 100 * groups[:, None]), groups)
        for eps in np.linspace(0.1, 1.5, 15)
    )
    assert by_distance < 0.4
    assert found > 0.8
    assert learned.edge_recall_ >= 0.99


def test_order_of_points_and_sets_that_are_new(learned, level):
    X, y, groups = level[1]
    labels = learned.predict(X, groups=groups)
    order = np.random.default_rng(0).permutation(len(X))
    moved = learned.predict(X[order], groups=groups[order])
    assert adjusted_rand_score(labels[order], moved) > 0.99
    # A set is clustered for itself, and no label is that of two sets.
    some = groups >= 10
    assert adjusted_rand_score(learned.predict(X[some], groups=groups[some]), labels[some]) > 0.99
    pairs = np.unique(np.stack([groups, labels])[:, labels >= 0], axis=1)
    assert len(np.unique(pairs[1])) == pairs.shape[1]
    np.testing.assert_array_equal(np.unique(labels[labels >= 0]), np.arange(pairs.shape[1]))


def test_training_rows_are_predicted_as_they_are_labeled(learned, level):
    X, y, groups = level[0]
    np.testing.assert_array_equal(learned.predict(X, groups=groups), learned.labels_)
    assert learned.n_clusters_ == learned.labels_.max() + 1
    assert agreement(y, learned.labels_, groups) > 0.8
    assert learned.n_candidates_ == 24
    assert (learned.cell_pairs_ != learned.cell_pairs_.T).nnz == 0


@pytest.mark.parametrize("read_out", ["members", "components", "dbscan"])
def test_read_outs(level, read_out):
    X, y, groups = (array[:640] for array in level[0])
    model = HyperTrack(**BRIEF, read_out=read_out).fit(X, y % 3, groups=groups)
    again = HyperTrack(**BRIEF, read_out=read_out).fit(X, y, groups=groups)
    np.testing.assert_array_equal(model.labels_, again.labels_)
    np.testing.assert_array_equal(model.predict(X, groups=groups), model.labels_)
    terms = {"focal", "contrast"} | ({"member", "set"} if read_out == "members" else set())
    assert model.history_["train"].keys() == terms
    given = HyperTrack(**BRIEF, read_out=read_out, threshold=0.25).fit(X, y, groups=groups)
    assert given.threshold_ == 0.25


def test_held_out_sets_train_nothing(level):
    X, y, groups = (array[:640] for array in level[0])
    model = HyperTrack(**BRIEF, validation_fraction=0.5, read_out="components")
    found = []

    class Watched(HyperTrack):
        def _edge_terms(self, fit, batch):
            found.extend(batch.side.set[batch.side.inside].tolist())
            return super()._edge_terms(fit, batch)

    Watched(**model.get_params()).fit(X, y, groups=groups)
    assert len(set(found)) == 10  # of 20


def test_a_single_set_takes_in_new_rows():
    X, y, _ = tracks(1, n_points=15)
    model = HyperTrack(**BRIEF | {"read_out": "components"}).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    near = model.predict(X + 1e-6)
    np.testing.assert_array_equal(near, model.labels_)
    assert model.predict(X, groups=np.zeros(len(X))).shape == y.shape


def test_groups_are_metadata(level):
    X, y, groups = (array[:320] for array in level[0])
    with sklearn.config_context(enable_metadata_routing=True):
        model = HyperTrack(**BRIEF).set_fit_request(groups=True).set_predict_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y, groups=groups)
        labels = pipeline.predict(X, groups=groups)
    np.testing.assert_array_equal(labels, pipeline[-1].labels_)


def test_objects_that_are_all_noise_single_or_the_same():
    X, y, groups = tracks(12)
    for y_known in (np.full(len(y), -1), np.arange(len(y)), np.zeros(len(y), dtype=int)):
        model = HyperTrack(**BRIEF).fit(X, y_known, groups=groups)
        assert np.isfinite(model.loss_)
        assert model.predict(X[:1], groups=[0]).shape == (1,)
    same = HyperTrack(**BRIEF).fit(np.ones((30, 2)), np.repeat([0, 1, 2], 10))
    assert np.isfinite(same.loss_)


def test_bad_input(level):
    X, y, groups = (array[:320] for array in level[0])
    with pytest.raises(ValueError, match="y has 319 labels, X 320 rows"):
        HyperTrack(**BRIEF).fit(X, y[:-1], groups=groups)
    with pytest.raises(ValueError, match="groups has 319 entries for 320 rows"):
        HyperTrack(**BRIEF).fit(X, y, groups=groups[:-1])
    with pytest.raises(ValueError, match="fractional"):
        HyperTrack(**BRIEF).fit(X, y + 0.5, groups=groups)
    model = HyperTrack(**BRIEF).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="pass the set of each row"):
        model.predict(X)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.ones((4, 3)), groups=np.zeros(4))
    with pytest.raises(ValueError, match="groups has 3 entries for 4 rows"):
        model.predict(np.ones((4, 2)), groups=np.zeros(3))
