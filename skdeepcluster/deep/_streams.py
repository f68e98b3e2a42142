"""Fitted models that continue training with new rows."""

from types import SimpleNamespace

from skdeepcluster._sklearn import fit_context


class StreamMixin:
    """`partial_fit`, for methods that have `_further_stage`."""

    def _further_stage(self):
        """The stage that continues from a fitted model."""
        raise NotImplementedError

    def _further_plan(self):
        """The plan of the fit that is continued, with `continues`."""
        return SimpleNamespace(continues=True)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Continue with new rows, in one pass that trains the network and moves the clusters.

        The first call is `fit`, which needs enough rows. Later calls keep the network, the clusters
        with their numbers and the standardization of rows; `labels_`, `loss_` and `history_` are
        those of the rows of the last call.

        Parameters
        ----------
        X : array-like, sparse matrix or torch.utils.data.Dataset
            As in `fit`; later calls may have any number of rows.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X)
        self._continue_fit(X, y, [self._further_stage()], self._further_plan())
        return self
