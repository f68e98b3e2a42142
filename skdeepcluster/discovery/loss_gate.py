"""Which pseudo-labels a classifier does not believe, and what it would say instead."""

import math
import warnings
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster._sklearn import Interval, validate_params
from skdeepcluster.algorithms.gaussian_mixture import mixture_of_partition
from skdeepcluster.validation import as_array, caller_level, check_labels

# Losses are clipped from below before their logarithm is taken.
LEAST_LOSS = 1e-8
# Shares of the losses that belong to the first component at first; the likeliest end is kept.
STARTS = (0.5, 0.75, 0.9)
# So many losses, evenly spaced in their order, stand for more.
MOST_LOSSES = 20_000
MAX_ITER, TOL, REG = 1000, 1e-5, 1e-6


class LossGate(NamedTuple):
    """The result of `loss_gate`, which describes it."""

    threshold: float
    trusted: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    separation: float


class CorrectedLabels(NamedTuple):
    """The result of `correct_labels`, which describes it."""

    labels: np.ndarray
    targets: np.ndarray
    confidence: np.ndarray


@validate_params(
    {
        "losses": ["array-like"],
        "log": ["boolean"],
        "min_separation": [Interval(Real, 0, None, closed="left")],
        "max_rejected": [Interval(Real, 0, 1, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def loss_gate(losses, *, log=True, min_separation=2.0, max_rejected=0.5):
    r"""Threshold between the losses of right and of wrong labels.

    A classifier that is trained on labels of which some are wrong learns the right ones first: the
    logarithms of its losses then have two modes. Two Gaussian components are fitted to them, and
    the threshold is where the components, with their weights, are equal [1]_. Use it in any loop
    that clusters, trains on the clusters and clusters again. It finds labels that are wrong at
    random; where a cluster joins two classes, the classifier learns the joint cluster, and nothing
    stands out.

    With the weights :math:`\pi_j`, means :math:`a_1 < a_2` and variances :math:`v_j` of the
    components of :math:`u_i = \log \ell_i`, the threshold is :math:`e^\tau`, where

    .. math:: \pi_1 N(\tau; a_1, v_1) = \pi_2 N(\tau; a_2, v_2), \qquad a_1 < \tau < a_2 .

    Read more in the :ref:`User Guide <user_guide_loss_gate>`.

    Parameters
    ----------
    losses : array-like of shape (n_samples,)
        Loss of each row with its label, such as its cross entropy, not negative with `log`.

    log : bool, default=True
        Whether the components are those of logarithms. Losses themselves are skewed; pass False for
        what is on another scale already.

    min_separation : float, default=2.0
        Least distance of the means, in standard deviations of the wider component, for which there
        is a threshold. Closer components are two halves of one.

    max_rejected : float, default=0.5
        Largest share of the rows above the threshold, which is raised where there would be more.

    Returns
    -------
    gate : named tuple
        Its fields are

        - `threshold`, float: in units of the losses; infinite where the components are not
          separated;
        - `trusted`, ndarray of shape (n_samples,), bool: whether a loss is not above it;
        - `weights`, `means`, `variances`, ndarrays of shape (2,): of the components, the lower
          first; of logarithms with `log`. NaN where all losses are equal;
        - `separation`, float: distance of the means, in standard deviations of the wider component.

    Warns
    -----
    UserWarning
        If the components are not separated, and all rows are trusted.

    See Also
    --------
    correct_labels : What becomes of the other rows.
    LossGatedClusterer : A network that is trained with both.

    Notes
    -----
    Expectation maximization starts from three partitions of the sorted losses, so nothing is
    random. Of more than 20,000 losses so many quantiles are fitted. The least separation and the
    largest share of rejected rows are not in the paper, whose threshold does not exist where a
    component is larger at both means.

    References
    ----------
    .. [1] B. Han, Z. Chen, Y. Qian (2022). Self-supervised speaker verification using dynamic
           loss-gate and label correction. *Interspeech*. :arxiv:`2208.01928`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import loss_gate
    >>> rng = np.random.default_rng(0)
    >>> right, wrong = rng.normal(-2, 0.5, 800), rng.normal(1.5, 0.6, 200)
    >>> gate = loss_gate(np.exp(np.concatenate([right, wrong])))
    >>> bool(np.exp(-1) < gate.threshold < np.exp(0.5))
    True
    >>> bool(np.mean(gate.trusted == (np.arange(1000) < 800)) > 0.99)
    True
    """
    losses = check_array(losses, ensure_2d=False, dtype=np.float64, input_name="losses")
    if losses.ndim != 1:
        raise ValueError(f"losses must be one-dimensional, got shape {losses.shape}.")
    if log and losses.min() < 0:
        raise ValueError(
            f"losses have values down to {losses.min():g}, which have no logarithm. Use log=False "
            "for losses that may be negative."
        )
    gate = fitted_gate(losses, log, min_separation, max_rejected)
    if not np.isfinite(gate.threshold):
        warnings.warn(
            f"The losses have no two separated modes (separation {gate.separation:.2g}, "
            f"min_separation={min_separation:g}): all rows are trusted. Train longer before, or "
            "lower min_separation.",
            stacklevel=caller_level(),
        )
    return gate


def fitted_gate(losses, log=True, min_separation=2.0, max_rejected=0.5):
    """The gate of checked losses, an array of float64, without a warning."""
    u = np.log(np.maximum(losses, LEAST_LOSS)) if log else losses
    nothing = np.full(2, np.nan)
    gate = LossGate(np.inf, np.ones(len(u), bool), nothing, nothing, nothing, 0.0)
    order = np.sort(u)
    center, scale = order.mean(), order.std()
    # Differences of equal losses are rounding errors.
    if len(u) < 4 or not scale > 1e-9 * max(1.0, np.abs(order).max()):
        return gate
    if len(order) > MOST_LOSSES:
        order = order[np.linspace(0, len(order) - 1, MOST_LOSSES).round().astype(np.intp)]
    mixture = _two_components((order - center) / scale)
    if mixture is None:
        return gate
    weights, means, variances = mixture
    separation = float((means[1] - means[0]) / np.sqrt(variances.max()))
    gate = gate._replace(
        weights=weights,
        means=center + scale * means,
        variances=scale**2 * variances,
        separation=separation,
    )
    tau = crossing(weights, means, variances)
    if tau is None or separation < min_separation:
        return gate
    tau = center + scale * tau
    # Of n rows at most a share is rejected: the threshold is a loss below which the others are.
    n_kept = math.ceil((1 - max_rejected) * len(u))
    if n_kept > 0 and (u > tau).mean() > max_rejected:
        tau = np.partition(u, n_kept - 1)[n_kept - 1]
    trusted = u <= tau
    return gate._replace(threshold=float(np.exp(tau) if log else tau), trusted=trusted)


def _two_components(u):
    """Weights, means and variances of two components of sorted values, the lower first."""
    best = None
    for share in STARTS:
        first = max(2, min(len(u) - 2, round(share * len(u))))
        found = mixture_of_partition(
            u[:, np.newaxis],
            (np.arange(len(u)) >= first).astype(np.intp),
            2,
            covariance_type="diag",
            reg=REG,
            max_iter=MAX_ITER,
            tol=TOL,
        )
        if found is not None and (best is None or found.log_likelihood > best.log_likelihood):
            best = found
    if best is None:
        return None
    order = np.argsort(best.means[:, 0], kind="stable")
    return best.weights[order], best.means[order, 0], best.covariances[order, 0]


def crossing(weights, means, variances):
    """Where two weighted normal densities are equal between their means.

    Parameters
    ----------
    weights, means, variances : array-like of shape (2,)

    Returns
    -------
    crossing : float or None
        None where one of them is larger at both means.
    """
    pi, a, v = (np.asarray(values, np.float64) for values in (weights, means, variances))
    if not (pi > 0).all() or a[0] == a[1]:
        return None

    def first_less_second(u):
        each = np.log(pi) - 0.5 * np.log(v) - (u - a) ** 2 / (2 * v)
        return each[0] - each[1]

    if not first_less_second(a[0]) > 0 > first_less_second(a[1]):
        return None
    # Of a quadratic with other signs at both ends exactly one root is between them. Measured from
    # the first mean, where squares of means would lose digits.
    d = a[1] - a[0]
    p = 0.5 / v[1] - 0.5 / v[0]
    q = -d / v[1]
    r = d**2 / (2 * v[1]) + np.log(pi[0] / pi[1]) - 0.5 * np.log(v[0] / v[1])
    root = math.sqrt(max(q**2 - 4 * p * r, 0.0))
    half = -0.5 * (q + math.copysign(root, q))
    candidates = [r / half] + ([half / p] if p != 0 else [])
    return float(a[0] + min(candidates, key=lambda t: abs(t / d - 0.5)))


@validate_params(
    {
        "scores": ["array-like"],
        "labels": ["array-like"],
        "trusted": ["array-like"],
        "confidence": [Interval(Real, 0, 1, closed="both")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def correct_labels(scores, labels, trusted, *, confidence=0.5, temperature=0.1):
    r"""Labels of trusted rows, and a classifier's own prediction for others that it is sure of.

    Rows whose label is not trusted are not lost: where the classifier's probabilities, sharpened by
    a temperature, have a maximum above a threshold, they become the target [1]_. What is left has
    no target. Start late: a classifier that is not trained yet confirms its own mistakes.

    With scores :math:`s_i` and one-hot labels :math:`e_{y_i}`, the target of a row is

    .. math:: t_i = \begin{cases} e_{y_i} & \text{if trusted,} \\
        q_i = \mathrm{softmax}(s_i / T) & \text{else, if } \max_c q_{ic} > c_0, \\
        0 & \text{otherwise.} \end{cases}

    Read more in the :ref:`User Guide <user_guide_loss_gate>`.

    Parameters
    ----------
    scores : array-like of shape (n_samples, n_classes)
        Scores of the classes for rows as they are, without noise or augmentation: cosines with
        class weights for the default temperature, or logits with ``temperature=1``.

    labels : array-like of shape (n_samples,)
        Number of a class, or -1 for none, which is never trusted.

    trusted : array-like of shape (n_samples,), bool
        Whether the label is kept, from `loss_gate`.

    confidence : float, default=0.5
        Least probability of a prediction that replaces a label, :math:`c_0`.

    temperature : float, default=0.1
        Divisor :math:`T` of the scores.

    Returns
    -------
    corrected : named tuple
        Its fields are

        - `labels`, ndarray of shape (n_samples,), int32: the label, the predicted class, or -1;
        - `targets`, ndarray of shape (n_samples, n_classes): :math:`t_i`, whose rows sum to 1 or
          are 0;
        - `confidence`, ndarray of shape (n_samples,): :math:`\max_c q_{ic}`.

    Raises
    ------
    ValueError
        If labels are no numbers of columns of `scores`, or lengths differ.

    See Also
    --------
    loss_gate : Which rows are trusted.
    LossGatedClusterer : A network that is trained with both.

    References
    ----------
    .. [1] B. Han, Z. Chen, Y. Qian (2022). Self-supervised speaker verification using dynamic
           loss-gate and label correction. *Interspeech*. :arxiv:`2208.01928`

    Examples
    --------
    >>> from skdeepcluster import correct_labels
    >>> scores = [[0.9, 0.1], [0.9, 0.1], [0.3, 0.3]]
    >>> correct_labels(scores, [1, 1, 1], [True, False, False]).labels
    array([ 1,  0, -1], dtype=int32)
    """
    scores = check_array(scores, dtype=[np.float64, np.float32], input_name="scores")
    labels = check_labels(as_array(labels), "labels")
    trusted = np.asarray(as_array(trusted))
    check_consistent_length(scores, labels, trusted)
    if trusted.dtype.kind != "b" or trusted.ndim != 1:
        raise ValueError(
            f"trusted must hold a truth value for each row, got dtype {trusted.dtype} and shape "
            f"{trusted.shape}."
        )
    k = scores.shape[1]
    if labels.dtype.kind not in "iuf" or labels.min() < -1 or labels.max() >= k:
        raise ValueError(
            f"labels must be numbers of the {k} columns of scores, from 0 to {k - 1}, or -1 for "
            "none."
        )
    return corrected(scores, labels.astype(np.intp), trusted, confidence, temperature)


def corrected(scores, labels, trusted, confidence, temperature):
    """Corrected labels from checked arrays."""
    q = softmax(scores / np.asarray(temperature, scores.dtype), axis=1)
    highest = q.max(axis=1)
    kept = trusted & (labels >= 0)
    sure = ~kept & (highest > confidence)
    found = np.where(kept, labels, np.where(sure, q.argmax(axis=1), -1)).astype(np.int32)
    targets = np.where(sure[:, np.newaxis], q, 0)
    rows = np.flatnonzero(kept)
    targets[rows, labels[rows]] = 1
    return CorrectedLabels(found, targets, highest)
