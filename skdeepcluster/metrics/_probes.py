"""How well classes can be predicted from an embedding."""

from numbers import Integral, Real

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_X_y

from skdeepcluster._sklearn import Interval, safe_indexing, validate_params
from skdeepcluster.validation import check_known_labels

_ROWS = {
    "Z": ["array-like", "sparse matrix"],
    "y": ["array-like"],
    "Z_test": ["array-like", "sparse matrix", None],
    "y_test": ["array-like", None],
    "ignore_label": [Integral, str, None],
}


def _check_known(Z, y, ignore_label, name):
    """Rows that have a class, and their classes."""
    y, known = check_known_labels(y, name, ignore_label)
    check_consistent_length(Z, known)
    return check_X_y(Z if known.all() else safe_indexing(Z, known), y, accept_sparse="csr")


def _check_rows(Z, y, Z_test, y_test, ignore_label):
    """Training rows, and test rows if there are any."""
    if (Z_test is None) != (y_test is None):
        missing = "y_test" if y_test is None else "Z_test"
        raise ValueError(f"Z_test and y_test belong together; {missing} is missing.")
    Z, y = _check_known(Z, y, ignore_label, "y")
    if Z_test is not None:
        Z_test, y_test = _check_known(Z_test, y_test, ignore_label, "y_test")
        if Z_test.shape[1] != Z.shape[1]:
            raise ValueError(f"Z_test has {Z_test.shape[1]} columns, but Z has {Z.shape[1]}.")
    return Z, y, Z_test, y_test


@validate_params(
    _ROWS
    | {
        "C": [Interval(Real, 0, None, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def linear_probe_score(
    Z, y, *, Z_test=None, y_test=None, C=1.0, cv=5, random_state=0, ignore_label=-1
):
    """Accuracy of a logistic regression of classes on an embedding (linear probe).

    The embedding is fixed. The score measures how linearly separable the classes are in it,
    whatever its clusters.

    Parameters
    ----------
    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embedding, as returned by `transform`.

    y : array-like of shape (n_samples,)
        Classes, numbers or strings. Rows whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    Z_test, y_test : array-like, default=None
        Embedding and classes of test rows, for a regression fitted to all of `Z`. By default, `Z`
        is evaluated by stratified cross-validation.

    C : float, default=1.0
        Inverse strength of the regularization. Columns are standardized first, which makes it
        independent of the scale of the embedding.

    cv : int, default=5
        Number of stratified folds.

    random_state : int, RandomState instance or None, default=0
        Determines the folds.

    ignore_label : int, str or None, default=-1
        The value of `y` and `y_test` that stands for an unknown class. With None only missing
        values do, and -1 is a class.

    Returns
    -------
    accuracy : float
        Share of rows whose class is predicted correctly, between 0 and 1.

    See Also
    --------
    knn_score : Nearest neighbors instead of a regression.
    clustering_accuracy : How well clusters agree with the classes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdeepcluster.metrics import linear_probe_score
    >>> X, y = load_digits(return_X_y=True)
    >>> Z = PCA(8, random_state=0).fit_transform(X)
    >>> round(linear_probe_score(Z, y), 2)
    0.9
    """
    Z, y, Z_test, y_test = _check_rows(Z, y, Z_test, y_test, ignore_label)
    probe = make_pipeline(
        # Centering would make sparse columns dense.
        StandardScaler(with_mean=not hasattr(Z, "tocsr")),
        LogisticRegression(C=C, max_iter=1000),
    )
    if Z_test is not None:
        return float(probe.fit(Z, y).score(Z_test, y_test))
    folds = StratifiedKFold(cv, shuffle=True, random_state=random_state)
    return float(cross_val_score(probe, Z, y, cv=folds, error_score="raise").mean())


@validate_params(
    _ROWS
    | {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [str, callable],
    },
    prefer_skip_nested_validation=True,
)
def knn_score(
    Z, y, *, Z_test=None, y_test=None, n_neighbors=5, metric="euclidean", ignore_label=-1
):
    """Accuracy of nearest neighbors in an embedding as a classifier.

    The score measures whether rows of a class are near each other. In an embedding whose rows have
    unit length, Euclidean neighbors are those of the largest cosine similarity.

    Parameters
    ----------
    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embedding, as returned by `transform`.

    y : array-like of shape (n_samples,)
        Classes, numbers or strings. Rows whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    Z_test, y_test : array-like, default=None
        Embedding and classes of test rows, whose neighbors are rows of `Z`. By default, each row of
        `Z` is classified by its neighbors among the others.

    n_neighbors : int, default=5
        Number of neighbors that vote.

    metric : str or callable, default="euclidean"
        Distance, as in :class:`sklearn.neighbors.KNeighborsClassifier`.

    ignore_label : int, str or None, default=-1
        The value of `y` and `y_test` that stands for an unknown class. With None only missing
        values do, and -1 is a class.

    Returns
    -------
    accuracy : float
        Share of the rows whose class wins the vote, between 0 and 1.

    See Also
    --------
    linear_probe_score : A logistic regression instead of nearest neighbors.

    Examples
    --------
    >>> from skdeepcluster.metrics import knn_score
    >>> Z = [[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]]
    >>> knn_score(Z, ["a", "a", "a", "b", "b", "b"], n_neighbors=1)
    1.0
    """
    Z, y, Z_test, y_test = _check_rows(Z, y, Z_test, y_test, ignore_label)
    most = len(y) if Z_test is not None else len(y) - 1
    if n_neighbors > most:
        raise ValueError(
            f"n_neighbors={n_neighbors}, but only {most} rows can vote. Choose a smaller number."
        )
    vote = KNeighborsClassifier(n_neighbors, metric=metric).fit(Z, y)
    # Without test rows, scikit-learn leaves each row out of its own vote.
    return float(vote.score(Z_test, y if y_test is None else y_test))
