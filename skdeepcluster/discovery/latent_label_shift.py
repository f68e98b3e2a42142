"""LatentLabelShiftClustering: classes whose shares differ between domains."""

import warnings
from numbers import Integral

import numpy as np
from scipy.optimize import nnls
from sklearn.base import ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import HasMethods, Interval, StrOptions, fit_context
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, RandomStateMixin, param
from skdeepcluster.validation import (
    as_array,
    caller_level,
    check_labels,
    check_n_samples,
    check_rows,
)

# Of the shares of classes in domains: above it they are too much alike.
_ILL_CONDITIONED = 20.0


class LatentLabelShiftClustering(NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""Classes that rise and fall together over domains.

    Rows come from domains, such as sites or months. A class looks the same in all of them,
    :math:`p(x \mid y)`, and its shares :math:`p(y \mid d)` differ. Then the probabilities of the
    domains given a row lie in the simplex of the classes [1]_,

    .. math:: q(d \mid x) = \sum_y q(d \mid y) \, q(y \mid x) .

    Four steps: discriminate, discretize, factorize, adjust. A classifier learns
    :math:`q(d \mid x)`; k-means of its outputs makes cells; the table of cells and domains is
    factorized, :math:`p(c \mid d) \approx \sum_y p(c \mid y) \, p(y \mid d)`; and
    :math:`q(y \mid x)` are the nonnegative coefficients of a row's outputs.

    Use it where there are many domains with clearly different shares and no labels: rows that look
    different and vary together are one class. It finds nothing in domains that are alike, and where
    a class looks different from domain to domain, as by another sensor, it finds the domains.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of classes, at most that of the domains.

    discriminator : classifier, default=None
        Learns the domain of a row; needs `predict_proba`, well calibrated. None is a logistic
        regression of standardized features with ``C=0.1``.

    n_cells : int, default=None
        Number of cells; None is that of the classes.

    cv : int, default=5
        Folds in which the outputs for training rows are predicted by classifiers fitted to other
        rows, at most the size of the smallest domain.

    nmf_n_init : int, default=20
        Starts of the factorization, of which the one with the least error is kept.

    nmf_max_iter : int, default=2000
        Iterations of a start.

    adjust : {"nnls", "pinv"}, default="nnls"
        Whether coefficients are nonnegative least squares, or come from the pseudo-inverse.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Class of each training row, with what its domain says. `predict` gives the same only for the
        same outputs of the classifier: those of training rows come from other folds.

    class_priors_ : ndarray of shape (n_clusters, n_domains)
        Shares of the classes in each domain; columns sum to 1. None without domains.

    domains_ : ndarray of shape (n_domains,)
        The domains, sorted; None without domains.

    cell_given_class_ : ndarray of shape (n_cells, n_clusters)
        Shares of the cells in each class; None without domains.

    discriminator_ : estimator
        The classifier, fitted to all rows; without domains k-means of the rows.

    condition_number_ : float
        Of the shares; NaN without domains. Large if the domains are alike.

    See Also
    --------
    sklearn.decomposition.NMF : The factorization.

    Notes
    -----
    Differences from the paper: domains of different sizes count equally, as the equations ask for;
    outputs are out of fold; the factorization has several starts. Without domains it is k-means,
    with a warning.

    References
    ----------
    .. [1] M. Roberts, P. Mani, S. Garg, Z. Lipton (2022). Unsupervised learning under latent label
           shift. *NeurIPS*.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import LatentLabelShiftClustering
    >>> rng = np.random.default_rng(0)
    >>> domains = np.repeat([0, 1, 2], 200)
    >>> y = (rng.random(600) < np.array([0.1, 0.5, 0.9])[domains]).astype(int)
    >>> X = 6 * y[:, np.newaxis] + rng.normal(size=(600, 2))
    >>> model = LatentLabelShiftClustering(2, random_state=0).fit(X, domains=domains)
    >>> model.class_priors_.shape
    (2, 3)
    """

    discriminator: ClassifierMixin | None = param(None, HasMethods(["fit", "predict_proba"]), None)
    n_cells: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    cv: int = param(5, Interval(Integral, 2, None, closed="left"))
    nmf_n_init: int = param(20, Interval(Integral, 1, None, closed="left"))
    nmf_max_iter: int = param(2000, Interval(Integral, 1, None, closed="left"))
    adjust: str = param("nnls", StrOptions({"nnls", "pinv"}))

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, domains=None):
        """Find the classes.

        Parameters
        ----------
        domains : array-like of shape (n_samples,), default=None
            The domain of each row, numbers or strings. Without it rows are clustered by k-means.
        """
        X = check_rows(self, X, reset=True, accept_sparse=False)
        check_n_samples(len(X), self.n_clusters)
        rng = check_random_state(self.random_state)
        self._dtype = X.dtype
        if domains is None:
            return self._fit_without(X, rng)
        domains = check_labels(as_array(domains), "domains")
        if len(domains) != len(X):
            raise ValueError(f"domains has {len(domains)} entries, X {len(X)} rows.")
        self.domains_, d = np.unique(domains, return_inverse=True)
        r, k = len(self.domains_), self.n_clusters
        if r < k:
            raise ValueError(
                f"There are {r} domains, fewer than n_clusters={k}: classes cannot be told apart. "
                "Use fewer clusters or more domains."
            )
        counts = np.bincount(d)
        if counts.min() < 2:
            raise ValueError(
                f"The domain {self.domains_[counts.argmin()]!r} has one row; leave it out."
            )
        self._inverse_shares = len(d) / counts
        model = self.discriminator
        if model is None:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        outputs = np.empty((len(X), r))
        folds = StratifiedKFold(min(self.cv, int(counts.min())), shuffle=True, random_state=rng)
        for train, test in folds.split(X, d):
            outputs[test] = clone(model).fit(X[train], d[train]).predict_proba(X[test])
        self.discriminator_ = clone(model).fit(X, d)
        f = self._balanced(outputs)
        self._factorize(f, d, counts, rng)
        self.condition_number_ = float(np.linalg.cond(self.class_priors_))
        if not self.condition_number_ < _ILL_CONDITIONED:
            warnings.warn(
                f"The shares of the classes in the domains are nearly dependent (condition number "
                f"{self.condition_number_:.3g}): the domains are too much alike, or n_clusters is "
                "too large, and the classes may be noise.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        self.labels_ = self._classes(f, d).argmax(axis=1).astype(np.int32)
        return self

    def _fit_without(self, X, rng):
        """Cluster rows of one domain."""
        warnings.warn(
            "Without domains= there is nothing that shifts; rows are clustered by k-means.",
            ConvergenceWarning,
            stacklevel=caller_level(),
        )
        model = KMeans(self.n_clusters, n_init=5, random_state=rng).fit(X)
        self.domains_ = self.class_priors_ = self.cell_given_class_ = None
        self.condition_number_ = np.nan
        self.discriminator_, self.labels_ = model, model.labels_
        return self

    def _balanced(self, outputs):
        """Probabilities as if all domains had equally many rows."""
        weighted = outputs * self._inverse_shares
        return weighted / weighted.sum(axis=1, keepdims=True)

    def _factorize(self, f, d, counts, rng):
        k = self.n_clusters
        n_cells = min(max(self.n_cells or k, k), len(f))
        seed = rng.randint(2**31 - 1)
        cells = KMeans(n_cells, n_init=5, random_state=seed).fit_predict(f)
        r = len(counts)
        table = np.bincount(cells * r + d, minlength=n_cells * r).reshape(n_cells, r) / counts
        best, least = None, np.inf
        for start in range(self.nmf_n_init):
            init = "nndsvda" if start == 0 and k <= min(table.shape) else "random"
            seed = rng.randint(2**31 - 1)
            nmf = NMF(k, init=init, random_state=seed, max_iter=self.nmf_max_iter)
            with warnings.catch_warnings():
                # Starts that take longer lose against others.
                warnings.simplefilter("ignore", ConvergenceWarning)
                mixed = nmf.fit_transform(table)
            if best is None or nmf.reconstruction_err_ < least:
                best, least = (mixed, nmf.components_), nmf.reconstruction_err_
        mixed, shares = best
        size = np.maximum(mixed.sum(axis=0), np.finfo(float).tiny)
        shares = shares * size[:, np.newaxis]
        total = shares.sum(axis=0)
        self.cell_given_class_ = mixed / size
        self.class_priors_ = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / k)

    def _classes(self, f, d=None):
        """Probabilities of the classes, from those of the domains and the domains if known."""
        Q = self.class_priors_
        P = (Q / np.maximum(Q.sum(axis=1, keepdims=True), 1e-8)).T
        if self.adjust == "nnls":
            q = np.array([nnls(P, row)[0] for row in f])
        else:
            q = np.maximum(f @ np.linalg.pinv(P).T, 0)
        if d is not None:
            within = q * P[d]
            # What contradicts the domain altogether keeps what the row says.
            q = np.where(within.sum(axis=1, keepdims=True) > 0, within, q)
        total = q.sum(axis=1, keepdims=True)
        return np.where(total > 0, q / np.where(total > 0, total, 1), 1 / q.shape[1])

    def _validate(self, X, reset):
        return check_rows(self, X, reset=reset, dtype=self._dtype, accept_sparse=False)

    def _codes(self, domains, n):
        if domains is None:
            return None
        domains = check_labels(as_array(domains), "domains")
        if len(domains) != n or not np.isin(domains, self.domains_).all():
            raise ValueError("domains must name a domain of the fit for each row of X.")
        return np.searchsorted(self.domains_, domains)

    def predict(self, X, domains=None):
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows.
        domains : array-like of shape (n_samples,), default=None
            Their domains, whose shares then count; None where these are not known.
        """
        X = self._new_rows(X)
        if self.domains_ is None:
            return self.discriminator_.predict(X)
        f = self._balanced(self.discriminator_.predict_proba(X))
        return self._classes(f, self._codes(domains, len(X))).argmax(axis=1).astype(np.int32)

    def score(self, X, y=None):
        """Mean largest probability of a class, or minus the loss of k-means without domains.

        Returns
        -------
        score : float
            Higher is better.
        """
        X = self._new_rows(X)
        if self.domains_ is None:
            return float(self.discriminator_.score(X))
        f = self._balanced(self.discriminator_.predict_proba(X))
        return float(self._classes(f).max(axis=1).mean())
