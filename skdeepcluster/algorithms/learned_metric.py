"""A metric that is learned from clusters and from the pairs that they violate."""

import numpy as np

# Rows that the metric of the mean variance counts for, as a share of all.
PRIOR = 0.1


class LearnedMetric:
    """The matrix A of the squared distances (x - c)' A (x - c).

    Parameters
    ----------
    variances : array of shape (d,)
        Of the rows.
    n : int
        Their number.
    full : bool
        Whether the matrix is full or diagonal.
    """

    def __init__(self, variances, n, full):
        self.n, self.full = n, full
        # Constant rows have no scale of their own.
        self.spherical = variances.mean() or 1.0
        d = len(variances)
        self.scale(np.full(d, self.spherical))
        if full:
            self.factor = np.eye(d) / np.sqrt(self.spherical)

    def scale(self, values):
        """Take a diagonal metric of these variances."""
        self.factor = 1 / np.sqrt(values)
        self.log_det = -np.log(values).sum()

    @property
    def matrix(self):
        """A, or its diagonal."""
        return self.factor @ self.factor.T if self.full else np.square(self.factor)

    @property
    def trace(self):
        """The trace of A."""
        return np.square(self.factor).sum()

    def rows(self, X):
        """Rows whose Euclidean distances are those of the metric."""
        return X @ self.factor if self.full else X * self.factor

    def squares(self, differences):
        """Squared lengths."""
        return np.square(self.rows(differences)).sum(axis=1)

    def farthest(self, X):
        """The difference of two rows that are far from each other."""
        Z = self.rows(X)
        one = np.argmax(np.square(Z - Z.mean(axis=0)).sum(axis=1))
        return X[np.argmax(np.square(Z - Z[one]).sum(axis=1))] - X[one]

    def update(self, differences, weights):
        """The metric that minimizes the objective.

        Parameters
        ----------
        differences : list of arrays of shape (m, d)
            Of rows and their centers, of pairs.
        weights : list of arrays of shape (m,)
        """
        size = self.n * (1 + PRIOR)
        prior = self.n * PRIOR * self.spherical
        if self.full:
            S = sum((w[:, np.newaxis] * v).T @ v for v, w in zip(differences, weights, strict=True))
            values, vectors = np.linalg.eigh(S)
            values = np.maximum(values + prior, prior) / size
            self.factor = vectors / np.sqrt(values)
            self.log_det = -np.log(values).sum()
        else:
            S = sum(w @ np.square(v) for v, w in zip(differences, weights, strict=True))
            self.scale(np.maximum(S + prior, prior) / size)
