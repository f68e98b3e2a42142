"""Self-training: targets from the probabilities of all rows, sharpened, or from initial labels."""

from numbers import Integral, Real

import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.assignment import sharpen, student_t
from skdeepcluster.base import param, parameters
from skdeepcluster.deep._predict import ProbabilityMixin

# Label smoothing of the targets from initial labels: the fraction that is spread evenly.
_SMOOTHING = 0.1


@parameters
class StudentTMixin(ProbabilityMixin):
    """Soft assignments by Student's t around centers.

    Parameters
    ----------
    alpha : float, default=1
        Degrees of freedom of Student's t.
    """

    alpha: float = param(1.0, Interval(Real, 0, None, closed="neither"))

    def _log_proba(self, module, x):
        return student_t(module.encode(x), module.centers, self.alpha)


@parameters
class SelfTrainingMixin(ProbabilityMixin):
    """Training of soft assignments towards sharpened ones.

    Parameters
    ----------
    update_interval : int, default=None
        Steps between two updates of the target; by default one epoch.

    tol : float, default=1e-3
        Training ends when less than this fraction of the labels changed between two updates.
    """

    update_interval: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))

    def _sharpen(self, fit):
        return sharpen_target(fit, self._log_proba, self.tol)


def sharpen_target(fit, log_proba, tol, **options):
    """Set the target P from the probabilities Q of all rows.

    Parameters
    ----------
    fit : Fit
    log_proba : callable (module, rows) -> Tensor
    tol : float
    **options : dict
        Options of `sharpen`.

    Returns
    -------
    converged : bool
        Whether less than a fraction `tol` of the labels changed since the last call.
    """
    fit.state.target = None
    log_q = fit.over_all_rows(lambda x: log_proba(fit.module, x))
    changed = fit.label_change(log_q.argmax(dim=1))
    fit.state.target = sharpen(log_q, weights=fit.samples.weights, **options)
    return changed < tol


def smoothed(labels, n_clusters):
    """One-hot targets with label smoothing."""
    target = torch.nn.functional.one_hot(labels, n_clusters).float()
    return target.mul_(1 - _SMOOTHING).add_(_SMOOTHING / n_clusters)
