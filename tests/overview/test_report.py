"""The numbers of a report, and its page as a string."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import pairwise_distances, silhouette_samples
from sklearn.pipeline import make_pipeline

from skdeepcluster import HDBSCAN, GowerEncoder, KMedoids, report
from skdeepcluster.overview._measures import silhouettes_and_neighbors

pytest.importorskip("bokeh", reason="the page of a report needs skdeepcluster[report]")

X, y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def kmeans():
    return KMeans(3, n_init=3, random_state=0).fit(X)


@given(st.integers(2, 5), st.integers(0, 2**31 - 1))
def test_silhouettes_are_those_of_scikit_learn(n_clusters, seed):
    rng = np.random.default_rng(seed)
    member = rng.permutation(np.arange(30) % n_clusters)
    points = rng.normal(size=(30, 2)) + member[:, np.newaxis]
    member[::9] = -1
    found, neighbors = silhouettes_and_neighbors(points, member, n_clusters, "manhattan")
    kept = member != -1
    expected = silhouette_samples(points[kept], member[kept], metric="manhattan")
    np.testing.assert_allclose(found[kept], expected, atol=1e-12)
    assert np.isnan(found[~kept]).all() and (neighbors[~kept] == -1).all()
    for i in np.flatnonzero(kept):
        others = [k for k in range(n_clusters) if k != member[i]]
        means = [np.abs(points[member == k] - points[i]).sum(axis=1).mean() for k in others]
        assert neighbors[i] == others[int(np.argmin(means))]


def test_numbers_of_a_report(kmeans):
    page = report(kmeans, X, feature_names=load_iris().feature_names)
    np.testing.assert_array_equal(page.sizes, np.bincount(kmeans.labels_))
    means = [silhouette_samples(X, kmeans.labels_)[kmeans.labels_ == k].mean() for k in range(3)]
    np.testing.assert_allclose(page.mean_silhouettes, means)
    for k, rows in enumerate(page.prototypes):
        distances = np.linalg.norm(X - X[kmeans.labels_ == k].mean(axis=0), axis=1)
        distances[kmeans.labels_ != k] = np.inf
        assert rows.tolist() == np.argsort(distances, kind="stable")[:8].tolist()
    assert page.silhouettes[page.uncertain].tolist() == np.sort(page.silhouettes)[:16].tolist()
    assert page.stability is None and page.effects.names == load_iris().feature_names


def test_files_and_short_forms(kmeans, tmp_path):
    page = report(kmeans, X, path=tmp_path / "page.html", title="Flowers", n_refits=2)
    text = (tmp_path / "page.html").read_text()
    assert "<title>Flowers</title>" in text and "KMeans(n_clusters=3" in text
    assert all(f'id="cluster-{k}"' in text for k in range(3))
    # Nothing is loaded from elsewhere.
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.(https?:)?//", text)
    short = page._repr_html_()
    assert len(short) < 3000 and "<script" not in short and str(page.sizes[0]) in short


def test_columns_are_those_of_the_table_before_the_pipeline(tmp_path):
    rng = np.random.default_rng(0)
    group = rng.integers(2, size=80)
    frame = pd.DataFrame(
        {
            "age <b>": 20.0 + 30 * group + rng.normal(size=80),
            "noise": rng.normal(size=80),
            "town": np.where(group, "Ulm & Co", "Bonn"),
        },
        index=[f"person {i}" for i in range(80)],
    )
    model = make_pipeline(GowerEncoder(), KMedoids(2, metric="manhattan", random_state=0)).fit(
        frame
    )
    page = report(model, frame)
    names = {page.effects.names[j] for j in page.effects.strongest(0, 3)}
    assert names == {"age <b>", "town = Bonn", "town = Ulm & Co"}
    medoids = model[-1].medoid_indices_
    assert [rows[0] for rows in page.prototypes] == medoids.tolist()
    text = page.to_html()
    assert f"person {medoids[0]}" in text
    assert "age &lt;b&gt;" in text and "age <b></td>" not in text
    # Distances are the estimator's own.
    Z = model[0].transform(frame)
    expected = silhouette_samples(Z, model[-1].labels_, metric="manhattan")
    np.testing.assert_allclose(page.silhouettes, expected)


def test_noise_and_other_labels_keep_their_names():
    X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.5)
    X = np.vstack([X, [[50.0, 50.0]]])
    page = report(HDBSCAN(min_cluster_size=10).fit(X), X)
    assert page.clusters.tolist() == [0, 1, 2] and page.labels[-1] == -1
    assert page.to_html().count(f"{(page.labels == -1).sum()} row") > 0
    agglomeration = AgglomerativeClustering(2).fit(X)
    assert report(agglomeration, X).sizes.sum() == 201
    with pytest.raises(ValueError, match="no predict"):
        report(agglomeration, X[:5])
    with pytest.raises(ValueError, match="All rows are noise"):
        report(DBSCAN(eps=1e-9).fit(X), X)


def test_pairs_have_no_columns():
    D = pairwise_distances(X)
    model = KMedoids(3, metric="precomputed", random_state=0).fit(D)
    page = report(model, D, n_refits=2, max_samples=100)
    assert page.effects is None and len(page.rows) == 100
    drawn = page.rows
    expected = silhouette_samples(D[drawn][:, drawn], model.labels_[drawn], metric="precomputed")
    np.testing.assert_allclose(page.silhouettes, expected)
    assert page.to_html()


def test_few_rows_of_many_and_all_small_clusters():
    X, y = make_blobs([3000, 25], centers=[[0, 0], [20, 0]], random_state=0)
    model = KMeans(2, n_init=3, random_state=0).fit(X)
    page = report(model, X, max_samples=200)
    assert len(page.rows) == 200 == len(np.unique(page.rows))
    small = np.argmin(page.sizes)
    assert page.sizes[small] == 25 and (model.labels_[page.rows] == small).sum() >= 20
    np.testing.assert_array_equal(page.rows, report(model, X, max_samples=200).rows)


def test_texts_are_compared_by_words():
    texts = ["red apple pie", "red cherry pie", "blue sky today", "blue sea today"] * 10
    model = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), KMeans(2, n_init=3))
    page = report(model.fit(texts), texts)
    assert {page.effects.names[j] for j in page.effects.strongest(0, 4)} == {
        "blue", "pie", "red", "today",
    }  # fmt: skip
    assert "red apple pie" in page.to_html()
    with pytest.raises(ValueError, match="3 texts, but X has 150 rows"):
        report(KMeans(2, n_init=1).fit(X), X, texts=["a", "b", "c"])


@pytest.mark.parametrize("form", ["shape", "gray", "first", "last", "bytes", "list"])
def test_images_in_all_forms(form):
    digits = load_digits()
    flat, gray = digits.data[:60], digits.images[:60]
    images = {
        "shape": (8, 8),
        "gray": gray,
        "first": gray[:, np.newaxis],
        "last": np.repeat(gray[..., np.newaxis], 3, axis=3),
        "bytes": (gray * 15).astype(np.uint8),
        "list": list(gray),
    }[form]
    page = report(KMeans(3, n_init=1, random_state=0).fit(flat), flat, images=images)
    text = page.to_html()
    assert (
        text.count('<img src="data:image/png;base64,') == 3 + np.minimum(page.sizes, 8).sum() + 16
    )
    assert page.effects is None  # pixels say nothing


def test_what_does_not_fit_is_said(kmeans):
    with pytest.raises(ValueError, match="2 feature_names, but X has 4"):
        report(kmeans, X, feature_names=["a", "b"])
    with pytest.raises(ValueError, match=r"images=\(3, 3\) does not fit X of shape \(150, 4\)"):
        report(kmeans, X, images=(3, 3))
    with pytest.raises(ValueError, match="7 images, but X has 150"):
        report(kmeans, X, images=np.zeros((7, 2, 2)))
    with pytest.raises(ValueError, match="neither"):
        report(kmeans, X, images=np.zeros((150, 5, 2, 2)))


def test_a_deep_clusterer_by_its_probabilities():
    from skdeepcluster import DEC

    digits = load_digits()
    dec = DEC(3, hidden_layer_sizes=(16,), pretrain_epochs=2, max_epochs=2, random_state=0)
    dec.fit(digits.data[:200])
    page = report(dec, digits.data[:200], images=(8, 8))
    lead = np.diff(np.sort(dec.predict_proba(digits.data[:200]), axis=1)[:, -2:])[:, 0]
    np.testing.assert_allclose(page.confidences, lead)
    np.testing.assert_array_equal(page.uncertain, np.argsort(lead, kind="stable")[:16])
    # The second most probable cluster.
    second = np.argsort(dec.predict_proba(digits.data[:200]), axis=1)[:, -2]
    np.testing.assert_array_equal(page.clusters[page.neighbors], second)


def test_items_of_a_dataset_are_images():
    import torch

    from skdeepcluster import DEC

    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return 90

        def __getitem__(self, i):
            return torch.as_tensor(load.images[i], dtype=torch.float32), int(load.target[i])

    load = load_digits()
    dec = DEC(3, hidden_layer_sizes=(16,), pretrain_epochs=1, max_epochs=1, random_state=0)
    items = Items()
    page = report(dec.fit(items), items, max_samples=40)
    assert page.shown["images"] is not None and len(page.rows) == 40
    assert page.to_html()


def test_the_page_of_digits_is_small(tmp_path):
    X = load_digits().data
    model = KMeans(10, n_init=1, random_state=0).fit(X)
    path = report(model, X, images=(8, 8)).save(tmp_path / "digits.html")
    assert path.stat().st_size < 3e6


@pytest.mark.parametrize("missing", ["bokeh", "jinja2"])
def test_a_missing_library_is_named(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from sklearn.cluster import KMeans\n"
        "from skdeepcluster import report\n"
        "page = report(KMeans(2, n_init=1).fit([[0.], [1.], [5.]]), [[0.], [1.], [5.]])\n"
        "try:\n    page.to_html()\nexcept ImportError as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install" in run.stdout and "skdeepcluster[report]" in run.stdout
