"""KPrototypesEncoder: squared distances of encoded rows are those of k-prototypes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.pipeline import make_pipeline

from skdeepcluster import KMedoids, KPrototypesEncoder
from tests.medoids._tables import RANKS, table


def kprototypes(frame, weight):
    """By the definition, pair by pair."""
    numbers = np.stack(
        [frame["size"], frame["count"], frame["rank"].map(RANKS.index)], axis=1
    ).astype(float)
    scales = numbers.std(axis=0)
    numbers /= np.where(scales > 0, scales, 1)
    D = np.square(numbers[:, None] - numbers).sum(axis=2)
    kind = frame["kind"].to_numpy()
    return D + weight * (kind[:, None] != kind)


@given(seed=st.integers(0, 1000), n=st.integers(2, 15), weight=st.floats(0, 10))
def test_squared_distances_are_those_of_k_prototypes(seed, n, weight):
    frame = table(seed, n)
    for X in (frame, pl.DataFrame(frame.to_dict("list"))):
        encoder = KPrototypesEncoder(ordinal={"rank": RANKS}, category_weight=weight)
        Z = encoder.fit_transform(X)
        found = pairwise_distances(Z, metric="sqeuclidean")
        assert_allclose(found, kprototypes(frame, weight), atol=1e-9)
    rows = frame.to_numpy(dtype=object)
    encoder.set_params(categorical=[2], ordinal={3: RANKS})
    assert_allclose(encoder.fit_transform(rows), Z)


def test_missing_unknown_and_huge_values():
    frame = table(0, 30)
    frame.loc[3, ["size", "kind"]] = [np.nan, None]
    encoder = KPrototypesEncoder(ordinal={"rank": RANKS}, category_weight=2).fit(frame)
    Z = encoder.transform(frame)
    assert Z[3, 0] == pytest.approx(0)
    shares = frame["kind"].value_counts(normalize=True).sort_index()
    assert_allclose(Z[3, 2:6], [*shares, 0])
    new = encoder.transform(frame.iloc[:2].assign(kind="z"))
    squares = pairwise_distances(new[:, 2:6], Z[:1, 2:6], metric="sqeuclidean")
    assert_allclose(squares, 2)
    largest = np.finfo(float).max
    Z = KPrototypesEncoder().fit_transform([[largest, 1.0], [-largest, 1.0], [0.0, 1.0]])
    assert_allclose(Z, [[1.5**0.5, 0], [-(1.5**0.5), 0], [0, 0]])


@pytest.mark.parametrize(
    "clusterer",
    [KMeans(2, random_state=0), KMedoids(2, metric="sqeuclidean", random_state=0)],
    ids=["KMeans", "KMedoids"],
)
def test_categories_count_by_their_weight(clusterer):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    frame = pd.DataFrame({f"n{j}": rng.normal(size=120) for j in range(2)})
    for j in range(4):
        frame[f"c{j}"] = np.where(rng.random(120) < 0.05, "c", np.where(y, "b", "a"))
    found = {}
    for weight in (0.0, 8.0):
        model = make_pipeline(KPrototypesEncoder(category_weight=weight), clusterer)
        found[weight] = adjusted_rand_score(y, model.fit_predict(frame))
    assert found[8.0] > 0.95
    assert found[0.0] < 0.1


def test_bad_input():
    frame = table(0)
    with pytest.raises(ValueError, match="category_weight"):
        KPrototypesEncoder(category_weight=-1).fit(frame)
    with pytest.raises(ValueError, match="Column 2 is not numeric"):
        KPrototypesEncoder(categorical=["rank"]).fit(frame)
