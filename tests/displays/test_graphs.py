"""Displays of graphs and of communities at several resolutions."""

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from sklearn.cluster import KMeans

from skdeepcluster import Leiden
from skdeepcluster.displays import CommunityHierarchyDisplay, GraphDisplay
from skdeepcluster.displays._common import label_color

KARATE = nx.karate_club_graph()
MODEL = Leiden(affinity="precomputed", resolution=[0.5, 1.0, 2.0], random_state=0).fit(KARATE)


def test_the_graph_of_an_estimator():
    display = GraphDisplay.from_estimator(MODEL)
    assert display.places.shape == (34, 2) and np.isfinite(display.places).all()
    assert {tuple(sorted(edge)) for edge in KARATE.edges} == set(map(tuple, display.edges))
    assert len(display.edges_.get_segments()) == 78
    expected = [to_rgba(label_color(label)) for label in MODEL.labels_]
    np.testing.assert_allclose(display.nodes_.get_facecolors(), expected)
    assert len(display.legend_.get_texts()) == MODEL.n_clusters_
    np.testing.assert_array_equal(GraphDisplay.from_estimator(MODEL).places, display.places)


def test_edges_between_clusters_are_gray():
    display = GraphDisplay.from_predictions(np.ones((3, 3)) - np.eye(3), [0, 0, 1])
    colors = dict(zip(map(tuple, display.edges), display.edges_.get_colors(), strict=True))
    assert to_rgba(colors[0, 1], 1) == to_rgba(label_color(0))
    np.testing.assert_allclose(colors[0, 2][:3], 0.55)


def test_nodes_that_edges_join_are_near():
    graph = nx.connected_caveman_graph(4, 12)
    display = GraphDisplay.from_predictions(graph, np.repeat(np.arange(4), 12))
    centers = display.places.reshape(4, 12, 2).mean(axis=1)
    spread = np.linalg.norm(display.places.reshape(4, 12, 2) - centers[:, None], axis=2).mean()
    apart = np.linalg.norm(centers[:, None] - centers, axis=2)[np.triu_indices(4, 1)].min()
    assert apart > 2 * spread


def test_small_graphs_and_those_without_edges():
    for n in (1, 2, 3, 9):
        assert GraphDisplay.from_predictions(np.zeros((n, n)), np.zeros(n, int)).places.shape == (
            n,
            2,
        )


def test_given_places():
    places = np.random.default_rng(0).random((34, 2))
    display = GraphDisplay.from_predictions(KARATE, MODEL.labels_, places=places, legend=False)
    np.testing.assert_array_equal(display.nodes_.get_offsets(), places)
    assert display.legend_ is None
    with pytest.raises(ValueError, match=r"places has shape \(33, 2\)"):
        GraphDisplay.from_predictions(KARATE, MODEL.labels_, places=places[1:])
    with pytest.raises(ValueError, match="labels has 3 entries for 34 nodes"):
        GraphDisplay.from_predictions(KARATE, [0, 1, 2])


def test_estimators_without_a_graph_or_layers():
    kmeans = KMeans(2, random_state=0).fit(np.random.default_rng(0).random((9, 2)))
    with pytest.raises(TypeError, match="no graph to draw"):
        GraphDisplay.from_estimator(kmeans)
    with pytest.raises(TypeError, match="no layer to draw"):
        CommunityHierarchyDisplay.from_estimator(kmeans)


def test_heights_are_sizes_and_bands_are_shared_nodes():
    display = CommunityHierarchyDisplay.from_estimator(MODEL)
    sizes = [sorted(np.unique(layer, return_counts=True)[1]) for layer in display.layers]
    assert [len(s) for s in sizes] == sorted(len(s) for s in sizes)
    for bars, expected in zip(display.bars_, sizes, strict=True):
        np.testing.assert_allclose(sorted(bar.get_height() for bar in bars), expected)
    for (one, other), band in zip(
        zip(display.layers, display.layers[1:], strict=False), display.bands_, strict=True
    ):
        counts = np.unique(np.column_stack([one, other]), axis=0, return_counts=True)[1]
        outlines = [path.vertices for path in band.get_paths()]
        widths = [float(v[len(v) // 2 :, 1].max() - v[: len(v) // 2, 1].max()) for v in outlines]
        np.testing.assert_allclose(sorted(widths), sorted(counts), atol=1e-9)
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == display.names


def test_nested_layers_do_not_cross():
    fine = np.random.default_rng(0).integers(0, 8, 200)
    display = CommunityHierarchyDisplay.from_layers([fine, fine // 2, fine // 4])
    for bars in display.bars_:
        ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in bars]
        assert all(b[0] >= a[1] for a, b in zip(ends, ends[1:], strict=False))
    first = [bar.get_facecolor() for bar in display.bars_[0]]
    last = [bar.get_facecolor() for bar in display.bars_[-1]]
    assert last == [color for color in first for _ in range(4)]


def test_names_of_layers():
    display = CommunityHierarchyDisplay.from_layers([[0, 1, 2], [0, 0, 0]], names=["b", "a"])
    assert display.names == ["a", "b"]
    with pytest.raises(ValueError, match="names has 1 entries for 2 layers"):
        CommunityHierarchyDisplay.from_layers([[0, 1], [0, 0]], names=["a"])
    with pytest.raises(ValueError, match="labelings of the same nodes"):
        CommunityHierarchyDisplay.from_layers([[0, 1], [0]])


def test_given_axes():
    _, axes = plt.subplots(1, 2)
    assert GraphDisplay.from_estimator(MODEL, ax=axes[0]).ax_ is axes[0]
    assert CommunityHierarchyDisplay.from_estimator(MODEL, ax=axes[1]).figure_ is axes[1].figure
