"""Data of the tests of HierarchicalKMeans, and what makes two fits the same."""

from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

DIGITS, CLASSES = load_digits(return_X_y=True)
FITTED = ("labels_per_level_", "centers_per_level_", "parents_", "inertia_per_level_", "n_iter_")


def assert_same_fit(first, second):
    for name in FITTED:
        one, two = getattr(first, name), getattr(second, name)
        if isinstance(one, list):
            assert len(one) == len(two)
            for a, b in zip(one, two, strict=True):
                assert_array_equal(a, b)
        else:
            assert_array_equal(one, two)
