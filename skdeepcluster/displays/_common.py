"""What the displays share: colors, results of an estimator, legends."""

from colorsys import hsv_to_rgb

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import num_samples
from skdeepcluster.validation import last_step

# M. A. Petroff, "Accessible color sequences for data visualization", arXiv:2107.02270. The two
# greys come last, since gray also stands for noise.
_PETROFF = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#92dadd",
    "#717581",
    "#94a4a2",
)
NOISE_COLOR = "#999999"
# The real root of x^3 = x + 1.
PLASTIC_RATIO = 1.324717957244746


def label_color(label):
    """The color of an integer label: the same in every plot, whatever the other labels are.

    A string, as SciPy's dendrograms take no tuple. After the ten accessible colors, hue and shade
    follow a low-discrepancy sequence of the plane, which keeps any number of them distinct.
    """
    if label == -1:
        return NOISE_COLOR
    if 0 <= label < len(_PETROFF):
        return _PETROFF[label]
    shade = label / PLASTIC_RATIO**2 % 1
    color = hsv_to_rgb(label / PLASTIC_RATIO % 1, 0.9 - 0.5 * shade, 0.4 + 0.6 * shade)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)


def label_colors(unique_labels):
    """One color per label: by the label if it is a number, by its rank if it is a string."""
    if np.asarray(unique_labels).dtype.kind in "biuf":
        return [label_color(int(label)) for label in unique_labels]
    return [label_color(rank) for rank in range(len(unique_labels))]


def estimator_labels(estimator, X):
    """Labels of the rows of `X`; those of the fit where the estimator cannot predict."""
    check_is_fitted(estimator)
    if hasattr(estimator, "predict") and X is not None:
        return np.asarray(estimator.predict(X))
    estimator, _ = last_step(estimator)
    if not hasattr(estimator, "labels_"):
        raise TypeError(
            f"{type(estimator).__name__} has no predict and no labels_. Pass its labels to "
            "from_predictions."
        )
    labels = np.asarray(estimator.labels_)
    if X is not None and len(labels) != num_samples(X):
        raise ValueError(
            f"{type(estimator).__name__} has no predict: its {len(labels)} labels_ belong to the "
            f"rows of fit, but X has {num_samples(X)} rows. Pass the X that it was fitted on."
        )
    return labels


def fitted_with(estimator, *attributes, missing="tree"):
    """The last step of a fitted estimator, if it has one of the attributes."""
    estimator, _ = last_step(estimator)
    check_is_fitted(estimator)
    if not any(hasattr(estimator, attribute) for attribute in attributes):
        raise TypeError(
            f"{type(estimator).__name__} has no {' or '.join(attributes)} after fit, so there is "
            f"no {missing} to draw."
        )
    return estimator


def legend_beside(ax, **kwargs):
    """A legend to the right of the axes where the figure makes room for it, else inside."""
    if ax.figure.get_layout_engine() is None:
        return ax.legend(loc="upper right", fontsize="small", **kwargs)
    return ax.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize="small", **kwargs
    )


def tree_frame(ax):
    """Leave only the left side of the frame, which is the axis of the heights."""
    ax.spines[["top", "right", "bottom"]].set_visible(False)
