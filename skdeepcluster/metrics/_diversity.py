"""How different several clusterings of the same rows are."""

from itertools import combinations

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster._sklearn import validate_params


@validate_params({"labels": ["array-like"]}, prefer_skip_nested_validation=True)
def clustering_diversity(labels):
    r"""One minus the mean normalized mutual information of pairs of clusterings.

    .. math:: 1 - \frac{2}{m (m - 1)} \sum_{a < b} \mathrm{NMI}(l_a, l_b)

    Parameters
    ----------
    labels : array-like of shape (n_clusterings, n_samples)
        Labels of the same samples by two clusterings or more, such as those of different seeds.

    Returns
    -------
    diversity : float
        0 if all are the same up to the names of clusters, 1 if they are independent.

    Raises
    ------
    ValueError
        If there are fewer than two clusterings, or no samples.

    Examples
    --------
    >>> from skdeepcluster.metrics import clustering_diversity
    >>> clustering_diversity([[0, 0, 1, 1], [1, 1, 0, 0]])
    0.0
    >>> clustering_diversity([[0, 0, 1, 1], [0, 1, 0, 1]])
    1.0
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or len(labels) < 2 or not labels.size:
        raise ValueError(
            f"labels has shape {labels.shape}; (n_clusterings, n_samples) is required, of two "
            "clusterings or more"
        )
    found = [normalized_mutual_info_score(a, b) for a, b in combinations(labels, 2)]
    return float(np.clip(1 - np.mean(found), 0, 1))
