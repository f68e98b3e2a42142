"""suggest: three methods to try first."""

from importlib.util import find_spec
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans, SpectralClustering
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, StandardScaler

import skdeepcluster
from skdeepcluster._sklearn import Interval, validate_params
from skdeepcluster.overview._data import look, text_vectorizer
from skdeepcluster.validation import as_table

# Rows beyond which a method takes too long, or too much memory.
MOST_FOR_MEDOIDS = 10_000
MOST_FOR_SPECTRAL = 10_000
MOST_FOR_GRAPHS = 1_000_000
# A network learns nothing from fewer rows or columns.
LEAST_ROWS_FOR_NETWORKS, LEAST_COLUMNS_FOR_NETWORKS = 1000, 50
# Beyond it a mixture has more parameters than rows, and density says little.
MOST_COLUMNS_FOR_MIXTURES = 20
MOST_COLUMNS_FOR_DENSITY = 10
# Directions of sparse rows and texts.
N_DIRECTIONS = 100


class Suggestion(NamedTuple):
    """An estimator, not fitted, and why to try it.

    Attributes
    ----------
    estimator : estimator
    why : str
    """

    estimator: object
    why: str


class Suggestions(list):
    """Suggestions, the first to be tried first, with what was seen of the data."""

    def __init__(self, suggestions, facts):
        super().__init__(suggestions)
        self.facts = facts

    def __repr__(self):
        lines = ["; ".join(self.facts)]
        for i, (estimator, why) in enumerate(self, start=1):
            code = " ".join(repr(estimator).split())
            lines += [f"{i}. {code}", f"   {why}"]
        return "\n".join(lines)


