"""VotingClustering: the rows on which several clusterings agree."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils.parallel import Parallel, delayed

from skdeepcluster._sklearn import BaseComposition, HasMethods, Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    NumberOfClustersMixin,
    RandomStateMixin,
    param,
    seeded_clone,
)
from skdeepcluster.metrics import best_match
from skdeepcluster.validation import FLOATS, caller_level, check_n_samples, check_rows

# A cluster of a voter that stands for none of the reference's.
UNMATCHED = -2


class VotingClustering(
    NumberOfClustersMixin,
    RandomStateMixin,
    FloatTransformerMixin,
    MetaEstimatorMixin,
    Clusterer,
    BaseComposition,
):
    r"""Clusters on which several clusterers agree; other rows are left without a label.

    One of the clusterings :math:`z^{(1)}, \dots, z^{(m)}` is the reference :math:`r`. The clusters
    of each other one are matched to those of the reference, one to one such that most rows agree,

    .. math:: \max_{f_p \text{ injective}} \; \sum_i [\, f_p(z^{(p)}_i) = z^{(r)}_i \,], \qquad
        a_i = \frac{1}{m} \sum_p [\, f_p(z^{(p)}_i) = z^{(r)}_i \,],

    and a row keeps its label of the reference if the share :math:`a_i` of votes for it is large
    enough, by default 1; all others are -1. This exchanges coverage for purity: use it to obtain
    training labels, or to see which rows a clustering is sure of. Agreement is not truth:
    clusterers of one kind share their mistakes, and two that always agree are one vote. Ward
    linkage and :class:`sklearn.cluster.Birch` with a small threshold are such a pair.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters of the default estimators. Given ones have their own.

    estimators : list of (str, estimator), default=None
        Names and clusterers, at least two, which may leave rows unlabeled as -1. None means
        k-means, Ward linkage and a Gaussian mixture of diagonal covariances.

    reference : int, default=0
        Index of the clusterer whose clusters are kept.

    align : {"hungarian", "majority"}, default="hungarian"
        How clusters are matched to those of the reference: one to one, or each to the one that most
        of its rows are in. With the latter clusters of a voter may stand for the same one.

    min_votes : int, default=None
        Least number of clusterers that agree on a row, the reference among them. None means all.

    n_components : int, default=None
        Number of principal components that the rows are reduced to first. None leaves them as they
        are.

    complete : classifier, default=None
        It is fitted to the rows with a label and labels the others. None leaves them at -1.

    n_jobs : int, default=None
        Number of clusterers that are fitted at a time, by joblib; None means 1, -1 all processors.

    Attributes
    ----------
    n_clusters_ : int
        Number of clusters of the reference.

    labels_ : ndarray of shape (n_samples,)
        Cluster of each row, -1 where too few clusterers agree and `complete` is None.

    agreement_ : ndarray of shape (n_samples,)
        Share of the votes for the reference's cluster; 0 where that has none.

    coverage_ : float
        Share of the rows with votes enough.

    cluster_coverage_ : ndarray of shape (n_clusters_,)
        The same for each cluster of the reference.

    aligned_labels_ : ndarray of shape (n_samples, n_estimators)
        Clusters of all estimators under the numbers of the reference; -1 is noise, -2 a cluster
        that stands for none of the reference's.

    estimators_ : list of estimators
        The fitted clusterers.

    named_estimators_ : dict
        The same by name.

    cluster_centers_ : ndarray of shape (n_clusters_, n_components or n_features)
        Means of the rows with votes enough; of all rows of the cluster where there are none.

    pca_ : PCA or None
        The reduction; None without one.

    classifier_ : classifier
        The fitted `complete`; only if it is given.

    See Also
    --------
    RareClusterSearch : Small groups, and no labels for all else.
    sklearn.ensemble.VotingClassifier : Votes of classifiers.

    Notes
    -----
    *Differences from the paper* [1]_: it encodes images by a pretrained network first, which any
    features stand for here; aligns by majority only; and takes Birch as the third voter, which with
    the published threshold is Ward linkage again. Fewer votes than all, new rows and the completion
    by a classifier are additions.

    References
    ----------
    .. [1] J. Fang et al. (2025). An efficient unsupervised classification model for galaxy
           morphology: voting clustering based on coding from ConvNeXt large model. *Astronomy &
           Astrophysics* 693, A141. :arxiv:`2501.00380`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import VotingClustering
    >>> from skdeepcluster.metrics import purity
    >>> X, y = load_digits(return_X_y=True)
    >>> model = VotingClustering(n_clusters=10, n_components=20, random_state=0).fit(X)
    >>> sure = model.labels_ >= 0
    >>> purity(y, model.estimators_[0].labels_) < 0.82
    True
    >>> sure.mean() > 0.6, purity(y[sure], model.labels_[sure]) > 0.9
    (np.True_, True)
    """

    estimators: list | None = param(None, list, None)
    reference: int = param(0, Interval(Integral, 0, None, closed="left"))
    align: str = param("hungarian", StrOptions({"hungarian", "majority"}))
    min_votes: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_components: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    complete: object = param(None, HasMethods(["fit", "predict"]), None)
    n_jobs: int | None = param(None, Integral, None)

    def get_params(self, deep=True):
        """Parameters of this and, by their names, of the clusterers.

        Parameters
        ----------
        deep : bool, default=True
            Whether the parameters of the clusterers are included.

        Returns
        -------
        params : dict
            Names and values.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters of this or of the clusterers.

        Parameters
        ----------
        **params : dict
            ``name=estimator`` replaces a clusterer, ``name__parameter=value`` sets one of its
            parameters.

        Returns
        -------
        self : object
            This estimator.
        """
        self._set_params("estimators", **params)
        return self

    def _voters(self):
        """Checked pairs of name and clusterer."""
        if self.estimators is None:
            k = self.n_clusters
            return [
                ("kmeans", KMeans(k, n_init=10)),
                ("ward", AgglomerativeClustering(k)),
                ("mixture", GaussianMixture(k, covariance_type="diag", reg_covar=1e-3)),
            ]
        voters = self.estimators
        try:
            names, clusterers = zip(*voters, strict=True)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"estimators must be pairs of a name and a clusterer, at least two; got {voters!r}."
            ) from error
        self._validate_names(names)
        for clusterer in clusterers:
            if not hasattr(clusterer, "fit"):
                raise TypeError(f"{clusterer!r} of estimators has no fit.")
        if len(voters) < 2:
            raise ValueError("estimators has one clusterer; votes need at least two.")
        return list(voters)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the clusterers, match their clusters and count the votes."""
        X = check_rows(self, X, reset=True, accept_sparse=False)
        voters = self._voters()
        if not self.reference < len(voters):
            raise ValueError(f"reference={self.reference} is no index of {len(voters)} estimators.")
        least = len(voters) if self.min_votes is None else self.min_votes
        if least > len(voters):
            raise ValueError(f"min_votes={self.min_votes} is more than {len(voters)} estimators.")
        if self.estimators is None:
            check_n_samples(len(X), self.n_clusters)
        Z = self._reduced(X)
        seed = self._seed()
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(_fitted)(seeded_clone(voter, (seed + 100 * i) % (2**31 - 100)), Z)
            for i, (_, voter) in enumerate(voters)
        )
        self.estimators_ = [model for model, _ in fitted]
        self.named_estimators_ = {
            name: model for (name, _), model in zip(voters, self.estimators_, strict=True)
        }
        self._count([labels for _, labels in fitted], Z, least)
        self._least = least
        if self.complete is not None and self.coverage_ > 0:
            sure = self.labels_ >= 0
            self.classifier_ = seeded_clone(self.complete, seed).fit(Z[sure], self.labels_[sure])
            if not sure.all():
                self.labels_[~sure] = self.classifier_.predict(Z[~sure])
        self._n_features_out = self.n_clusters_
        return self

    def _reduced(self, X):
        if self.n_components is None:
            self.pca_ = None
            return X
        most = min(X.shape)
        if self.n_components > most:
            raise ValueError(
                f"n_components={self.n_components} must be at most {most}, the smaller of "
                f"n_samples={X.shape[0]} and n_features={X.shape[1]}."
            )
        self.pca_ = PCA(self.n_components, svd_solver="full").fit(X)
        return self.pca_.transform(X)

    def _count(self, labels, Z, least):
        """Match the clusters to those of the reference, and keep what has votes enough."""
        of_reference = labels[self.reference]
        names = np.unique(of_reference[of_reference != -1])
        self.n_clusters_ = len(names)
        self._maps = [
            _map(one, of_reference, names, self.align, own=i == self.reference)
            for i, one in enumerate(labels)
        ]
        self.aligned_labels_ = np.column_stack(
            [_renamed(one, table) for one, table in zip(labels, self._maps, strict=True)]
        )
        # Voters that cannot predict are represented by the means of their clusters.
        self._means = [
            None if hasattr(model, "predict") else _means(Z, one)
            for model, one in zip(self.estimators_, labels, strict=True)
        ]
        self.labels_, votes = self._voted(self.aligned_labels_, least)
        self.agreement_ = votes / len(labels)
        sure = self.labels_ >= 0
        self.coverage_ = float(sure.mean())
        own = self.aligned_labels_[:, self.reference]
        sizes = np.bincount(own[own >= 0], minlength=self.n_clusters_)
        kept = np.bincount(self.labels_[sure], minlength=self.n_clusters_)
        self.cluster_coverage_ = kept / np.maximum(sizes, 1)
        centers = [Z[self.labels_ == k if n else own == k].mean(axis=0) for k, n in enumerate(kept)]
        self.cluster_centers_ = np.array(centers).reshape(-1, Z.shape[1]).astype(Z.dtype)
        if not sure.any():
            warnings.warn(
                "No row has votes enough, and all labels are -1. Lower min_votes or take "
                "clusterers with the same number of clusters.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def _voted(self, aligned, least):
        """Labels of the reference with votes enough, and the votes."""
        own = aligned[:, self.reference]
        votes = np.where(own >= 0, (aligned == own[:, np.newaxis]).sum(axis=1), 0)
        return np.where((votes >= least) & (own >= 0), own, -1).astype(np.int32), votes

    def _new_votes(self, X):
        """Labels of all clusterers for new rows, under the numbers of the reference."""
        X = self._new_rows(X)
        Z = X if self.pca_ is None else self.pca_.transform(X)
        votes = []
        for model, table, means in zip(self.estimators_, self._maps, self._means, strict=True):
            if means is None:
                found = np.asarray(model.predict(Z))
            else:
                names, centers = means
                rows = np.ascontiguousarray(Z, centers.dtype)
                found = names[nearest_center(rows, centers, 1)] if len(names) else -np.ones(len(Z))
            votes.append(_renamed(found, table))
        return np.column_stack(votes), Z

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self.cluster_centers_.dtype
        return check_rows(self, X, reset=reset, dtype=dtype, accept_sparse=False)

    def predict(self, X):
        """The cluster on which the clusterers agree.

        A clusterer without `predict` votes for the cluster with the nearest mean. So predictions
        for training rows are those in `labels_` only if all clusterers predict.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row, -1 where too few agree and `complete` is None.
        """
        aligned, Z = self._new_votes(X)
        labels, _ = self._voted(aligned, self._least)
        if self.complete is not None and self.coverage_ > 0 and (labels < 0).any():
            labels[labels < 0] = self.classifier_.predict(Z[labels < 0])
        return labels

    def transform(self, X):
        """Shares of the votes for each cluster.

        Returns
        -------
        shares : ndarray of shape (n_samples, n_clusters_)
            Rows sum to 1, or less where votes are for noise or for no cluster of the reference.
        """
        aligned, Z = self._new_votes(X)
        shares = np.zeros((len(Z), self.n_clusters_), self.cluster_centers_.dtype)
        for votes in aligned.T:
            rows = np.flatnonzero(votes >= 0)
            shares[rows, votes[rows]] += 1
        return shares / aligned.shape[1]


def _fitted(model, Z):
    """A clusterer fitted to rows, and its labels."""
    model = clone(model).fit(Z)
    if hasattr(model, "labels_"):
        return model, np.asarray(model.labels_)
    if hasattr(model, "predict"):
        return model, np.asarray(model.predict(Z))
    raise TypeError(f"{type(model).__name__} has neither labels_ nor predict after fit.")


def _map(labels, reference, names, align, own):
    """The number of the reference's cluster for each cluster of a voter."""
    number = {name: i for i, name in enumerate(names.tolist())}
    if own:
        return number
    both = (labels != -1) & (reference != -1)
    if not both.any():
        return {}
    if align == "hungarian":
        matched = best_match(reference[both], labels[both], ignore_label=None)
        return {name: number[to] for name, to in matched.items() if to is not None}
    found = {}
    for name in np.unique(labels[both]).tolist():
        voted, counts = np.unique(reference[both & (labels == name)], return_counts=True)
        found[name] = number[voted[counts.argmax()].item()]
    return found


def _renamed(labels, table):
    """Labels under the numbers of the reference."""
    names, inverse = np.unique(labels, return_inverse=True)
    numbers = [-1 if name == -1 else table.get(name, UNMATCHED) for name in names.tolist()]
    return np.array(numbers, dtype=np.int32)[inverse]


def _means(Z, labels):
    """Names and means of clusters, in the precision of the rows."""
    names = np.unique(labels[labels != -1])
    means = [Z[labels == name].mean(axis=0) for name in names]
    return names, np.ascontiguousarray(np.array(means).reshape(-1, Z.shape[1]), Z.dtype)
