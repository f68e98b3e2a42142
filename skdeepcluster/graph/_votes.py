"""Clusters of new rows by votes of training rows."""

import numpy as np


class VoteMixin:
    """Predictions from the hook `_votes(X)`: weights of training rows for new ones.

    The hook returns a sparse array of shape (n_samples, n_training) and the number of clusters.
    """

    def predict_proba(self, X):
        """Shares of the clusters among the neighbors of new rows, by the weights of these.

        A row equal to a training row belongs to its cluster alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Each row sums to 1.
        """
        votes, n_clusters = self._votes(X)
        n, votes = votes.shape[0], votes.tocoo()
        cells = votes.row.astype(np.intp) * n_clusters + self.labels_[votes.col]
        sums = np.bincount(cells, votes.data, minlength=n * n_clusters).reshape(n, n_clusters)
        totals = sums.sum(axis=1, keepdims=True)
        alone = np.flatnonzero(totals == 0)
        if len(alone):
            raise ValueError(
                f"{len(alone)} rows of X, such as {alone[0]}, have no edge to a training row and "
                "so belong to no cluster. Leave them out, or give at least one neighbor of each."
            )
        return (sums / totals).astype(votes.dtype)

    def predict(self, X):
        """The cluster with the largest share of the neighbors of each new row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row; for a training row the one in `labels_`.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)
