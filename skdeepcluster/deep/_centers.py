"""Centers in the embedding of an autoencoder: their initialization, and the warm-up after it."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.metrics import pairwise_distances_argmin
from sklearn.preprocessing import normalize
from sklearn.utils import check_array

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.degree_linkage import linkage_labels
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.read_outs import neighbor_clusters
from skdeepcluster.algorithms.spectral import landmark_spectral
from skdeepcluster.base import param
from skdeepcluster.deep._autoencoder import AutoencoderMixin
from skdeepcluster.deep._clusterer import DeepClusterer
from skdeepcluster.deep._predict import LabelMixin
from skdeepcluster.training import Stage

# Bounds of the reconstruction with pretrain_epochs="auto".
_EPOCHS, _MIN_EPOCHS, _STEPS = 60, 10, 1000


class CenteredAutoencoder(LabelMixin, AutoencoderMixin, DeepClusterer):
    """Base of the methods that place centers in the embedding of an autoencoder.

    Parameters
    ----------
    init : {"neighbors", "spectral", "linkage", "k-means"} or array, default="neighbors"
        Initialization of the centers, or the centers themselves, of shape
        (n_clusters, n_components). "k-means", as in the paper, is the best of 20 runs on the
        embedding; it finds compact groups. The others find groups of any shape and give labels,
        which are fixed targets for `init_epochs` warm-up epochs before self-training starts:
        "neighbors" is :class:`~skdeepcluster.NeighborClusterer` of the rows, before any training
        (of the embedding, if they have more than 256 MiB as float32), "spectral"
        :class:`~skdeepcluster.LandmarkSpectral` of the embedding, "linkage"
        :class:`~skdeepcluster.GraphDegreeLinkage` of its rows, each scaled to length one.

    init_epochs : int, default=50
        Maximum number of warm-up epochs, in which the labels of ``init="neighbors"``, "spectral" or
        "linkage" are the target. The warm-up ends when 99.5 % of the rows have their label.

    pretrain_epochs : int or "auto", default="auto"
        Epochs of the reconstruction that the clustering starts from. "auto" is 60; with "neighbors"
        of the rows, which do not depend on it, fewer on many rows: it ends after 1,000 steps of
        `batch_size` rows, but not before 10 epochs.

    pretrain_learning_rate : float, default=None
        Learning rate of the reconstruction, by default `learning_rate`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centers in the embedding; `inverse_transform` decodes them.

    initial_labels_ : ndarray of shape (n_samples,)
        Labels of the start, before warm-up and training: what these add is the difference to
        `labels_`.
    """

    init: str | np.ndarray = param(
        "neighbors", StrOptions({"neighbors", "spectral", "linkage", "k-means"}), "array-like"
    )
    init_epochs: int = param(50, Interval(Integral, 0, None, closed="left"))
    pretrain_epochs: int | str = param(
        "auto", Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})
    )
    pretrain_learning_rate: float | None = param(
        None, Interval(Real, 0, None, closed="neither"), None
    )

    # What the paper's recipe changes of the defaults.
    _paper = {}

    @classmethod
    def paper_params(cls):
        """Parameters of the paper's recipe, in place of the defaults.

        ``DEC(n_clusters=10, **DEC.paper_params())`` has the start, the networks, the optimizer and
        the schedule of its authors, as far as the class has parameters for them.
        :ref:`paper-recipes` has a table, and what differs from the papers nevertheless. Recipes are
        for comparison with published results: they take longer than the defaults and usually find
        worse clusters.

        Returns
        -------
        params : dict of str to object
            A new dictionary, for the constructor or `set_params`.
        """
        return dict(cls._paper)

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        code = module.encode(torch.zeros(2, *shape, dtype=torch.float32))
        module.centers = torch.nn.Parameter(code.new_zeros(self.n_clusters, code.shape[1]))
        return module

    def _init_is(self, *names):
        return isinstance(self.init, str) and self.init in names

    @property
    def _warms_up(self):
        """Whether the initialization gives labels for a warm-up."""
        return self._init_is("neighbors", "spectral", "linkage")

    @property
    def _warmup_epochs(self):
        return self.init_epochs if self._warms_up else 0

    def _pretrain_stages(self, **options):
        options = {"parameters": self._autoencoder_parameters} | options
        options["learning_rate"] = self.pretrain_learning_rate
        if isinstance(self.pretrain_epochs, str):
            return self._pretraining(_EPOCHS, end_epoch=self._has_restored_enough, **options)
        return self._pretraining(self.pretrain_epochs, **options)

    def _has_restored_enough(self, fit):
        """Whether the reconstruction has had its steps, where it does not decide the start."""
        enough = fit.step >= _STEPS and fit.epoch + 1 >= _MIN_EPOCHS
        return enough and self._starts_from_rows(fit)

    def _start_stage(self, loss, **options):
        """The stage that places the centers, then trains with the initial labels as target."""
        hooks = {"begin": self._start, "end_epoch": self._has_learned}
        return Stage("initialize", loss, self._warmup_epochs, **hooks, **options)

    def _start(self, fit):
        Z = fit.over_all_rows(fit.module.encode).cpu().numpy()
        centers, labels = self._first_clusters(fit, Z)
        with torch.no_grad():
            fit.module.centers.copy_(torch.tensor(centers))
        fit.state.start_labels = torch.as_tensor(labels, dtype=torch.int64, device=fit.device)
        fit.usable = True

    def _first_clusters(self, fit, Z):
        """Centers and labels that `init` gives for an embedding."""
        options = fit.sums_over_rows() | {"seed": fit.seed, "weights": self._weights_of(fit)}
        rows = self._rows_of_graph(fit, Z)
        return first_clusters(self.init, Z, self.n_clusters, rows=rows, **options)

    def _rows_of_graph(self, fit, Z):
        """The rows whose neighbors count: those of the fit, or an embedding."""
        if self._starts_from_rows(fit):
            return fit.samples.loaded.flatten(1).cpu().numpy()
        return Z

    def _starts_from_rows(self, fit):
        """Whether the initialization is of the rows, though there is an embedding."""
        return self.encoder is not None and self._init_is("neighbors") and fit.samples.are_few

    def _weights_of(self, fit):
        """Weights of the rows as an array, or None."""
        weights = fit.samples.weights
        return None if weights is None else weights.double().cpu().numpy()

    def _attributes(self, fit):
        centers = fit.module.centers.detach().cpu().numpy()
        found = {"cluster_centers_": centers, "n_components_": centers.shape[1]}
        if hasattr(fit.state, "start_labels"):
            found["initial_labels_"] = fit.state.start_labels.int().cpu().numpy()
        return found


def first_clusters(init, Z, n_clusters, *, rows, seed, weights=None, **sums):
    """Initial centers and labels.

    Parameters
    ----------
    init : {"neighbors", "spectral", "linkage", "k-means"} or array of shape \
            (n_clusters, n_components)
    Z : array of shape (n_samples, n_components)
    n_clusters : int
    rows : array of shape (n_samples, n_features)
        What "neighbors" clusters.
    seed : callable () -> int
        Gives a seed, if random numbers are needed.
    weights : array of shape (n_samples,), optional
        Weights of the rows in k-means and in the means of labels.
    **sums : dict
        Result of `Fit.sums_over_rows`.

    Returns
    -------
    centers : array of shape (n_clusters, n_components)
    labels : array of shape (n_samples,)
    """
    if not isinstance(init, str):
        centers = check_array(init, dtype=np.float32, input_name="init")
        if centers.shape != (n_clusters, Z.shape[1]):
            raise ValueError(
                f"init has shape {centers.shape}; centers of shape {(n_clusters, Z.shape[1])} are "
                "required"
            )
        return centers, pairwise_distances_argmin(Z, centers)
    if init == "k-means":
        return kmeans(Z, n_clusters, seed=seed(), weights=weights, **sums)
    if init == "neighbors":
        rows = np.ascontiguousarray(rows)
        labels = neighbor_clusters(rows, n_clusters, seed=seed(), n_threads=effective_n_threads())
    elif init == "spectral":
        labels = landmark_spectral(Z, n_clusters, seed=seed())
    else:
        labels = linkage_labels(normalize(Z), n_clusters)
    return _means(Z, labels, n_clusters, weights), labels


def _means(Z, labels, n_clusters, weights):
    """Mean of the rows of each label; for a label without rows the mean of all rows."""
    if weights is not None:
        Z, labels, weights = Z[weights > 0], labels[weights > 0], weights[weights > 0]

    def mean(rows):
        if weights is None:
            return Z[rows].mean(axis=0)
        return np.average(Z[rows], axis=0, weights=weights[rows]).astype(Z.dtype)

    rows = [labels == j for j in range(n_clusters)]
    return np.stack([mean(r) if r.any() else mean(slice(None)) for r in rows])
