"""report: one page about a clustering."""

from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import check_array, check_random_state, get_tags

from skdeepcluster._sklearn import Interval, num_samples, validate_params
from skdeepcluster.displays._common import estimator_labels
from skdeepcluster.displays._embedding import plane
from skdeepcluster.displays._images import as_images, is_items, typical_rows
from skdeepcluster.overview import _page
from skdeepcluster.overview._measures import (
    drawn_rows,
    leads_and_others,
    silhouettes_and_neighbors,
)
from skdeepcluster.overview._rows import (
    Table,
    check_pillow,
    effects_for,
    is_text,
    names_of_rows,
    some_rows,
)
from skdeepcluster.overview._stability import rows_of, stability_of_clusters
from skdeepcluster.validation import as_array, as_table, check_labels, embed, last_step


@dataclass(kw_only=True, eq=False, repr=False)
class Report:
    """The numbers of a page about a clustering, and the page.

    Parameters
    ----------
    title : str
        Heading of the page.
    estimator : str
        The estimator and its parameters.
    labels : ndarray of shape (n_samples,)
        Cluster of each row, -1 for noise.
    clusters : ndarray of shape (n_clusters,)
        The labels that occur, without -1.
    sizes : ndarray of shape (n_clusters,)
        Numbers of rows.
    rows : ndarray of shape (n_drawn,)
        Indices of the rows that are drawn; `coordinates`, `silhouettes`, `neighbors` and
        `confidences` are theirs.
    coordinates : ndarray of shape (n_drawn, 2)
        Positions in the plane of the embedding.
    axis_names : tuple of (str or None)
        What the two axes are.
    silhouettes : ndarray of shape (n_drawn,)
        NaN for noise, and where they are not defined.
    neighbors : ndarray of shape (n_drawn,)
        The most probable other cluster, or the nearest one without `predict_proba`, as an index of
        `clusters`; -1 where there is none.
    confidences : ndarray of shape (n_drawn,) or None
        The largest probability minus the second largest; None without `predict_proba`.
    stability : ndarray of shape (n_clusters,) or None
        Mean Jaccard similarity to the clusters of refits; None where none was asked for.
    n_refits : int
        Number of refits.
    prototypes : list of ndarray
        Of each cluster the rows that stand for it, the most typical first.
    uncertain : ndarray of shape (n_uncertain,)
        Rows between clusters, the most uncertain first.
    effects : Effects or None
        What distinguishes clusters.
    """

    title: str
    estimator: str
    labels: np.ndarray
    clusters: np.ndarray
    sizes: np.ndarray
    rows: np.ndarray
    coordinates: np.ndarray
    axis_names: tuple
    silhouettes: np.ndarray
    neighbors: np.ndarray
    confidences: np.ndarray | None
    stability: np.ndarray | None
    n_refits: int
    prototypes: list
    uncertain: np.ndarray
    effects: object
    # The rows, as they are shown: Table, Images, texts and names.
    shown: dict = field(default_factory=dict)

    @property
    def mean_silhouettes(self):
        """The mean silhouette of each cluster, of the rows drawn."""
        drawn = self.labels[self.rows]
        return np.array(
            [
                values.mean() if len(values := _defined(self.silhouettes[drawn == k])) else np.nan
                for k in self.clusters
            ]
        )

    def to_html(self):
        """The page, as a string; it needs no other file and no network."""
        return _page.page(self)

    def save(self, path):
        """Write the page to a file, and return its path."""
        path = Path(path)
        path.write_text(self.to_html(), encoding="utf-8")
        return path

    def __repr__(self):
        return f"<Report: {len(self.clusters)} clusters of {len(self.labels)} rows>"

    def _repr_html_(self):
        return _page.short_form(self)


def _defined(values):
    return values[~np.isnan(values)]


