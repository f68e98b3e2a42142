"""Confusion matrices of classes and clusters."""

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from skdeepcluster._sklearn import nearest_option
from skdeepcluster.displays._common import estimator_labels
from skdeepcluster.displays._display import Display
from skdeepcluster.metrics._matching import matched_contingency


class MatchedConfusionDisplay(Display):
    """Confusion matrix of classes and clusters, with matched pairs on the diagonal.

    Clusters are matched to classes one to one by :func:`~skdeepcluster.metrics.best_match`; the sum
    of the diagonal over the number of samples is the
    :func:`~skdeepcluster.metrics.clustering_accuracy`. Unmatched classes and clusters come last,
    then noise.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_clusters)
        Numbers or shares of samples.

    class_names : list of n_classes str
        Names of the rows.

    cluster_names : list of n_clusters str
        Names of the columns.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The matrix.

    text_ : ndarray of shape (n_classes, n_clusters), dtype=matplotlib Text, or None
        The values in the cells.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : The same for the predictions of a classifier.

    Examples
    --------
    >>> from skdeepcluster.displays import MatchedConfusionDisplay
    >>> display = MatchedConfusionDisplay.from_predictions(["a", "a", "b", "b"], [1, 1, 0, -1])
    >>> display.confusion_matrix
    array([[2, 0, 0],
           [0, 1, 1]])
    >>> display.cluster_names
    ['1', '0', 'noise']
    """

    confusion_matrix: np.ndarray
    class_names: list
    cluster_names: list

    @classmethod
    def from_estimator(cls, estimator, X, y, *, normalize=None, ignore_label=-1, **kwargs):
        """Draw the clusters of a fitted estimator against classes.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer. The clusters come from its `predict`, or from `labels_` if it has
            none.

        X : array-like of shape (n_samples, n_features)
            Samples; those of `fit` if the estimator cannot predict.

        y : array-like of shape (n_samples,)
            Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
            missing value such as NaN or None, are left out.
        """
        return cls.from_predictions(
            y,
            estimator_labels(estimator, X),
            normalize=normalize,
            ignore_label=ignore_label,
            **kwargs,
        )

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, normalize=None, ignore_label=-1, **kwargs):
        """Draw given clusters against classes.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
            missing value such as NaN or None, are left out.

        y_pred : array-like of shape (n_samples,)
            Clusters, -1 for noise.

        normalize : {"true", "pred", "all"}, default=None
            Whether to normalize counts over classes, over clusters, or over all samples.

        ignore_label : int, str or None, default=-1
            The value of `y_true` that stands for an unknown class. With None only missing values
            do, and -1 is a class.
        """
        classes, clusters, counts, noise = matched_contingency(y_true, y_pred, ignore_label)
        matrix = np.hstack([counts, noise])
        totals = {
            None: 1,
            "true": matrix.sum(axis=1, keepdims=True),
            "pred": matrix.sum(axis=0, keepdims=True),
            "all": matrix.sum(),
        }
        if normalize not in totals:
            raise ValueError(
                f"normalize must be 'true', 'pred', 'all' or None, got {normalize!r}."
                + nearest_option(normalize, ["true", "pred", "all"])
            )
        return cls(
            confusion_matrix=matrix if normalize is None else matrix / totals[normalize],
            class_names=[str(name) for name in classes],
            cluster_names=[str(name) for name in clusters] + ["noise"] * noise.shape[1],
        ).plot(**kwargs)

    def plot(
        self,
        ax=None,
        *,
        include_values="auto",
        values_format=None,
        cmap="Blues",
        colorbar=True,
        im_kw=None,
        text_kw=None,
    ):
        """Draw the display.

        Parameters
        ----------
        include_values : bool or "auto", default="auto"
            Whether to write the values into the cells; "auto" for up to 15 rows and columns.

        values_format : str, default=None
            Format of the values; by default "d" for numbers and ".2f" for shares.

        cmap : str or matplotlib Colormap, default="Blues"
            Colors of the cells.

        colorbar : bool, default=True
            Whether to draw a color bar.

        im_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.imshow`.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text`.
        """
        ax = self._axes(ax)
        matrix = np.asarray(self.confusion_matrix)
        n_classes, n_clusters = matrix.shape
        size = max(matrix.shape)
        if include_values == "auto":
            include_values = size <= 15
        if values_format is None:
            values_format = "d" if matrix.dtype.kind in "iu" else ".2f"
        # scikit-learn draws square matrices: draw the smallest that holds ours, then cut it out.
        square = np.zeros((size, size), dtype=matrix.dtype)
        square[:n_classes, :n_clusters] = matrix
        inner = ConfusionMatrixDisplay(square).plot(
            ax=ax,
            include_values=include_values,
            values_format=values_format,
            cmap=cmap,
            colorbar=False,
            im_kw=im_kw,
            text_kw=text_kw,
        )
        self.im_, self.text_ = inner.im_, inner.text_
        self.im_.set_data(matrix)
        self.im_.set_extent((-0.5, n_clusters - 0.5, n_classes - 0.5, -0.5))
        if include_values:
            self.text_ = inner.text_[:n_classes, :n_clusters]
            for text in set(inner.text_.flat) - set(self.text_.flat):
                text.remove()
        if colorbar:
            # As tall as the matrix, which does not fill the height when it is wide.
            ax.figure.colorbar(self.im_, ax=ax, shrink=min(1, n_classes / n_clusters))
        ax.set(
            xlim=(-0.5, n_clusters - 0.5),
            ylim=(n_classes - 0.5, -0.5),
            xlabel="Cluster",
            ylabel="Class",
        )
        if size <= 30:
            ax.set_xticks(np.arange(n_clusters), self.cluster_names)
            ax.set_yticks(np.arange(n_classes), self.class_names)
        else:
            ax.set(xticks=[], yticks=[])
        return self
