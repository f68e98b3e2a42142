"""Known classes against all other rows: which rows of a shifted collection belong to none."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.special import entr
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, validate_params
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.smoothing import unit_length
from skdeepcluster.discovery._novel import sampled_silhouette
from skdeepcluster.validation import FLOATS, unit_rows

# Numbers of clusters that are tried, in units of the known classes, and the least.
RATIOS, LEAST_CLUSTERS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0), 2
# Axes on which silhouettes are computed, by reducer.
AXES = {"pca": 50, "tsne": 2}
# Rows compared with prototypes at a time.
BLOCK_ROWS = 2**14


class OneVsAll(NamedTuple):
    """The result of `one_vs_all_labels`, which describes it."""

    labels: np.ndarray
    margins: np.ndarray
    entropy: np.ndarray
    prototypes: np.ndarray
    negatives: np.ndarray
    priors: np.ndarray
    n_clusters: int
    silhouettes: dict

    def predict(self, Z):
        """Labels of further rows in the same embedding.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        Z = _directions(Z)
        if Z.shape[1] != self.prototypes.shape[1]:
            raise ValueError(
                f"Z has {Z.shape[1]} columns, and the prototypes have {self.prototypes.shape[1]}."
            )
        return _compared(Z, self.prototypes, self.negatives, self.priors)[0]


