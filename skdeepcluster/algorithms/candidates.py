"""Labels by several methods: how well each fits a graph, and whether others confirm it."""

import numpy as np

# Labels are compared on so many rows.
COMPARED_ROWS = 10_000
# Candidates that confirm one.
N_CONFIRMING = 3
# Modularities of candidates differ less than their supports.
POWER = 2.25
# Runs that agree so much have found the same clusters and differ by some rows: agreement above this
# counts a part.
AGREEMENT, PART_ABOVE = 0.95, 1 / 3
# Clusters with less than a tenth of the weights between them need less confirmation.
CONTRADICTION = 10.0


def modularity(graph, labels, n_clusters):
    """Share of the weights within clusters less what would be expected without clusters.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, some of them positive.
    labels : (n,) array of int
    n_clusters : int

    Returns
    -------
    modularity : float
        Less than 1.
    """
    within, expected = _shares_within(graph, labels, n_clusters)
    return within - expected


def _shares_within(graph, labels, n_clusters):
    """Share of the weights within clusters, and what would be expected without clusters.

    Equal for equal clusters in any numbering, to the last bit: so of such candidates the first is
    kept on every processor.
    """
    # Each edge counts from both of its ends.
    within = labels[graph.indices] == np.repeat(labels, np.diff(graph.indptr))
    of_clusters = np.sort(np.bincount(labels, graph.sum(axis=1), minlength=n_clusters))
    total = of_clusters.sum()
    expected = np.square(of_clusters / total).sum()
    return float(graph.data[within].sum() / total), float(expected)


def adjusted_rand(labels, others, n_clusters):
    """The adjusted Rand index of labels from 0 to `n_clusters` - 1.

    scikit-learn's checks take longer than this where pairs are many and rows few.
    """
    n = len(labels)
    pairs = np.bincount(labels * np.int64(n_clusters) + others, minlength=n_clusters**2)
    pairs = pairs.reshape(n_clusters, n_clusters).astype(np.float64)
    same, first, second = (
        (np.square(counts).sum() - n) / 2
        for counts in (pairs, pairs.sum(axis=1), pairs.sum(axis=0))
    )
    expected = first * second / max(n * (n - 1) / 2, 1)
    most = (first + second) / 2
    return 1.0 if most == expected else (same - expected) / (most - expected)


def support(candidates, n_nearest, n_clusters):
    """How well the most similar other candidates agree with each.

    Parameters
    ----------
    candidates : list of (n,) arrays of int
    n_nearest : int
    n_clusters : int

    Returns
    -------
    support : (n_candidates,) array
        Mean adjusted Rand index with the nearest others, all if there are fewer; 1 for a single
        one. Of many rows, some count.
    """
    n, step = len(candidates), -(-len(candidates[0]) // COMPARED_ROWS)
    if n == 1:
        return np.ones(1)
    agreement = np.full((n, n), -np.inf)
    for i in range(n):
        for j in range(i):
            pair = candidates[i][::step], candidates[j][::step]
            agreement[i, j] = agreement[j, i] = adjusted_rand(*pair, n_clusters)
    n_nearest = min(n_nearest, n - 1)
    return np.sort(agreement, axis=1)[:, -n_nearest:].mean(axis=1)


def scores(graph, runs, n_clusters):
    r"""What candidates are compared by: a power of their modularity, times their confirmation.

    Confirmed is a candidate by its support, which counts a third above 0.95, or by the graph: if a
    share :math:`b` of the weights is between its clusters, to :math:`1 - 10 b`.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        As for `modularity`, of float64.
    runs : dict of str to (n_runs, n) array of int
        Candidates, by the method that found them.
    n_clusters : int

    Returns
    -------
    modularities, supports, scores : dicts of str to (n_runs,) array
    """
    candidates = np.concatenate(list(runs.values()))
    ends = np.cumsum([len(labels) for labels in runs.values()])[:-1]

    def by_method(values):
        return dict(zip(runs, np.split(np.array(values), ends), strict=True))

    shares = [_shares_within(graph, labels, n_clusters) for labels in candidates]
    modularities = by_method([within - expected for within, expected in shares])
    supports = by_method(support(candidates, N_CONFIRMING, n_clusters))
    hardly_contradicted = by_method([1 - CONTRADICTION * (1 - within) for within, _ in shares])
    found = {}
    for name in runs:
        agreeing = supports[name] - (1 - PART_ABOVE) * (supports[name] - AGREEMENT).clip(0)
        confirmed = np.maximum(agreeing, hardly_contradicted[name])
        found[name] = modularities[name].clip(0) ** POWER * confirmed
    return modularities, supports, found


def best(runs, found):
    """The candidate with the largest score, the first of equal ones.

    Parameters
    ----------
    runs, found : dicts of str to arrays
        Candidates and their scores, as of `scores`.

    Returns
    -------
    name : str
        The method that found it.
    labels : (n,) array of int
    """
    name = max(runs, key=lambda name: found[name].max())
    return name, runs[name][found[name].argmax()]
