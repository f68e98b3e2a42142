import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from skdeepcluster.displays import MatchedConfusionDisplay
from skdeepcluster.metrics import clustering_accuracy

X, y = load_iris(return_X_y=True)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 5)), min_size=1, max_size=50),
)
def test_diagonal_is_the_accuracy(pairs):
    y_true, y_pred = np.array(pairs).T
    figure, ax = plt.subplots()
    display = MatchedConfusionDisplay.from_predictions(y_true, y_pred, ax=ax)
    plt.close(figure)
    matrix = display.confusion_matrix
    assert matrix.shape == (len(np.unique(y_true)), len(np.unique(y_pred)))
    assert matrix.sum() == len(pairs)
    n_clusters = matrix.shape[1] - (-1 in y_pred)
    diagonal = np.trace(matrix[:, :n_clusters])
    assert diagonal / len(pairs) == pytest.approx(clustering_accuracy(y_true, y_pred))
    # Every cell counts the pair of names at its margins.
    for row, class_name in enumerate(display.class_names):
        for column, name in enumerate(display.cluster_names):
            cluster = -1 if name == "noise" else int(name)
            count = np.sum((y_true == int(class_name)) & (y_pred == cluster))
            assert matrix[row, column] == count == int(display.text_[row, column].get_text())


def test_permuted_classes_give_a_diagonal_matrix():
    names = np.array(["c", "a", "b"])
    display = MatchedConfusionDisplay.from_predictions(names[y], (y + 1) % 3)
    np.testing.assert_array_equal(display.confusion_matrix, 50 * np.eye(3))
    assert display.class_names == ["a", "b", "c"]
    assert display.cluster_names == ["2", "0", "1"]


@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_samples_of_unknown_class_have_no_row(unknown):
    half = np.where(np.arange(len(y)) % 2 == 0, y, unknown)
    kmeans = KMeans(3, random_state=0).fit(X)
    display = MatchedConfusionDisplay.from_estimator(kmeans, X, half)
    known = MatchedConfusionDisplay.from_estimator(kmeans, X[::2], y[::2])
    np.testing.assert_array_equal(display.confusion_matrix, known.confusion_matrix)
    if unknown == -1:
        whole = MatchedConfusionDisplay.from_estimator(kmeans, X, half, ignore_label=None)
        assert "-1" in whole.class_names and whole.confusion_matrix.sum() == len(y)


@pytest.mark.parametrize("n_clusters", [2, 6])
def test_rectangular(n_clusters):
    kmeans = KMeans(n_clusters, random_state=0).fit(X)
    display = MatchedConfusionDisplay.from_estimator(kmeans, X, y)
    assert display.text_.shape == display.im_.get_array().shape == (3, n_clusters)
    assert display.ax_.get_xlim() == (-0.5, n_clusters - 0.5)
    assert display.ax_.get_ylim() == (2.5, -0.5)
    assert len(display.ax_.texts) == 3 * n_clusters
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == display.cluster_names
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == display.class_names
    display.figure_.canvas.draw()


def test_unmatched_come_last_and_noise_after_them():
    display = MatchedConfusionDisplay.from_predictions([1, 1, 1, 1, 0, 0], [4, 4, 7, -1, -1, 9])
    assert display.cluster_names == ["9", "4", "7", "noise"]
    np.testing.assert_array_equal(display.confusion_matrix, [[1, 0, 0, 1], [0, 2, 1, 1]])
    # A class without a cluster moves below the matched ones, which keeps the diagonal.
    display = MatchedConfusionDisplay.from_predictions([0, 1, 1, 2, 2], [5, 3, 3, 8, 8])
    assert display.class_names == ["0", "1", "2"]
    display = MatchedConfusionDisplay.from_predictions([0, 1, 1, 2, 2], [3, 3, 3, 8, 8])
    assert display.class_names == ["1", "2", "0"]


def test_only_noise():
    display = MatchedConfusionDisplay.from_predictions([0, 1], [-1, -1])
    assert display.cluster_names == ["noise"]
    np.testing.assert_array_equal(display.confusion_matrix, [[1], [1]])
    display.figure_.canvas.draw()


@pytest.mark.parametrize("normalize, axis", [("true", 1), ("pred", 0), ("all", None)])
def test_normalize(normalize, axis):
    y_pred = KMeans(4, random_state=0).fit_predict(X)
    display = MatchedConfusionDisplay.from_predictions(y, y_pred, normalize=normalize)
    np.testing.assert_allclose(display.confusion_matrix.sum(axis=axis), 1)
    assert display.text_[0, 0].get_text() == f"{display.confusion_matrix[0, 0]:.2f}"
    with pytest.raises(ValueError, match="normalize must be .* got 'rows'"):
        MatchedConfusionDisplay.from_predictions(y, y_pred, normalize="rows")
    with pytest.raises(ValueError, match=r"got 'preds'. Did you mean 'pred'\?"):
        MatchedConfusionDisplay.from_predictions(y, y_pred, normalize="preds")


def test_large_matrices_stay_legible():
    labels = np.arange(40)
    display = MatchedConfusionDisplay.from_predictions(labels, labels)
    assert display.text_ is None
    assert len(display.ax_.get_xticks()) == 0


def test_styles():
    display = MatchedConfusionDisplay.from_predictions(
        y, y, colorbar=False, cmap="Greys", text_kw={"fontsize": 20}, im_kw={"vmax": 100}
    )
    assert display.figure_.axes == [display.ax_]
    assert display.im_.get_cmap().name == "Greys"
    assert display.im_.get_clim() == (0, 100)
    assert display.text_[0, 0].get_fontsize() == 20