@validate_params(
    {
        "Z": ["array-like"],
        "proba": ["array-like"],
        "n_clusters": [Interval(Integral, LEAST_CLUSTERS, None, closed="left"), None],
        "rho": [Interval(Real, 0, 1, closed="both")],
        "reducer": [StrOptions(set(AXES)), None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def one_vs_all_labels(
    Z, proba, *, n_clusters=None, rho=0.75, reducer="pca", n_init=5, random_state=None
):
    r"""Known class of each row, or none, from an embedding and the probabilities of a classifier.

    A classifier of known classes gives one of them to every row, also where a new collection has
    classes that it has never seen and lacks others. Here each known class has a prototype, which
    competes for a row with centers of all rows that are not the class's best candidates; no
    threshold has to be chosen [1]_. Use it to label a new collection with an old model. Clusters of
    known classes have to be apart from the others in the embedding: an unknown class that lies
    beside a known one is absorbed by it, and the classifier's `entropy` may then be the better
    guide.

    With the rows :math:`z_i` scaled to length one, probabilities :math:`p_{ic}` and the
    :math:`\lfloor n / K \rfloor` most probable rows :math:`T_c` of class :math:`c`, for :math:`K`
    clusters in all,

    .. math:: w_c \propto \sum_{i \in T_c} z_i, \qquad
        \kappa_c = \rho + \frac{1 - \rho}{|T_c|} \sum_{i \in T_c} p_{ic},

    and :math:`v_{c1}, \dots, v_{cK}` are the centers, of length one, of a k-means of the rows
    outside :math:`T_c`. A row belongs to :math:`c^* = \arg\max_c \langle w_c, z_i \rangle` if

    .. math:: \kappa_{c^*} \langle w_{c^*}, z_i \rangle \ge \max_k \langle v_{c^* k}, z_i \rangle ,

    and to no known class otherwise.

    Read more in the :ref:`User Guide <user_guide_one_vs_all>`.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_components)
        Embedding of the rows, such as the features before the classifier's last layer. Only
        directions count.

    proba : array-like of shape (n_samples, n_classes)
        Probabilities of at least two known classes; each row sums to 1.

    n_clusters : int, default=None
        Number of classes of the rows, known ones that occur and unknown ones together, at least 2.
        None takes that of the largest mean silhouette of k-means among 1/4, 1/2, 1, 3/2, 2 and 3
        times the number of known classes.

    rho : float, default=0.75
        Least factor :math:`\kappa_c`, between 0 and 1. With 1 a row belongs to the nearest of
        prototype and centers; with less, classes whose candidates are improbable get fewer rows.

    reducer : {"pca", "tsne"} or None, default="pca"
        Space of the silhouettes, of 2,000 rows at most: the 50 leading principal axes, a
        two-dimensional t-SNE, which is slow, or the embedding itself.

    n_init : int, default=5
        Number of k-means runs, of which the best is kept.

    random_state : int, RandomState instance or None, default=None
        Seeds k-means, t-SNE and the sample of rows for silhouettes.

    Returns
    -------
    found : named tuple
        Its fields are

        - `labels`, ndarray of shape (n_samples,): the column of `proba`, or -1 for no known class;
        - `margins`, ndarray of shape (n_samples,): left side of the comparison less the right one;
          not negative for rows of a known class;
        - `entropy`, ndarray of shape (n_samples,): of the probabilities, divided by that of equal
          ones; a large one is the simpler sign of no known class;
        - `prototypes`, ndarray of shape (n_classes, n_components): :math:`w_c`;
        - `negatives`, ndarray of shape (n_classes, n_clusters, n_components): :math:`v_{ck}`;
        - `priors`, ndarray of shape (n_classes,): :math:`\kappa_c`;
        - `n_clusters`, int: the number given or found;
        - `silhouettes`, dict of int to float: of each number tried, empty if it is given.

        ``found.predict(Z)`` labels further rows of the embedding.

    Raises
    ------
    ValueError
        If `proba` has another number of rows than `Z`, fewer than two columns or rows that are no
        probabilities, if there are too few rows for the clusters, or if rows of `Z` are zero.

    See Also
    --------
    GlobalLocalAdapter : A network that adapts to these labels.
    NCDKMeans : Clusters of rows that are known to belong to no known class.

    Notes
    -----
    Differences from the authors' code: silhouettes are computed in principal axes instead of t-SNE
    by default, and 3/2 is among the ratios tried; the number of clusters is an integer everywhere,
    at least 2; k-means has several starts and is seeded anew for each class.

    References
    ----------
    .. [1] S. Qu et al. (2023). Upcycling models under domain and category shift. *CVPR*.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdeepcluster import one_vs_all_labels
    >>> Z, y = make_blobs(400, centers=10 * np.eye(4), random_state=0)
    >>> known = LogisticRegression().fit(Z[:200][y[:200] < 3], y[:200][y[:200] < 3])
    >>> found = one_vs_all_labels(Z, known.predict_proba(Z), n_clusters=4, random_state=0)
    >>> bool((found.labels == np.where(y < 3, y, -1)).all())
    True
    """
    Z = _directions(Z)
    proba = _probabilities(proba)
    check_consistent_length(Z, proba)
    rng = check_random_state(random_state)
    silhouettes = {}
    if n_clusters is None:
        numbers = {max(LEAST_CLUSTERS, int(r * proba.shape[1])) for r in RATIOS}
        silhouettes = _silhouettes(Z, sorted(numbers), reducer, n_init, rng)
        n_clusters = max(silhouettes, key=silhouettes.get, default=LEAST_CLUSTERS)
    if not _are_enough(len(Z), n_clusters):
        raise ValueError(
            f"n_samples={len(Z)} is too few for {n_clusters} clusters: the rows that are no "
            "candidates of a class must be at least as many. Use fewer clusters or more rows."
        )
    prototypes, negatives, priors = _one_against_others(Z, proba, n_clusters, rho, n_init, rng)
    labels, margins = _compared(Z, prototypes, negatives, priors)
    entropy = entr(proba).sum(axis=1) / np.log(proba.shape[1])
    return OneVsAll(
        labels, margins, entropy, prototypes, negatives, priors, n_clusters, silhouettes
    )


def _directions(Z):
    """Rows of length one."""
    Z = check_array(Z, dtype=FLOATS, input_name="Z")
    if not Z.any(axis=1).all():
        raise ValueError("Z has rows of zeros, which have no direction. Leave them out.")
    return np.ascontiguousarray(unit_rows(Z))


def _probabilities(proba):
    proba = check_array(proba, dtype=np.float64, input_name="proba")
    if proba.shape[1] < 2:
        raise ValueError(
            f"proba needs a column for each of at least two classes, got {proba.shape[1]}."
        )
    sums = proba.sum(axis=1)
    # Single-precision softmax rows miss their sum of 1 by about this much.
    if proba.min() < 0 or np.abs(sums - 1).max() > 1e-4:
        raise ValueError(
            "The rows of proba must be probabilities: not negative, with a sum of 1. Got values in "
            f"[{proba.min():g}, {proba.max():g}] and sums in [{sums.min():g}, {sums.max():g}]. "
            "Pass scores through a softmax first."
        )
    return proba


def _are_enough(n, n_clusters):
    return n_clusters <= n - n // n_clusters and n >= n_clusters


def _seed(rng):
    return rng.randint(np.iinfo(np.int32).max)


def _silhouettes(Z, numbers, reducer, n_init, rng):
    """Mean silhouette of k-means with each number of clusters for which there are enough rows."""
    seed = _seed(rng)
    n, d = Z.shape
    if reducer == "tsne" and min(n, d) > AXES[reducer]:
        perplexity = min(30.0, (n - 1) / 3)
        layout = TSNE(AXES[reducer], perplexity=perplexity, random_state=seed)
        Z = layout.fit_transform(Z)
    elif reducer == "pca" and min(n, d) > AXES[reducer]:
        Z = PCA(AXES[reducer], random_state=seed).fit_transform(Z)
    return {
        k: sampled_silhouette(Z, kmeans(Z, k, n_init=n_init, seed=seed)[1], seed)
        for k in numbers
        if _are_enough(n, k)
    }


def _one_against_others(Z, proba, n_clusters, rho, n_init, rng):
    """Prototypes of the classes, centers of the rows that are not their candidates, and factors."""
    n, d = Z.shape
    n_classes = proba.shape[1]
    prototypes = np.empty((n_classes, d), Z.dtype)
    negatives = np.empty((n_classes, n_clusters, d), Z.dtype)
    priors = np.empty(n_classes)
    for c in range(n_classes):
        order = np.argsort(-proba[:, c], kind="stable")
        candidates, others = order[: n // n_clusters], np.sort(order[n // n_clusters :])
        # Means of opposite rows may be zero, and stay so.
        prototypes[c] = unit_length(Z[candidates].mean(axis=0, keepdims=True))[0]
        priors[c] = rho + (1 - rho) * proba[candidates, c].mean()
        centers, _ = kmeans(Z[others], n_clusters, n_init=n_init, seed=_seed(rng))
        negatives[c] = unit_length(centers)
    return prototypes, negatives, priors


def _compared(Z, prototypes, negatives, priors):
    """Labels and margins of rows of length one."""
    labels, margins = np.empty(len(Z), np.int32), np.empty(len(Z))
    for start in range(0, len(Z), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        z = Z[block].astype(np.float64, copy=False)
        similar = z @ prototypes.T
        nearest = similar.argmax(axis=1)
        positive = priors[nearest] * similar[np.arange(len(z)), nearest]
        for c in np.unique(nearest):
            mine = nearest == c
            positive[mine] -= (z[mine] @ negatives[c].T).max(axis=1)
        margins[block] = positive
        labels[block] = np.where(positive >= 0, nearest, -1)
    return labels, margins
