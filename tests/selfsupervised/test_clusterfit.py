"""ClusterFit."""

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.random_projection import GaussianRandomProjection

from skdeepcluster import ClusterFit
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_teachers_of_all_kinds(X):
    pca = PCA(3, random_state=0)
    before = pca.get_params()
    models = [
        brief(ClusterFit, 4, teacher=pca).fit(X),
        brief(ClusterFit, 4, teacher=PCA(3, random_state=0).fit(X)).fit(X),
        brief(ClusterFit, 4, teacher=PCA(3, random_state=0).fit_transform(X)).fit(X),
    ]
    assert not hasattr(pca, "components_") and pca.get_params() == before
    for model in models[1:]:
        np.testing.assert_array_equal(model.pseudo_labels_, models[0].pseudo_labels_)
        np.testing.assert_array_equal(model.labels_, models[0].labels_)
    layer = torch.nn.Linear(8, 3)
    weight = layer.weight.detach().clone()
    brief(ClusterFit, 4, teacher=layer).fit(X)
    assert torch.equal(layer.weight, weight)
    brief(ClusterFit, 4, teacher=lambda x: x[:, :2]).fit(X)


@pytest.mark.parametrize(
    "teacher, message",
    [
        (np.zeros((3, 2)), "3 rows, but X has 256"),
        (lambda x: x.log(), "NaN|infinity"),
        (np.full((256, 2), np.nan), "NaN"),
    ],
)
def test_teachers_that_do_not_fit(teacher, message, X):
    with pytest.raises(ValueError, match=message):
        brief(ClusterFit, 4, teacher=teacher).fit(X)


@pytest.mark.parametrize(
    "params",
    [
        {"clusterer": KMeans(8, n_init=1, init="random")},
        {"clusterer": make_pipeline(GaussianRandomProjection(3), KMeans(8, n_init=1))},
        {"teacher": GaussianRandomProjection(3)},
        {"teacher": make_pipeline(PCA(4), GaussianRandomProjection(3))},
        {"teacher": lambda x: x @ torch.randn(8, 3)},
    ],
    ids=["clusterer", "pipeline", "teacher", "teachers", "function"],
)
def test_a_seed_decides_teacher_and_clusterer_too(params, X):
    def fit(seed):
        return brief(ClusterFit, 4, **params, random_state=seed).fit(X)

    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = fit(0)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    np.random.seed(1)  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(1)
        second = fit(0)
    np.testing.assert_array_equal(second.pseudo_labels_, first.pseudo_labels_)
    np.testing.assert_array_equal(second.transform(X), first.transform(X))
    assert not np.array_equal(fit(1).pseudo_labels_, first.pseudo_labels_)


def test_pseudo_labels_are_nearest_centers(X):
    model = brief(ClusterFit, 4, n_prototypes=10, normalize=False).fit(X)
    rows = (X - model.mean_) * model.scale_
    distances = ((rows[:, None] - model.teacher_centers_) ** 2).sum(axis=2)
    np.testing.assert_array_equal(model.pseudo_labels_, distances.argmin(axis=1))


def test_noise_is_not_trained_on(blobs):
    X, y = blobs
    clusterer = DBSCAN(eps=0.25, min_samples=5)
    model = brief(ClusterFit, 4, clusterer=clusterer, max_epochs=30).fit(X)
    assert (model.pseudo_labels_ == -1).any() and model.accuracy_ > 0.9
    assert (model.labels_ >= 0).all()
    assert adjusted_rand_score(y, model.labels_) > 0.9
    with pytest.raises(ValueError, match="finds no clusters"):
        brief(ClusterFit, 4, clusterer=DBSCAN(eps=1e-9)).fit(X)


def test_any_clusterer(blobs):
    X, y = blobs
    model = brief(ClusterFit, 4, clusterer=KMeans(4, n_init=3), max_epochs=20).fit(X)
    assert model.n_prototypes_ == 4
    assert adjusted_rand_score(y, model.labels_) > 0.95
