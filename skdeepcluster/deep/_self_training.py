"""Targets of self-training: probabilities of all rows, sharpened, and the labels of a start."""

import torch

from skdeepcluster.assignment import sharpen

# Of the target that the labels of a start give, this share is spread evenly.
_SMOOTHING = 0.1


def sharpen_target(fit, log_proba, tol, **options):
    """Set the target P from the probabilities Q of all rows.

    Parameters
    ----------
    fit : Fit
    log_proba : callable (module, rows) -> Tensor
    tol : float
    **options : dict
        Of `sharpen`.

    Returns
    -------
    settled : bool
        Whether fewer than this share of the labels changed since the last call.
    """
    fit.state.target = None
    log_q = fit.over_all_rows(lambda x: log_proba(fit.module, x))
    changed = fit.label_change(log_q.argmax(dim=1))
    fit.state.target = sharpen(log_q, **options)
    return changed < tol


def smoothed(labels, n_clusters):
    """One-hot targets with a share spread evenly."""
    target = torch.nn.functional.one_hot(labels, n_clusters).float()
    return target.mul_(1 - _SMOOTHING).add_(_SMOOTHING / n_clusters)
