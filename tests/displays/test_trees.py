import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import HDBSCAN
from skdeepcluster.displays import CondensedTreeDisplay, DendrogramDisplay
from skdeepcluster.displays._common import NOISE_COLOR, label_color

X, _ = make_blobs(200, centers=[[0, 0], [7, 0], [0, 7]], cluster_std=[0.5, 1, 1], random_state=0)
MODEL = HDBSCAN(10).fit(X)
DISPLAYS = [DendrogramDisplay, CondensedTreeDisplay]


def heights(display):
    return np.sort([segment[:, 1].max() for segment in display.lines_.get_segments()])


@pytest.mark.parametrize("Display", DISPLAYS)
def test_contract(Display):
    display = Display.from_estimator(MODEL)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.figure_ is display.ax_.figure
    _, axes = plt.subplots(1, 2)
    raw = {name: value for name, value in vars(display).items() if not name.endswith("_")}
    copies = {name: np.array(value) for name, value in raw.items()}
    assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1] and not axes[0].has_data()
    for name, value in raw.items():
        assert getattr(display, name) is value
        assert_array_equal(value, copies[name])
    display.figure_.canvas.draw()


@pytest.mark.parametrize("Display", DISPLAYS)
def test_pipeline(Display):
    pipeline = make_pipeline(StandardScaler(), HDBSCAN(10))
    with pytest.raises(NotFittedError):
        Display.from_estimator(pipeline)
    Display.from_estimator(pipeline.fit(X), X)


@pytest.mark.parametrize("Display", DISPLAYS)
def test_estimator_without_a_tree(Display):
    with pytest.raises(TypeError, match="KMeans has no"):
        Display.from_estimator(KMeans(2, n_init=1).fit(X))
    with pytest.raises(NotFittedError):
        Display.from_estimator(HDBSCAN())


def test_all_heights_are_those_of_the_linkage():
    merges = linkage(X, "ward")
    display = DendrogramDisplay.from_linkage(merges, max_leaves=None)
    assert_allclose(heights(display), np.sort(merges[:, 2]))


@pytest.mark.parametrize("max_leaves", [2, 10, 30])
def test_last_merges(max_leaves):
    merges = linkage(X, "average")
    display = DendrogramDisplay.from_linkage(merges, max_leaves=max_leaves)
    assert_allclose(heights(display), merges[-max_leaves + 1 :, 2])
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    sizes = [int(name[1:-1]) if name.startswith("(") else 1 for name in names]
    assert len(sizes) == max_leaves and sum(sizes) == len(X)


def test_merges_of_large_parts():
    display = DendrogramDisplay.from_estimator(MODEL)
    tree = MODEL.condensed_tree_
    splits = 1 / tree.birth[1::2]
    assert_allclose(heights(display), np.sort(splits)[-29:])


def test_no_merge_of_large_parts():
    merges = linkage(np.arange(6.0)[:, None] ** 2)
    display = DendrogramDisplay.from_linkage(merges, min_size=4)
    assert_allclose(heights(display), merges[:, 2])


def test_agglomerative_clustering():
    model = AgglomerativeClustering(3, compute_distances=True).fit(X)
    display = DendrogramDisplay.from_estimator(model, cut=10.0)
    assert_allclose(display.linkage, linkage(X, "ward"), rtol=1e-6)
    assert_allclose(heights(display), display.linkage[-29:, 2])
    assert_array_equal(display.cut_line_.get_ydata(), 10)
    # Merges within a cluster have its color, the two that join clusters are gray.
    colors = [tuple(color[:3]) for color in display.lines_.get_colors()]
    assert sum(color == (0.35,) * 3 for color in colors) == 2
    assert set(colors) - {(0.35,) * 3} <= {to_rgb(label_color(k)) for k in range(3)}
    with pytest.raises(TypeError, match="compute_distances=True"):
        DendrogramDisplay.from_estimator(AgglomerativeClustering(3).fit(X))


@pytest.mark.parametrize("n_clusters", [10, 11, 25])
def test_every_cluster_has_its_color(n_clusters):
    rows = np.repeat(np.arange(n_clusters) * 100.0, 4)[:, None] + [0.0]
    rows[:, 0] += np.tile([0, 1, 2.5, 4.5], n_clusters)
    labels = np.repeat(np.arange(n_clusters), 4)
    display = DendrogramDisplay.from_linkage(linkage(rows), labels=labels, max_leaves=None)
    colors = {to_rgb(color) for color in display.lines_.get_color()}
    assert colors == {to_rgb("0.35"), *(to_rgb(label_color(k)) for k in range(n_clusters))}
    assert len(colors) == n_clusters + 1


def test_infinite_heights_are_drawn_on_top():
    merges = linkage(X[:20])
    merges[-1, 2] = np.inf
    display = DendrogramDisplay.from_linkage(merges)
    assert_allclose(heights(display)[-1], 1.2 * merges[-2, 2])


def test_bad_linkage():
    with pytest.raises(ValueError, match="labels have shape"):
        DendrogramDisplay.from_linkage(linkage(X), labels=[0, 1])
    with pytest.raises(ValueError, match="4 columns"):
        DendrogramDisplay.from_linkage(X)
    with pytest.raises(ValueError, match="min_cluster_size"):
        CondensedTreeDisplay.from_linkage(linkage(X), min_cluster_size=1)


@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(2, 8))
def test_area_is_stability(seed, n, min_cluster_size):
    rows = np.random.default_rng(seed).normal(size=(n, 2)) * [3, 1]
    model = HDBSCAN(min_cluster_size).fit(rows)
    display = CondensedTreeDisplay.from_estimator(model)
    tree = model.condensed_tree_
    for path, stability, birth, death, size in zip(
        display.polygons_.get_paths(),
        tree.stability,
        tree.birth,
        tree.death,
        tree.size,
        strict=True,
    ):
        x, y = path.vertices[:-1].T
        area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
        assert_allclose(area, stability, rtol=1e-6, atol=1e-9 * size * death)
        assert_allclose([y.min(), y.max()], [birth, death])
        assert_allclose(np.ptp(x), size)
    plt.close("all")


def test_clusters_do_not_overlap():
    display = CondensedTreeDisplay.from_estimator(HDBSCAN(5, min_samples=3).fit(X))
    boxes = [path.get_extents() for path in display.polygons_.get_paths()]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide < 1e-9 or high < 1e-9


def test_colors_and_numbers():
    display = CondensedTreeDisplay.from_estimator(MODEL)
    colors = [tuple(color[:3]) for color in display.polygons_.get_facecolors()]
    expected = [to_rgb(NOISE_COLOR if k < 0 else label_color(int(k))) for k in display.label]
    assert_allclose(colors, expected)
    assert [text.get_text() for text in display.text_] == ["0", "1", "2"]
    limited = display.plot(max_lambda=1.5)
    assert limited.ax_.get_ylim() == (1.5, 0)


def test_condensed_linkage_is_the_estimator_s():
    display = CondensedTreeDisplay.from_linkage(
        MODEL.single_linkage_tree_.linkage, min_cluster_size=10
    )
    tree = MODEL.condensed_tree_
    assert_array_equal(display.selected, tree.selected)
    assert_array_equal(display.point_cluster, tree.point_cluster)
    assert_array_equal(display.point_lambda, tree.point_lambda)


def test_dendrogram_of_a_size_that_chose_itself():
    model = HDBSCAN("auto").fit(X)
    size = model.condensed_tree_.min_cluster_size
    chosen = DendrogramDisplay.from_estimator(model)
    assert_array_equal(
        heights(chosen), heights(DendrogramDisplay.from_estimator(model, min_size=size))
    )