@validate_params(
    {
        "X": "no_validation",
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def suggest(X, *, n_clusters=None, random_state=0):
    """Three methods to try first, with parameters and reasons.

    It looks at what the data are: rows of numbers in one unit or several, tables with categories or
    gaps, sparse rows, texts, images, a Dataset, a graph, or distances; at the number of rows and
    columns; and at whether the number of clusters is known. Nothing is fitted. The three differ in
    what they take a cluster for, since no look at data without labels says which of them is meant:
    fit all three, and compare them by :func:`report`.

    Parameters
    ----------
    X : array-like, data frame, sparse matrix, list of str, graph or Dataset
        The data as they would be given to `fit`. A sparse, square and symmetric matrix is a graph,
        a dense one with a diagonal of zeros holds distances.

    n_clusters : int, default=None
        Number of clusters. None means that it is not known.

    random_state : int, RandomState instance or None, default=0
        That of the estimators.

    Returns
    -------
    suggestions : list of (estimator, why)
        Printed, it shows what was seen and the three. Each estimator, a pipeline where columns have
        to be prepared, is ready for ``estimator.fit_predict(X)``.

    Raises
    ------
    ValueError
        If X has no rows, or more clusters than rows are asked for.

    See Also
    --------
    NClustersSearch : How many clusters there are.
    report : What the clusters are.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdeepcluster import suggest
    >>> suggestions = suggest(load_wine().data, n_clusters=3)
    >>> suggestions.facts
    ['178 rows, 13 columns', 'columns in different units']
    >>> estimator, why = suggestions[0]
    >>> estimator.fit_predict(load_wine().data).shape
    (178,)
    """
    data = look(X)
    if n_clusters is not None and n_clusters > data.n:
        raise ValueError(f"n_clusters={n_clusters} should be <= n_samples={data.n}.")
    rules = _Rules(data, n_clusters, random_state)
    return Suggestions(getattr(rules, data.kind)()[:3], data.facts)


class _Rules:
    """Suggestions by the kind of data."""

    def __init__(self, data, n_clusters, random_state):
        self.data, self.k, self.n = data, n_clusters, data.n
        self.seed = {"random_state": random_state}
        # One in a hundred is the least group worth a name, and in few rows five.
        self.min_cluster_size = int(max(5, min(self.n // 100, 200)))

    # -- kinds -----------------------------------------------------------------------------------

    def rows(self):
        before = [StandardScaler()] if self.data.units else []
        return self._of_vectors(before)

    def images(self):
        found = self._of_vectors([FunctionTransformer(as_table)])
        if self._network_pays():
            # Networks take images as they are.
            found[2:] = [self._deep()]
        return found

    def column(self):
        if self.k is None:
            search = skdeepcluster.NClustersSearch(skdeepcluster.IntervalClustering(), **self.seed)
            return [
                Suggestion(search, "the best intervals for each number of clusters, by criteria"),
                self._density([]),
                self._searched([]),
            ]
        return [
            Suggestion(
                skdeepcluster.IntervalClustering(self.k),
                "the optimum of k-means, which for one feature can be found exactly",
            ),
            self._mixture([]),
            self._medoids([]),
        ]

    def sparse(self):
        weights = [TfidfTransformer(sublinear_tf=True)] if self.data.counts else []
        return self._of_directions(weights)

    def texts(self):
        return self._of_directions([text_vectorizer()])

    def table(self):
        gower = skdeepcluster.GowerEncoder(categorical=self._given_categories())
        by_gower = "; Gower's distance compares numbers, categories and gaps"
        graph = self._neighbors([gower])
        if self.k is None:
            medoids = skdeepcluster.DynMSC(metric="manhattan", **self.seed)
            return [
                graph._replace(why=graph.why + by_gower),
                Suggestion(
                    make_pipeline(gower, medoids),
                    "well separated groups around real rows, their number included",
                ),
                self._density([gower], metric="manhattan"),
            ]
        medoids = self._medoids([gower], metric="manhattan")
        return [
            medoids._replace(why=medoids.why + by_gower),
            Suggestion(
                make_pipeline(self._one_hot(), self._kmeans()),
                "compact groups of scaled and one-hot columns; the baseline",
            ),
            graph,
        ]

    def graph(self):
        leiden = skdeepcluster.Leiden(self.k, affinity="precomputed", **self.seed)
        first = Suggestion(
            leiden,
            "communities: more edges inside than chance; where nodes have features too, try "
            "SmoothedGraphClustering",
        )
        if self.k is None:
            layers = skdeepcluster.Leiden(
                resolution=[0.5, 1.0, 2.0], affinity="precomputed", **self.seed
            )
            dense = skdeepcluster.Leiden(
                objective="erdos_renyi", affinity="precomputed", **self.seed
            )
            return [
                first,
                Suggestion(layers, "communities at several resolutions, from few to many"),
                Suggestion(dense, "communities denser than the graph is on the whole"),
            ]
        own = skdeepcluster.Leiden(affinity="precomputed", **self.seed)
        last = Suggestion(
            SpectralClustering(self.k, affinity="precomputed", **self.seed),
            "the normalized cut, which keeps sizes alike",
        )
        if self.n > MOST_FOR_SPECTRAL or self.data.n_parts > 1:
            last = Suggestion(
                skdeepcluster.Leiden(
                    self.k, algorithm="louvain", affinity="precomputed", **self.seed
                ),
                "Louvain's method, to see what hangs on the search",
            )
        own = Suggestion(own, "communities, as many as the graph itself has")
        if self.data.n_parts > self.k:
            # Communities are connected, so that there cannot be as few as asked for.
            return [own, first, last]
        return [first, own, last]

    def distances(self):
        given = {"metric": "precomputed"}
        if self.k is None:
            search = skdeepcluster.NClustersSearch(
                skdeepcluster.KMedoids(**given), criterion="silhouette", min_clusters=2, **self.seed
            )
            return [
                self._density([], **given),
                Suggestion(
                    skdeepcluster.DynMSC(**given, **self.seed),
                    "well separated groups around medoids, their number included",
                ),
                Suggestion(search, "medoids, their number by silhouettes"),
            ]
        silhouette = skdeepcluster.FasterMSC(self.k, **given, **self.seed)
        return [
            Suggestion(
                skdeepcluster.KMedoids(self.k, n_init=5, **given, **self.seed),
                "groups around real objects, which needs distances only",
            ),
            Suggestion(
                AgglomerativeClustering(self.k, linkage="average", **given),
                "merges by mean distance, with a tree; outliers may be clusters of their own",
            ),
            Suggestion(silhouette, "medoids whose clusters are well separated"),
        ]

    def items(self):
        if self.k is None:
            deep = skdeepcluster.AutoencoderClusterer
            density = skdeepcluster.HDBSCAN(min_cluster_size=self.min_cluster_size)
            graph = skdeepcluster.NeighborClusterer(None, **self.seed)
            search = skdeepcluster.NClustersSearch(**self.seed)
            return [
                Suggestion(deep(graph, **self.seed), "islands of the code of an autoencoder"),
                Suggestion(deep(density, **self.seed), "dense regions of the code, and noise"),
                Suggestion(deep(search, **self.seed), "compact clusters of the code, by criteria"),
            ]
        return [
            Suggestion(skdeepcluster.DEC(self.k, **self.seed), "an embedding learned for clusters"),
            Suggestion(
                skdeepcluster.SwAV(self.k, **self.seed),
                "an embedding that random views of an image share; give `views` that do not change "
                "what it shows",
            ),
            Suggestion(
                skdeepcluster.AutoencoderClusterer(self._kmeans(), **self.seed),
                "k-means on the code of an autoencoder; the baseline",
            ),
        ]

    # -- what kinds share ------------------------------------------------------------------------

    def _of_vectors(self, before):
        if self.k is None:
            by_density = self._density(before)
            found = [self._neighbors(before), by_density, self._searched(before)]
            if self.data.two_valued:
                # Neighbors have equal values in such columns: every graph is cut between them.
                return found[::-1]
            # In few dimensions density is what one sees.
            return [by_density, *found[::2]] if self.data.d <= 3 else found
        found = [self._neighbors(before), self._compact(before)]
        if self.data.two_valued:
            return [found[1], self._medoids(before), self._mixture(before)]
        if self._network_pays():
            return [*found, self._deep(before)]
        enough = self.n >= 10 * self.data.d * min(self.k, 10)
        if self.data.d <= MOST_COLUMNS_FOR_MIXTURES and enough:
            return [*found, self._mixture(before)]
        return [*found, self._medoids(before)]

    def _of_directions(self, weights):
        """Sparse rows and texts: by the directions of their words, at length one."""
        width = min(N_DIRECTIONS, self.data.d - 1, self.n - 1)
        svd = TruncatedSVD(max(width, 1), **self.seed)
        before = [*weights, svd, Normalizer()]
        last = make_pipeline(*before, skdeepcluster.Leiden(self.k, **self.seed))
        communities = Suggestion(last, "communities of the graph of nearest neighbors")
        if self.k is None:
            return [self._neighbors(before), communities, self._searched(before)]
        return [self._neighbors(before), self._compact(before), communities]

    def _piped(self, before, estimator):
        return make_pipeline(*before, estimator) if before else estimator

    def _neighbors(self, before):
        if self.n > MOST_FOR_GRAPHS:
            clusterer = skdeepcluster.LandmarkSpectral(self.k or 8, **self.seed)
            why = "clusters of any shape, by landmarks; for so many rows"
            return Suggestion(self._piped(before, clusterer), why)
        clusterer = skdeepcluster.NeighborClusterer(self.k, **self.seed)
        why = "clusters of any shape, whose rows are connected by nearest neighbors; seconds"
        if self.k is None:
            why += "; finds a number where there are no clusters, too"
        return Suggestion(self._piped(before, clusterer), why)

    def _kmeans(self):
        if self.n * (self.k or 1) > 20_000_000:
            return MiniBatchKMeans(self.k or 8, **self.seed)
        return KMeans(self.k or 8, n_init=10, **self.seed)

    def _compact(self, before):
        why = "compact clusters of similar extent; the baseline that the others have to beat"
        if self.k > 500 or self.n > MOST_FOR_GRAPHS:
            clusterer = skdeepcluster.HierarchicalKMeans(self.k, **self.seed)
            return Suggestion(self._piped(before, clusterer), "k-means for many rows and clusters")
        return Suggestion(self._piped(before, self._kmeans()), why)

    def _searched(self, before):
        search = skdeepcluster.NClustersSearch(KMeans(n_init=5), **self.seed)
        why = "compact clusters, their number by five criteria; says where there are none"
        return Suggestion(self._piped(before, search), why)

    def _density(self, before, **params):
        clusterer = skdeepcluster.HDBSCAN(self.min_cluster_size, **params)
        why = (
            f"dense regions of any shape with {self.min_cluster_size} rows at least; the rest is "
            "noise"
        )
        if not params and self.data.d > MOST_COLUMNS_FOR_DENSITY:
            before = [*before, skdeepcluster.NeighborLayout(**self.seed)]
            why += "; in a layout, since density says little in many columns"
        return Suggestion(self._piped(before, clusterer), why)

    def _medoids(self, before, **params):
        if self.n > MOST_FOR_MEDOIDS:
            clusterer = skdeepcluster.CLARA(self.k, **params, **self.seed)
        else:
            clusterer = skdeepcluster.KMedoids(self.k, n_init=5, **params, **self.seed)
        why = "groups around real rows, which can be shown; outliers count little"
        return Suggestion(self._piped(before, clusterer), why)

    def _mixture(self, before):
        mixture = GaussianMixture(self.k, n_init=5, **self.seed)
        why = "elliptic clusters that may overlap, with probabilities"
        return Suggestion(self._piped(before, mixture), why)

    def _network_pays(self):
        return (
            self.n >= LEAST_ROWS_FOR_NETWORKS
            and self.data.d >= LEAST_COLUMNS_FOR_NETWORKS
            and not self.data.units
            and find_spec("torch") is not None
        )

    def _deep(self, before=()):
        if self.k is None:
            search = skdeepcluster.NClustersSearch(**self.seed)
            return Suggestion(
                skdeepcluster.AutoencoderClusterer(search, **self.seed),
                "an autoencoder's code, the number of its clusters by criteria; minutes",
            )
        why = "an embedding that a network learns for the clusters; minutes"
        return Suggestion(self._piped(list(before), skdeepcluster.DEC(self.k, **self.seed)), why)

    def _given_categories(self):
        """Categories that no data frame declares."""
        columns = self.data.categorical
        return columns if columns and isinstance(columns[0], (int, np.integer)) else None

    def _one_hot(self):
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        # What is missing is a category.
        kinds = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return make_column_transformer(
            (numbers, list(self.data.numeric)), (kinds, list(self.data.categorical))
        )
