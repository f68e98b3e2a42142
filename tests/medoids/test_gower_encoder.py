"""GowerEncoder: Manhattan distances of encoded rows are Gower's."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.pipeline import make_pipeline

from skdeepcluster import HDBSCAN, GowerEncoder, KMedoids
from tests.medoids._tables import RANKS, table


def gower(frame):
    """By its definition, pair by pair."""
    n = len(frame)
    rank = frame["rank"].map(RANKS.index).to_numpy()
    D = np.zeros((n, n))
    for column in (frame["size"].to_numpy(), frame["count"].to_numpy()):
        D += np.abs(column[:, None] - column) / (np.ptp(column) or 1)
    D += np.abs(rank[:, None] - rank) / 2
    kind = frame["kind"].to_numpy()
    return (D + (kind[:, None] != kind)) / 4


@given(seed=st.integers(0, 1000), n=st.integers(2, 15))
def test_distances_are_those_of_gower(seed, n):
    frame = table(seed, n)
    for X in (frame, pl.DataFrame(frame.to_dict("list"))):
        Z = GowerEncoder(ordinal={"rank": RANKS}).fit_transform(X)
        assert_allclose(pairwise_distances(Z, metric="manhattan"), gower(frame), atol=1e-12)
    rows = frame.to_numpy(dtype=object)
    encoder = GowerEncoder(categorical=[2], ordinal={3: RANKS})
    assert_allclose(encoder.fit_transform(rows), Z)


def test_missing_and_unknown_values():
    frame = table(0, 30)
    frame.loc[3, ["size", "kind", "rank"]] = [np.nan, None, None]
    encoder = GowerEncoder(ordinal={"rank": RANKS}).fit(frame)
    Z = encoder.transform(frame)
    assert np.isfinite(Z).all()
    assert Z[3, 0] == pytest.approx((frame["size"].median() - frame["size"].min())
                                    / np.ptp(frame["size"].dropna()) / 4)  # fmt: skip
    shares = frame["kind"].value_counts(normalize=True).sort_index()
    D = pairwise_distances(Z[:, 2:6], metric="manhattan")
    for i in (0, 1, 2):
        assert D[3, i] == pytest.approx((1 - shares[frame["kind"][i]]) / 4)
    new = frame.iloc[:2].assign(kind="z")
    to_known = pairwise_distances(encoder.transform(new)[:, 2:6], Z[:1, 2:6], metric="manhattan")
    assert_allclose(to_known, 1 / 4)
    names = encoder.get_feature_names_out()
    assert list(names) == ["size", "count", "kind_a", "kind_b", "kind_c", "kind_unknown", "rank"]


@pytest.mark.parametrize("clusterer", [KMedoids(2), HDBSCAN(10)], ids=["KMedoids", "HDBSCAN"])
def test_groups_of_a_mixed_table_are_found(clusterer):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    frame = pd.DataFrame({f"n{j}": rng.normal(size=120) + 4 * y for j in range(2)})
    for j in range(3):
        usual = np.where(y, "b", "a")
        frame[f"c{j}"] = np.where(rng.random(120) < 0.05, "c", usual)
    clusterer.set_params(metric="manhattan")
    labels = make_pipeline(GowerEncoder(), clusterer).fit_predict(frame)
    assert adjusted_rand_score(y[labels >= 0], labels[labels >= 0]) > 0.95
    assert np.mean(labels >= 0) > 0.8


def test_bad_input():
    frame = table(0)
    with pytest.raises(ValueError, match="no column 'x'"):
        GowerEncoder(categorical=["x"]).fit(frame)
    with pytest.raises(ValueError, match="both categorical and ordinal"):
        GowerEncoder(categorical=["rank", "kind"], ordinal={"rank": RANKS}).fit(frame)
    with pytest.raises(ValueError, match="Column 2 is not numeric"):
        GowerEncoder(categorical=["rank"]).fit(frame)
    with pytest.raises(ValueError, match="Column 3 of ranks has other values"):
        GowerEncoder(ordinal={"rank": RANKS[:2]}).fit(frame)
    encoder = GowerEncoder().fit(frame)
    with pytest.raises(ValueError, match="expecting 4 features"):
        encoder.transform(frame[["size"]])
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(frame[["count", "size", "kind", "rank"]])
    assert_array_equal(encoder.kinds_, ["numeric", "numeric", "categorical", "categorical"])
