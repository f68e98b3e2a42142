"""Suggestions for data of each kind: they can be fitted, and are what the data call for."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.pipeline import Pipeline

from skdeepcluster import NClustersSearch, NeighborClusterer, suggest
from skdeepcluster.overview._data import differ_in_units, look

RNG = np.random.default_rng(0)
ROWS, Y = make_blobs(150, n_features=4, centers=3, cluster_std=0.5, random_state=0)
FRAME = pd.DataFrame(
    {
        "age": 20.0 + 20 * Y + RNG.normal(size=150),
        "town": np.where(RNG.random(150) < 0.1, None, "Bonn"),
        "job": np.array(["baker", "clerk", "nurse"], dtype=object)[Y],
    }
)
# Five of eight words of a topic, and one that all have.
TEXTS = [" ".join([f"w{8 * i + j}" for j in RNG.permutation(8)[:5]] + ["the"]) for i in Y]
GRAPH = csr_array((Y[:, np.newaxis] == Y) * (RNG.random((150, 150)) < 0.2), dtype=float)
GRAPH = ((GRAPH + GRAPH.T) > 0).astype(float)

KINDS = {
    "rows": ROWS,
    "column": ROWS[:, :1],
    "images": ROWS.reshape(150, 2, 2),
    "sparse": csr_array(RNG.poisson(0.05 + 0.5 * (np.arange(60) % 3 == Y[:, np.newaxis]))),
    "table": FRAME,
    "texts": TEXTS,
    "graph": GRAPH,
    "distances": pairwise_distances(ROWS),
}


def last(estimator):
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def brief(estimator):
    """The same with fewer numbers of clusters to try."""
    params = {"max_clusters": 5, "n_repeats": 2}
    return estimator.set_params(
        **{
            name: params[name.rpartition("__")[2]]
            for name in estimator.get_params()
            if name.rpartition("__")[2] in params
        }
    )


def names(suggestions):
    return [type(last(estimator)).__name__ for estimator, _ in suggestions]


@pytest.mark.parametrize("n_clusters", [3, None])
@pytest.mark.parametrize("kind", KINDS)
def test_all_suggestions_fit_the_data(kind, n_clusters):
    X = KINDS[kind]
    assert look(X).kind == kind
    suggestions = suggest(X, n_clusters=n_clusters)
    assert len(suggestions) == 3 and len(set(map(str, suggestions))) == 3
    scores = []
    for estimator, why in suggestions:
        assert why and why in repr(suggestions)
        labels = brief(estimator).fit_predict(X)
        assert labels.shape == (150,)
        if getattr(last(estimator), "n_clusters", getattr(last(estimator), "n_components", None)):
            assert len(np.unique(labels)) == 3
        scores.append(adjusted_rand_score(Y, labels))
    # Some way of looking at them finds the planted groups.
    assert max(scores) > (0.5 if kind == "column" else 0.95)


def test_columns_in_different_units_are_scaled():
    X, y = load_wine(return_X_y=True)
    suggestions = suggest(X, n_clusters=3)
    assert "columns in different units" in suggestions.facts
    raw = adjusted_rand_score(y, KMeans(3, n_init=10, random_state=0).fit_predict(X))
    scores = [adjusted_rand_score(y, e.fit_predict(X)) for e, _ in suggestions]
    assert min(scores) > raw + 0.2
    assert differ_in_units(X) and not differ_in_units(load_digits().data)


def test_the_first_is_the_general_choice_and_the_baseline_is_there():
    assert names(suggest(ROWS, n_clusters=3))[:2] == ["NeighborClusterer", "KMeans"]
    assert names(suggest(KINDS["texts"], n_clusters=3))[:2] == ["NeighborClusterer", "KMeans"]


def test_networks_are_suggested_for_many_alike_columns_and_rows():
    X = load_digits().data
    assert names(suggest(X, n_clusters=10))[2] == "DEC"
    assert "DEC" not in names(suggest(X[:500], n_clusters=10))
    assert "DEC" not in names(suggest(X[:, :20], n_clusters=10))


def test_without_torch_no_network_is_suggested(monkeypatch):
    monkeypatch.setattr("skdeepcluster.overview._suggest.find_spec", lambda name: None)
    assert names(suggest(load_digits().data, n_clusters=10))[2] != "DEC"


def test_many_rows_get_methods_for_many_rows():
    rows = RNG.normal(size=(12_000, 3))
    frame = pd.DataFrame({"a": rows[:, 0], "b": np.where(rows[:, 1] > 0, "x", "y")})
    assert names(suggest(frame, n_clusters=4))[0] == "CLARA"
    assert names(suggest(rows, n_clusters=4, random_state=3))[0] == "NeighborClusterer"
    million = np.broadcast_to(rows[:2], (600_000, 2, 3)).reshape(-1, 3)
    assert names(suggest(million, n_clusters=4)) == [
        "LandmarkSpectral", "HierarchicalKMeans", "GaussianMixture",
    ]  # fmt: skip
    assert names(suggest(million[:50_000], n_clusters=1000))[1] == "HierarchicalKMeans"


def test_density_in_many_columns_is_that_of_a_layout():
    narrow, wide = (suggest(RNG.normal(size=(300, d)))[1].estimator for d in (8, 40))
    assert not isinstance(narrow, Pipeline)
    assert [type(step).__name__ for _, step in wide.steps] == ["NeighborLayout", "HDBSCAN"]
    assert names(suggest(RNG.normal(size=(300, 2))))[0] == "HDBSCAN"


def test_arrays_of_objects_and_gaps_are_tables():
    mixed = np.array([[1.0, "a"], [2.0, "b"], [None, "a"], [5.0, "b"]] * 5, dtype=object)
    data = look(mixed)
    assert (data.kind, data.numeric, data.categorical) == ("table", [0], [1])
    assert suggest(mixed, n_clusters=2)[0].estimator.fit_predict(mixed).shape == (20,)
    gaps = np.where(RNG.random(ROWS.shape) < 0.1, np.nan, ROWS)
    assert look(gaps).kind == "table"
    for estimator, _ in suggest(gaps, n_clusters=3):
        assert adjusted_rand_score(Y, estimator.fit_predict(gaps)) > 0.7


def test_items_of_a_dataset_get_networks():
    class Items:
        def __len__(self):
            return 500

        def __getitem__(self, i):
            return np.zeros((1, 8, 8), np.float32)

    assert names(suggest(Items(), n_clusters=4)) == ["DEC", "SwAV", "AutoencoderClusterer"]
    assert names(suggest(Items())) == ["AutoencoderClusterer"] * 3


def test_the_random_state_is_passed_on():
    for estimator, _ in suggest(ROWS, n_clusters=3, random_state=7):
        assert last(estimator).random_state == 7


def test_what_cannot_be_looked_at_is_said():
    with pytest.raises(ValueError, match="no rows"):
        suggest(np.empty((0, 3)))
    with pytest.raises(ValueError, match="n_clusters=9 should be <= n_samples=4"):
        suggest(ROWS[:4], n_clusters=9)
    with pytest.raises(ValueError, match=r"X.reshape\(-1, 1\)"):
        suggest([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no words in common"):
        suggest(["one", "two", "three"])
    with pytest.raises(ValueError, match="infinity"):
        suggest([[1.0, np.inf], [2.0, 3.0]])


def test_graphs_in_more_parts_than_clusters_have_their_own_number():
    blocks = csr_array(np.kron(np.eye(5), np.ones((6, 6))))
    assert suggest(blocks, n_clusters=3)[0].estimator.n_clusters is None
    assert suggest(GRAPH, n_clusters=3)[0].estimator.n_clusters == 3


def test_columns_of_two_values_beside_others_are_left_to_k_means():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(300, 4)), np.eye(2)[rng.integers(0, 2, 300)]])
    assert isinstance(suggest(X)[0].estimator, NClustersSearch)
    found = suggest(X, n_clusters=3)
    assert "columns of two values beside others" in found.facts
    assert isinstance(found[0].estimator, KMeans)
    assert not any(isinstance(estimator, NeighborClusterer) for estimator, _ in found)
    assert "columns of two values beside others" not in suggest(X[:, :4]).facts
