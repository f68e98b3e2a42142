"""Which pair an expert should be asked next."""

from numbers import Integral

import numpy as np

from skdeepcluster._sklearn import Interval, validate_params
from skdeepcluster.constraints._pairs import PairwiseConstraints
from skdeepcluster.validation import as_array


@validate_params(
    {
        "proba": ["array-like"],
        "constraints": [PairwiseConstraints, None],
        "n_queries": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def query_pairs(proba, constraints=None, *, n_queries=1):
    r"""Pairs of rows that are worth an answer, the most informative first.

    Rows that must-links connect are a neighborhood. A row whose place among the neighborhoods is
    uncertain is compared with one row of each, the most probable neighborhood first, until an
    answer is "same". The row is the one with the most uncertainty for an expected answer [1]_,

    .. math:: \max_i \; \frac{H(p_i)}{\sum_t t \, p_{i(t)}}, \qquad
        p_{iN} \propto \frac{1}{|N|} \sum_{j \in N} \sum_k z_{ik} z_{jk},

    with the soft assignments :math:`z` and :math:`p_{i(t)}` the t-th largest of :math:`p_i`.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_clusters)
        Soft assignments, such as `predict_proba` returns or a softmax of negative distances.

    constraints : PairwiseConstraints, default=None
        What has been answered, by positions of the rows.

    n_queries : int, default=1
        Number of pairs, of different rows. Few at a time and a new fit with the answers is best.

    Returns
    -------
    pairs : ndarray of shape (n_found, 2)
        Rows to be compared: first the uncertain one, then one of a neighborhood. Fewer than
        `n_queries` if there are not so many uncertain rows.

    References
    ----------
    .. [1] S. Xiong, J. Azimi, X. Z. Fern (2014). Active learning of constraints for
           semi-supervised clustering. *IEEE Transactions on Knowledge and Data Engineering* 26(1).

    Examples
    --------
    >>> from skdeepcluster.constraints import PairwiseConstraints, query_pairs
    >>> proba = [[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.0, 1.0]]
    >>> query_pairs(proba, PairwiseConstraints([[0, 1], [3, 4]], [[0, 4]]))
    array([[2, 0]])
    """
    z = np.asarray(as_array(proba), dtype=np.float64)
    if z.ndim != 2 or not len(z) or not np.isfinite(z).all() or (z < 0).any():
        raise ValueError("proba must have shape (n_samples, n_clusters), finite and not negative.")
    pairs = (constraints or PairwiseConstraints()).rows(len(z))
    pairs.check_consistent()
    answered = np.unique(np.concatenate([pairs.must.ravel(), pairs.cannot.ravel()]))
    if not len(answered):
        answered = np.array([np.argmax(z.max(axis=1))])
    groups = np.unique(pairs.components[answered])
    number = np.full(pairs.components.max() + 1, -1)
    number[groups] = np.arange(len(groups))
    member = number[pairs.components]
    own = member >= 0
    sums = np.zeros((len(groups), z.shape[1]))
    np.add.at(sums, member[own], z[own])
    p = z @ (sums / np.bincount(member[own], minlength=len(groups))[:, np.newaxis]).T
    # A neighborhood that a row is known to belong to, or not to, is out of question.
    settled = pairs.separated_components()[:, groups].toarray()[pairs.components] > 0
    settled[np.arange(len(z))[own], member[own]] = True
    p[settled] = 0
    alone = np.bincount(pairs.components)[pairs.components] == 1
    candidates = alone & ~settled.all(axis=1)
    total = p.sum(axis=1, keepdims=True)
    q = np.divide(p, total, out=np.zeros_like(p), where=total > 0)
    if len(groups) == 1:
        # Far from the only neighborhood others begin.
        value = np.where(candidates & ~own, 1 - p[:, 0] / max(p[:, 0].max(), 1e-300), -np.inf)
    else:
        entropy = -np.sum(q * np.log(np.maximum(q, 1e-300)), axis=1)
        expected = np.sort(q, axis=1)[:, ::-1] @ np.arange(1, q.shape[1] + 1)
        value = np.where(candidates, entropy / np.maximum(expected, 1e-300), -np.inf)
    order = np.argsort(-value, kind="stable")[:n_queries]
    order = order[np.isfinite(value[order])]
    # The member that is most typical of its neighborhood.
    typical = np.einsum("ij,ij->i", z, sums[np.maximum(member, 0)])
    first = np.lexsort((-typical, member))
    starts = np.searchsorted(member[first], np.arange(len(groups)))
    return np.column_stack([order, first[starts[np.argmax(p[order], axis=1)]]]).astype(np.intp)
