"""Names of clusters by votes of their rows for texts."""

from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.preprocessing import normalize

BLOCK_ROWS = 1024


def names_by_vote(X, labels, text_features, texts, n_clusters, n_votes, temperature):
    """The text with most votes in each cluster, and its share of the votes.

    Parameters
    ----------
    X : array of shape (n, d)
    labels : (n,) array of int
    text_features : array of shape (n_texts, d)
    texts : list of str
    n_clusters, n_votes : int
    temperature : float

    Returns
    -------
    names : list of str or None
    shares : (n_clusters,) array
    """
    if X.shape[1] != text_features.shape[1]:
        raise ValueError(
            f"text_features has {text_features.shape[1]} features, but X has {X.shape[1]}: both "
            "must come from one network"
        )
    if len(texts) != len(text_features):
        raise ValueError(
            f"texts has {len(texts)} texts, but text_features has {len(text_features)} rows"
        )
    if not isinstance(n_votes, Integral) or n_votes < 1:
        raise ValueError(f"n_votes={n_votes!r} must be a positive integer")
    if not isinstance(temperature, Real) or not temperature > 0:
        raise ValueError(f"temperature={temperature!r} must be positive")
    n_votes = min(n_votes, len(texts))
    text_features = normalize(text_features)
    votes = np.zeros((n_clusters, len(texts)))
    for begin in range(0, len(X), BLOCK_ROWS):
        rows = slice(begin, begin + BLOCK_ROWS)
        cosines = normalize(X[rows]) @ text_features.T
        weights = softmax(cosines / temperature, axis=1)
        nearest = np.argpartition(-cosines, n_votes - 1, axis=1)[:, :n_votes]
        np.add.at(
            votes,
            (labels[rows, np.newaxis], nearest),
            np.take_along_axis(weights, nearest, axis=1),
        )
    totals = votes.sum(axis=1)
    shares = np.divide(votes.max(axis=1), totals, where=totals > 0, out=np.full(n_clusters, np.nan))
    best = votes.argmax(axis=1)
    return [texts[i] if total > 0 else None for i, total in zip(best, totals, strict=True)], shares
