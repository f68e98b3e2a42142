import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepcluster.metrics import (
    best_match,
    cluster_calibration_errors,
    clustering_accuracy,
    expected_calibration_error,
    reliability_curve,
)


def calibrated(n_samples, n_clusters, seed, concentration=0.5):
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    y_proba = rng.dirichlet([concentration] * n_clusters, size=n_samples)
    draws = rng.random((n_samples, 1))
    return np.minimum((draws > y_proba.cumsum(axis=1)).sum(axis=1), n_clusters - 1), y_proba


@given(
    st.integers(1, 30),
    st.integers(1, 5),
    st.integers(1, 20),
    st.sampled_from(["uniform", "quantile"]),
    st.integers(0, 2**32 - 1),
)
def test_bounds_and_names_of_clusters(n_samples, n_clusters, n_bins, strategy, seed):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(4, size=n_samples)
    y_proba = rng.dirichlet(np.ones(n_clusters), size=n_samples)
    mapping = best_match(y_true, y_proba.argmax(axis=1))
    options = {"n_bins": n_bins, "strategy": strategy}
    error = expected_calibration_error(y_true, y_proba, **options)
    assert 0 <= error <= 1
    order = rng.permutation(n_clusters)
    renamed = {new: mapping[old] for new, old in enumerate(order) if old in mapping}
    assert expected_calibration_error(
        y_true, y_proba[:, order], mapping=renamed, **options
    ) == pytest.approx(error)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_clusters", [2, 5])
def test_calibrated_probabilities(strategy, n_clusters):
    y_true, y_proba = calibrated(20_000, n_clusters, seed=0)
    assert expected_calibration_error(y_true, y_proba, strategy=strategy) < 0.02
    sharper = y_proba**3 / (y_proba**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(y_true, sharper, strategy=strategy) > 0.1


def test_one_hot_probabilities():
    rng = np.random.default_rng(0)
    y_pred = rng.integers(3, size=300)
    y_true = np.where(np.arange(300) % 2, y_pred, 3)
    error = expected_calibration_error(y_true, np.eye(3)[y_pred], n_bins=15)
    assert error == pytest.approx(1 - clustering_accuracy(y_true, y_pred))
    assert expected_calibration_error(y_pred, np.eye(3)[y_pred]) == 0


def test_by_hand():
    y_proba = np.array([[0.95, 0.05], [0.85, 0.15], [0.4, 0.6], [0.45, 0.55]])
    y_true = ["u", "v", "v", "v"]
    # Bins (.9, 1]: right; (.8, .9]: wrong; (.5, .6]: two right.
    expected = (abs(1 - 0.95) + abs(0 - 0.85) + abs(2 - 1.15)) / 4
    assert expected_calibration_error(y_true, y_proba) == pytest.approx(expected)
    # Two bins of equal numbers: {.55, .6} and {.85, .95}.
    expected = (abs(2 - 1.15) + abs(1 - 1.8)) / 4
    assert expected_calibration_error(
        y_true, y_proba, n_bins=2, strategy="quantile"
    ) == pytest.approx(expected)


def test_bins_are_closed_on_the_right():
    # 0.5 shares the bin (0, 0.5] with 0.4, and their gaps cancel there.
    y_proba = np.array([[0.5, 0.3, 0.2], [0.4, 0.3, 0.3]])
    error = expected_calibration_error([0, 1], y_proba, n_bins=2, mapping={0: 0})
    assert error == pytest.approx(abs(1 - 0.9) / 2)


def test_mapping_from_other_samples():
    y_proba = [[1.0, 0.0], [0.0, 1.0]]
    assert expected_calibration_error(["a", "b"], y_proba) == 0
    assert expected_calibration_error(["a", "b"], y_proba, mapping={0: "b", 1: "a"}) == 1
    assert expected_calibration_error(["a", "b"], y_proba, mapping={0: "a", 1: None}) == 0.5
    assert expected_calibration_error(["a", "b"], y_proba, mapping={}) == 1


def test_single_precision_sums_are_accepted():
    scores = np.random.default_rng(0).normal(size=(500, 1000)).astype(np.float32)
    y_proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert 0 <= expected_calibration_error(y_proba.argmax(axis=1), y_proba) <= 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"y_proba": [[2.0, -1.0], [0.0, 1.0]]}, "must be probabilities.*softmax"),
        ({"y_proba": [[0.9, 0.9], [0.0, 1.0]]}, "must be probabilities"),
        ({"y_proba": [0.5, 0.5]}, "Expected 2D array"),
        ({"y_proba": [[0.5, np.nan], [0.0, 1.0]]}, "y_proba contains NaN"),
        ({"y_proba": [[0.5, 0.5]]}, "inconsistent numbers of samples"),
        ({"n_bins": 0}, "'n_bins' parameter"),
        ({"strategy": "equal"}, "'strategy' parameter"),
        ({"mapping": [0, 1]}, "'mapping' parameter"),
    ],
)
def test_bad_input(arguments, message):
    arguments = {"y_true": [0, 1], "y_proba": [[0.5, 0.5], [0.0, 1.0]]} | arguments
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(**arguments)


def test_samples_of_unknown_class_do_not_count():
    y_proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8], [0.5, 0.5]])
    known = expected_calibration_error(["b", "b", "a", "a"], y_proba[:4])
    assert expected_calibration_error([1, 1, 0, 0, -1], y_proba) == known
    assert expected_calibration_error(["b", "b", "a", "a", None], y_proba) == known
    assert expected_calibration_error([1, 1, 0, 0, -1], y_proba, ignore_label=None) > known


def test_a_misspelled_option_of_a_function_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"Got 'quantiles' instead. Did you mean 'quantile'\?$"):
        expected_calibration_error([0, 1], np.eye(2), strategy="quantiles")
    with pytest.raises(ValueError, match="Got 'xyz' instead.$"):
        expected_calibration_error([0, 1], np.eye(2), strategy="xyz")
    with pytest.raises(ValueError, match="The 'n_bins' parameter.* Got '7' instead.$"):
        expected_calibration_error([0, 1], np.eye(2), n_bins="7")


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_curve_and_errors_of_clusters_add_up_to_the_error(strategy):
    rng = np.random.default_rng(0)
    y_proba = rng.dirichlet(np.full(4, 0.5), size=300)
    y_true = np.array([rng.choice(4, p=p**2 / (p**2).sum()) for p in y_proba])
    options = {"strategy": strategy, "mapping": dict(enumerate(range(4)))}
    error = expected_calibration_error(y_true, y_proba, **options)
    confidence, accuracy, counts = reliability_curve(y_true, y_proba, **options)
    assert counts.sum() == 300 and (np.diff(confidence) > 0).all()
    assert np.abs(confidence - accuracy) @ counts / 300 == pytest.approx(error)
    errors = cluster_calibration_errors(y_true, y_proba, **options)
    sizes = np.bincount(y_proba.argmax(axis=1), minlength=4)
    # Gaps of clusters may cancel in a bin of all samples.
    assert errors @ sizes / 300 >= error - 1e-12


def test_a_cluster_without_samples_has_no_error():
    errors = cluster_calibration_errors([0, 0], [[0.8, 0.2], [1.0, 0.0]])
    assert errors[0] == pytest.approx(0.1) and np.isnan(errors[1])
