"""How well classes can be told from an embedding."""

from numbers import Integral, Real

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_X_y

from skdeepcluster._sklearn import Interval, validate_params

_ROWS = {
    "Z": ["array-like", "sparse matrix"],
    "y": ["array-like"],
    "Z_test": ["array-like", "sparse matrix", None],
    "y_test": ["array-like", None],
}


def _check_rows(Z, y, Z_test, y_test):
    """Rows to learn from, and those to be judged by, None if there are none apart."""
    if (Z_test is None) != (y_test is None):
        missing = "y_test" if y_test is None else "Z_test"
        raise ValueError(f"Z_test and y_test belong together; {missing} is missing.")
    Z, y = check_X_y(Z, y, accept_sparse="csr")
    if Z_test is not None:
        Z_test, y_test = check_X_y(Z_test, y_test, accept_sparse="csr")
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
def linear_probe_score(Z, y, *, Z_test=None, y_test=None, C=1.0, cv=5, random_state=0):
    """Accuracy of a logistic regression that tells classes from an embedding.

    The embedding stays as it is. The score says whether its axes hold what distinguishes the
    classes, whatever clusters were made of it.

    Parameters
    ----------
    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embedding, as `transform` gives it.

    y : array-like of shape (n_samples,)
        Classes, numbers or strings.

    Z_test, y_test : array-like, default=None
        Embedding and classes of other rows, by which the regression on all of `Z` is judged. By
        default `Z` is split into folds, and each is judged by the regression on the others.

    C : float, default=1.0
        Inverse strength of the regularization. Columns are standardised before, so that it means
        the same for embeddings of any scale.

    cv : int, default=5
        Number of folds, each with the classes' shares.

    random_state : int, RandomState instance or None, default=0
        Which rows are in which fold.

    Returns
    -------
    accuracy : float
        Share of the rows whose class is told, between 0 and 1.

    See Also
    --------
    knn_score : By the nearest rows instead of a regression.
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
    Z, y, Z_test, y_test = _check_rows(Z, y, Z_test, y_test)
    probe = make_pipeline(
        # The mean of a sparse column is not zero, and stays where it is.
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
def knn_score(Z, y, *, Z_test=None, y_test=None, n_neighbors=5, metric="euclidean"):
    """Accuracy of a vote of the nearest rows of an embedding on their class.

    The score says whether rows of a class are near to each other. In an embedding whose rows have
    length one, Euclidean neighbors are those of the largest cosine.

    Parameters
    ----------
    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embedding, as `transform` gives it.

    y : array-like of shape (n_samples,)
        Classes, numbers or strings.

    Z_test, y_test : array-like, default=None
        Embedding and classes of other rows, on which the rows of `Z` vote. By default they vote on
        each other, and no row on itself.

    n_neighbors : int, default=5
        Number of rows that vote.

    metric : str or callable, default="euclidean"
        Distance, as in :class:`sklearn.neighbors.KNeighborsClassifier`.

    Returns
    -------
    accuracy : float
        Share of the rows whose class wins the vote, between 0 and 1.

    See Also
    --------
    linear_probe_score : By a logistic regression instead of the nearest rows.

    Examples
    --------
    >>> from skdeepcluster.metrics import knn_score
    >>> Z = [[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]]
    >>> knn_score(Z, ["a", "a", "a", "b", "b", "b"], n_neighbors=1)
    1.0
    """
    Z, y, Z_test, y_test = _check_rows(Z, y, Z_test, y_test)
    most = len(y) if Z_test is not None else len(y) - 1
    if n_neighbors > most:
        raise ValueError(
            f"n_neighbors={n_neighbors}, but only {most} rows can vote. Choose a smaller number."
        )
    vote = KNeighborsClassifier(n_neighbors, metric=metric).fit(Z, y)
    # Without rows to be judged, scikit-learn leaves each row out of its own vote.
    return float(vote.score(Z_test, y if y_test is None else y_test))