@validate_params(
    {
        "estimator": "no_validation",
        "X": "no_validation",
        "feature_names": ["array-like", None],
        "images": "no_validation",
        "texts": ["array-like", None],
        "path": [str, Path, None],
        "title": [str, None],
        "metric": [str, callable, None],
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "n_refits": [Interval(Integral, 0, None, closed="left")],
        "max_samples": [Interval(Integral, 10, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def report(
    estimator,
    X,
    *,
    feature_names=None,
    images=None,
    texts=None,
    path=None,
    title=None,
    metric=None,
    n_prototypes=8,
    n_refits=0,
    max_samples=2000,
    random_state=0,
):
    r"""One page about a clustering: what its clusters are and how sure they are.

    The page has the sizes of the clusters, the plane of their embedding, silhouettes, typical rows,
    what distinguishes each cluster from all other rows, and the rows that lie between clusters. It
    is one file of HTML for any browser, without network. Jinja2, Bokeh and Pillow are needed:
    ``pip install 'skdeepcluster[report]'``.

    Parameters
    ----------
    estimator : estimator
        Fitted clusterer, or a pipeline or search that ends in one. The labels come from its
        `predict`, or from `labels_` if it has none.

    X : array-like, data frame, sparse matrix, list of str or Dataset
        Rows, as the estimator takes them; those of `fit` if it cannot predict. What distinguishes
        clusters is measured on the columns of X itself, in their units: give a pipeline and the raw
        table.

    feature_names : sequence of str, default=None
        Names of the columns. None means those of a data frame, else x0, x1, ...

    images : array-like, sequence, Dataset or tuple of int, default=None
        An image for each row, of shape (H, W), (C, H, W) or (H, W, C); or their shape, where the
        rows of X are images. None means X itself where it holds images, and the `image_shape` of
        the estimator.

    texts : sequence of str, default=None
        A text for each row, to be shown and to be compared by words. None means X where it is a
        list of str.

    path : str or Path, default=None
        File to be written. None writes none; `save` does it later.

    title : str, default=None
        Heading of the page. None means the name of the estimator.

    metric : str or callable, default=None
        Distance of the silhouettes. None means the estimator's `metric`, or "euclidean".

    n_prototypes : int, default=8
        Number of typical rows shown of each cluster, and half of the number of uncertain rows.

    n_refits : int, default=0
        Number of refits, to half of the rows each, by which the stability of the clusters is
        measured. They take the time of half as many fits.

    max_samples : int, default=2000
        Number of rows of pictures, silhouettes and typical rows; beyond it they are drawn at
        random, so that small clusters keep 20 rows. Sizes and effects are those of all rows.

    random_state : int, RandomState instance or None, default=0
        Determines the rows drawn and the refits.

    Returns
    -------
    report : Report
        `save` writes the page, `to_html` returns it, and a notebook shows a short form. What it
        shows are attributes: `clusters`, `sizes`, `mean_silhouettes`, `stability`, `prototypes` and
        `uncertain` (indices of rows), `effects` (`names`, `inside`, `outside`, `sizes`).

    Raises
    ------
    ImportError
        Where Jinja2, Bokeh or Pillow is missing, with what to install.
    ValueError
        If labels, images, texts or names do not fit X, or there is no cluster at all.

    See Also
    --------
    suggest : Which methods to try, before there are clusters.
    skdeepcluster.displays.EmbeddingDisplay : The plane alone, by matplotlib.

    Notes
    -----
    Typical rows are the medoids of the estimator, where X are the rows of its fit, and then those
    nearest to the mean of their cluster in the embedding. Uncertain rows have the smallest lead of
    the largest probability over the second; without `predict_proba`, the smallest silhouette. The
    stability of a cluster is the mean of its largest Jaccard similarity to the clusters of a refit
    [1]_; above 0.75 it is stable, below 0.5 it dissolves. Effects are Cohen's d of numbers and
    Cohen's h of shares [2]_, of which 0.2 is small and 0.8 large.

    References
    ----------
    .. [1] C. Hennig (2007). Cluster-wise assessment of cluster stability. *Computational Statistics
           & Data Analysis* 52(1), 258-271.
    .. [2] J. Cohen (1988). *Statistical Power Analysis for the Behavioral Sciences*, 2nd edition.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepcluster import KMedoids, report
    >>> wine = load_wine(as_frame=True)
    >>> model = make_pipeline(StandardScaler(), KMedoids(3, random_state=0)).fit(wine.data)
    >>> page = report(model, wine.data)
    >>> page
    <Report: 3 clusters of 178 rows>
    >>> [page.effects.names[j] for j in page.effects.strongest(2, n=1)]
    ['color_intensity']
    """
    step, _ = last_step(estimator)
    X = as_array(X)
    labels = check_labels(estimator_labels(estimator, X), "labels_")
    n = num_samples(X)
    found, member = np.unique(labels, return_inverse=True)
    if found[0] == -1:
        found, member = found[1:], member - 1
    if not len(found):
        raise ValueError("All rows are noise: there is no cluster to report on.")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    pairwise = get_tags(estimator).input_tags.pairwise
    if texts is None and is_text(X):
        texts = X
    if texts is not None and len(texts) != n:
        raise ValueError(f"There are {len(texts)} texts, but X has {n} rows.")
    images = None if pairwise else as_images(X, images, step)
    if images is not None:
        check_pillow()
    table = Table(X, feature_names, features=not pairwise)
    effects = effects_for(table, texts, images, member, len(found))

    rows = drawn_rows(member, len(found), max_samples, rng)
    space, Z, probabilities = _spaces(estimator, X, rows, pairwise)
    coordinates, _, axis_names = plane(Z, None, None)
    metric = _metric(step, metric, pairwise)
    silhouettes, neighbors = silhouettes_and_neighbors(space, member[rows], len(found), metric)
    confidences = None
    if probabilities is not None:
        confidences, neighbors = leads_and_others(probabilities, labels[rows], found)
    stability = None
    if n_refits:
        stability = stability_of_clusters(estimator, X, member, len(found), n_refits, rng)
    doubt = silhouettes if confidences is None else confidences
    uncertain = rows[
        np.argsort(doubt, kind="stable")[: min(2 * n_prototypes, len(_defined(doubt)))]
    ]
    page = Report(
        title=f"Clusters by {type(step).__name__}" if title is None else title,
        estimator=repr(estimator),
        labels=labels,
        clusters=found,
        sizes=np.bincount(member[member >= 0], minlength=len(found)),
        rows=rows,
        coordinates=coordinates,
        axis_names=axis_names,
        silhouettes=silhouettes,
        neighbors=neighbors,
        confidences=confidences,
        stability=stability,
        n_refits=n_refits,
        prototypes=typical_rows(step, Z, rows, labels, found, n_prototypes),
        uncertain=uncertain,
        effects=effects,
        shown={
            "table": table,
            "images": images,
            "texts": None if texts is None else list(texts),
            "names": names_of_rows(X),
        },
    )
    if path is not None:
        page.save(path)
    return page


def _spaces(estimator, X, rows, pairwise):
    """Of the rows drawn: what the last step receives, the embedding, and probabilities or None."""
    some = X if len(rows) == num_samples(X) and not is_items(X) else some_rows(X, rows)
    space = as_table(rows_of(X, rows, True) if pairwise else last_step(estimator, some)[1])
    Z = check_array(embed(estimator, some), accept_sparse="csr", dtype=[np.float64, np.float32])
    probabilities = None
    if hasattr(estimator, "predict_proba"):
        probabilities = np.asarray(estimator.predict_proba(some), dtype=np.float64)
        if probabilities.ndim != 2 or probabilities.shape[1] < 2:
            probabilities = None
    return space, Z, probabilities


def _metric(step, metric, pairwise):
    if pairwise:
        return "precomputed" if getattr(step, "metric", None) == "precomputed" else None
    if metric is None:
        metric = getattr(step, "metric", "euclidean")
    return metric if isinstance(metric, str) or callable(metric) else "euclidean"
