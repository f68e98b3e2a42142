"""NClustersSearch: the number of clusters of any clusterer."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import MetaEstimatorMixin
from sklearn.cluster import KMeans
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    num_samples,
    routing_enabled,
)
from skdeepcluster.base import Clusterer, RandomStateMixin
from skdeepcluster.base import param as field
from skdeepcluster.selection._criteria import (
    CONSENSUS,
    CRITERIA,
    OF_ROWS,
    Sample,
    consensus_of,
)
from skdeepcluster.selection._fits import Problem, measure_all
from skdeepcluster.validation import as_array

LEAST_SAMPLES = 8


def _model_and_labels(problem, model, labels):
    return model, labels


def _best_has(name):
    """Whether the estimator, or the best one after `fit`, has a method."""

    def check(search):
        getattr(getattr(search, "best_estimator_", None) or search._clusterer(), name)
        return True

    return available_if(check)


class NClustersSearch(RandomStateMixin, MetaEstimatorMixin, Clusterer):
    r"""Number of clusters of any clusterer, and whether there are clusters at all.

    The estimator is fitted for each number of clusters, a criterion is computed, and the number
    with the best one is kept. Before that the score is compared with those of references: rows that
    are uniform in a box. Unless it is higher than all of them and than their mean by three standard
    deviations, the answer is a single cluster. Of the criteria

    - "silhouette" is the highest mean silhouette, "medoid_silhouette" the highest mean of
      :math:`1 - d_1 / d_2`, with the distances to the nearest and the second nearest medoid;
    - "gap" [1]_ is the smallest :math:`k` with
      :math:`\mathrm{Gap}(k) \ge \mathrm{Gap}(k + 1) - s_{k+1}`, where :math:`\mathrm{Gap}(k)` is
      the mean of :math:`\log W_k` of the references minus that of the data, :math:`W_k` the sum of
      squares within clusters;
    - "gaussian" is the least Bayesian information criterion of the Gaussian mixture to which
      expectation maximization leads from the clusters;
    - "eigengap" is the largest difference :math:`\lambda_k - \lambda_{k+1}` of the eigenvalues of
      the normalized graph of nearest neighbors, for which the estimator is not fitted;
    - "stability" is the largest :math:`k` whose clusters of two subsamples agree best;
    - "prediction_strength" [2]_ is the largest :math:`k` for which of each cluster of one half of
      the rows at least four in five pairs are in one cluster of the other half;
    - "consensus", the default, is the median of the numbers that "silhouette", "gap", "gaussian",
      "eigengap" and "prediction_strength" choose.

    No criterion is right for all data: the user guide has a table of how often each is. Use it
    around estimators whose number of clusters is a parameter; for pipelines too, whose criteria
    are measured between the rows that enter the last step. Most criteria and the comparison with
    references expect compact clusters; for others take "stability" and ``min_clusters=2``.

    Parameters
    ----------
    estimator : estimator, default=None
        Clusterer, or pipeline that ends in one. None means
        :class:`sklearn.cluster.KMeans` with ``n_init=5``.

    param : str, default="n_clusters"
        The parameter of the estimator that is the number of clusters, such as "n_components", or
        "kmeans__n_clusters" for a pipeline.

    max_clusters : int, default=20
        Largest number of clusters; reduced for less than twice as many rows.

    min_clusters : int, default=1
        Smallest number of clusters. From 2 on there are no references, and clusters are found in
        any data.

    criterion : str, default="consensus"
        How a number is chosen: one of the criteria above.

    n_repeats : int, default=10
        Number of references, and of resamples for criteria that need them.

    max_samples : int, default=2000
        Criteria are measured on so many rows at most, drawn at random. The estimator is fitted to
        all rows once for each number.

    n_jobs : int, default=None
        Number of fits at a time, by joblib; None means 1, -1 all processors.

    Attributes
    ----------
    n_clusters_ : int
        The number chosen; 1 where no structure was found.

    has_structure_ : bool
        Whether more than one cluster was chosen.

    best_estimator_ : estimator
        The estimator that was fitted to all rows for the number chosen.

    best_params_ : dict
        The parameter and the number chosen.

    best_score_ : float
        Score of the number chosen; for "consensus" the share of its criteria that chose it.

    best_index_ : int
        Its index in `cv_results_`.

    labels_ : ndarray of shape (n_samples,)
        Clusters of the best estimator.

    choices_ : dict of str to int
        The number that each criterion chose; several for "consensus".

    references_ : dict of str to ndarray of shape (n_repeats,)
        What the references had for the number that each criterion had chosen before it was compared
        with them: scores; silhouettes for "stability" and "prediction_strength", which are high for
        uniform rows too; the last eigenvalue before the gap for "eigengap". Not there for the gap,
        which contains them, and where none were needed.

    cv_results_ : dict of str to ndarray of shape (n_numbers,)
        A table with a row for each number, 1 first: "params", "param_<param>", for each criterion
        "mean_test_<criterion>" and "std_test_<criterion>", the standard error of the former, and
        "mean_test_score", "std_test_score" and "rank_test_score" of the one that decides. NaN where
        a score is undefined.

    n_features_in_ : int
        Number of features seen during `fit`; only if the estimator has it.

    See Also
    --------
    skdeepcluster.displays.NClustersDisplay : The criteria over the number of clusters.
    PPP : K-means with a number of clusters that a mixture confirms.
    DynMSC : Medoids whose number is chosen by the medoid silhouette, in one fit.

    Notes
    -----
    Fits share work where they can: a hierarchy is computed once and cut for each number, k-medoids
    goes from the largest number down and starts from the medoids before. All others are fitted
    independently, in parallel with `n_jobs`. The result does not depend on it.

    The answer 1 has no score for silhouettes, gaps of eigenvalues and resamples; it comes from the
    references alone. Each reference is as large as the sample of the data; half of them fill the
    box of the features and half that of the principal axes. For distances there are none, so that 1
    is never the answer then.

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie (2001). Estimating the number of clusters in a data
           set via the gap statistic. *Journal of the Royal Statistical Society B* 63(2), 411-423.
    .. [2] R. Tibshirani, G. Walther (2005). Cluster validation by prediction strength. *Journal of
           Computational and Graphical Statistics* 14(3), 511-528.
    .. [3] T. Lange, V. Roth, M. L. Braun, J. M. Buhmann (2004). Stability-based validation of
           clustering solutions. *Neural Computation* 16(6), 1299-1323.
    .. [4] U. von Luxburg (2007). A tutorial on spectral clustering. *Statistics and Computing*
           17(4), 395-416.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import NClustersSearch
    >>> X, _ = make_blobs(300, centers=4, cluster_std=0.6, random_state=0)
    >>> search = NClustersSearch(max_clusters=8, criterion="silhouette", random_state=0).fit(X)
    >>> search.n_clusters_, search.best_estimator_
    (4, KMeans(n_clusters=4, n_init=5, random_state=209652396))
    >>> uniform = np.random.default_rng(0).uniform(size=(300, 2))
    >>> search.fit(uniform).n_clusters_
    1
    """

    estimator: object = field(None, HasMethods("fit"), None, positional=True)
    param: str = field("n_clusters", str)
    max_clusters: int = field(20, Interval(Integral, 2, None, closed="left"))
    min_clusters: int = field(1, Interval(Integral, 1, None, closed="left"))
    criterion: str = field("consensus", StrOptions({"consensus", *CRITERIA}))
    n_repeats: int = field(10, Interval(Integral, 2, None, closed="left"))
    max_samples: int = field(2000, Interval(Integral, LEAST_SAMPLES, None, closed="left"))
    n_jobs: int | None = field(None, Integral, None)

    def _clusterer(self):
        return KMeans(n_init=5) if self.estimator is None else self.estimator

    # The estimator is a pipeline of others, whose parameters are checked by themselves.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Fit the estimator for each number of clusters and choose one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or whatever the estimator takes.

        y : array-like of shape (n_samples,), default=None
            Passed to the estimator.

        **params : dict
            Passed to the `fit` of the estimator, by metadata routing where it is enabled. What has
            an entry for each row is resampled with the rows.
        """
        problem = self._problem(X, y, params)
        ((*fitted,),) = measure_all([problem], _model_and_labels, self.n_jobs)
        models, labels = map(list, zip(*fitted, strict=True))
        n = problem.n_samples
        rows = np.arange(n)
        if n > self.max_samples:
            draw = np.random.default_rng([problem.seed, 4]).permutation(n)
            rows = np.sort(draw[: self.max_samples])
        compared = self.min_clusters == 1
        sample = Sample(problem, models, labels, rows, self.n_repeats, self.n_jobs, compared)
        names = CONSENSUS if self.criterion == "consensus" else (self.criterion,)
        scores = {name: CRITERIA[name](sample) for name in names}
        self.choices_ = {name: found.answer() for name, found in scores.items()}
        self.references_ = {
            name: found.null for name, found in scores.items() if found.null is not None
        }
        chosen = max(consensus_of(self.choices_.values()), self.min_clusters)
        self.n_clusters_, self.has_structure_ = int(chosen), bool(chosen > 1)
        self.cv_results_ = self._table((1, *problem.numbers), scores)
        self._keep_best(problem, models, labels)
        return self

    def _problem(self, X, y, params):
        """What is fitted, checked as far as the estimator does not check it."""
        estimator = self._clusterer()
        if self.param not in estimator.get_params():
            raise ValueError(
                f"{type(estimator).__name__} has no parameter param={self.param!r}; it has "
                f"{sorted(estimator.get_params())}."
            )
        if self.max_clusters < self.min_clusters:
            raise ValueError(
                f"max_clusters={self.max_clusters} should be >= min_clusters={self.min_clusters}."
            )
        if routing_enabled():
            params = process_routing(self, "fit", **params).estimator.fit
        X = as_array(X)
        # Not all sparse formats have rows to be drawn.
        X = csr_array(X) if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
        if get_tags(estimator).input_tags.pairwise:
            if len(X.shape) != 2 or X.shape[0] != X.shape[1]:
                raise ValueError(f"Distances of pairs must be a square matrix; got {X.shape}.")
            if self.criterion in OF_ROWS | {"consensus"}:
                raise ValueError(
                    f"criterion={self.criterion!r} needs rows, not distances of pairs. Take one of "
                    f"{sorted(set(CRITERIA) - OF_ROWS)}."
                )
        n = num_samples(X)
        if n < max(LEAST_SAMPLES, 2 * self.min_clusters):
            # The estimator has the first word on rows that no one can take.
            clone_ = Problem(estimator, self.param, (2,), X, {}, 0).of_number(min(2, max(n, 1)))
            clone_.fit(X)
            raise ValueError(
                f"NClustersSearch needs {max(LEAST_SAMPLES, 2 * self.min_clusters)} samples at "
                f"least; n_samples={n}."
            )
        most = min(self.max_clusters, n // 2)
        numbers = tuple(range(max(2, self.min_clusters), most + 1))
        if y is not None:
            params = {**params, "y": y}
        return Problem(estimator, self.param, numbers, X, params, self._seed())

    def _table(self, numbers, scores):
        table = {
            "params": np.array([{self.param: number} for number in numbers], dtype=object),
            f"param_{self.param}": np.array(numbers),
        }
        for name, found in scores.items():
            table[f"mean_test_{name}"], table[f"std_test_{name}"] = found.mean, found.error
        if self.criterion == "consensus":
            chosen = list(self.choices_.values())
            table["mean_test_score"] = np.array([chosen.count(n) for n in numbers]) / len(chosen)
            table["std_test_score"] = np.zeros(len(numbers))
        else:
            table["mean_test_score"] = table[f"mean_test_{self.criterion}"]
            table["std_test_score"] = table[f"std_test_{self.criterion}"]
        # The number chosen first, and then by score.
        order = np.nan_to_num(-table["mean_test_score"], nan=np.inf)
        order[numbers.index(self.n_clusters_)] = -np.inf
        rank = np.searchsorted(np.sort(order), order) + 1
        table["rank_test_score"] = rank.astype(np.int32)
        return table

    def _keep_best(self, problem, models, labels):
        numbers = (1, *problem.numbers)
        self.best_index_ = numbers.index(self.n_clusters_)
        self.best_params_ = {self.param: self.n_clusters_}
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        best = models[self.best_index_ - 1] if self.has_structure_ else None
        # A single cluster was not fitted, and a tree only for another number.
        if best is None or best.get_params()[self.param] != self.n_clusters_:
            ((fitted,),) = measure_all(
                [problem._replace(numbers=(self.n_clusters_,))], _model_and_labels, None
            )
            best, of_best = fitted
        else:
            of_best = labels[self.best_index_ - 1]
        self.best_estimator_, self.labels_ = best, of_best
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(best, name):
                setattr(self, name, getattr(best, name))

    @_best_has("predict")
    def predict(self, X):
        """The clusters of new rows, by the best estimator."""
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @_best_has("predict_proba")
    def predict_proba(self, X):
        """Probabilities of the clusters for new rows, by the best estimator.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Of each row and cluster.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @_best_has("transform")
    def transform(self, X):
        """What the best estimator makes of new rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            As its `transform` returns them.
        """
        check_is_fitted(self)
        return self.best_estimator_.transform(X)

    @_best_has("transform")
    def fit_transform(self, X, y=None, **params):
        """Fit the estimator for each number, choose one and transform the rows by it.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            As the `transform` of the best estimator returns them.
        """
        return self.fit(X, y, **params).transform(X)

    @_best_has("score")
    def score(self, X, y=None):
        """Score of the best estimator.

        Returns
        -------
        score : float
            Higher is better.
        """
        check_is_fitted(self)
        return self.best_estimator_.score(X, y)

    def get_metadata_routing(self):
        """How metadata reach the estimator.

        Returns
        -------
        routing : MetadataRouter
            What `fit` takes is that of the estimator's `fit`.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self._clusterer(), method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._clusterer())
        tags.input_tags = inner.input_tags
        tags.transformer_tags = inner.transformer_tags
        tags.array_api_support = False
        return tags
