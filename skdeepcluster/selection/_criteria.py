"""Criteria of the number of clusters: of one fit for each, of resamples, and of references."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import diags_array
from sklearn.metrics import adjusted_rand_score, pairwise_distances, silhouette_samples
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import KNeighborsClassifier

from skdeepcluster.algorithms.gaussian_mixture import (
    FULL_FEATURES,
    log_posterior,
    mixture_of_partition,
)
from skdeepcluster.algorithms.neighbors import connectivity_graph
from skdeepcluster.selection._fits import measure_all, space_of
from skdeepcluster.validation import last_step

# Standard deviations by which data must exceed the mean of the references.
DEVIATIONS = 3.0
# Prediction strength from which on clusters count as found again (Tibshirani and Walther).
STRONG = 0.8
# Share of the rows of a subsample.
SUBSAMPLE = 0.8
NEIGHBORS = 10


class Scores(NamedTuple):
    """Of each number of clusters, including 1, its score and the standard error of it.

    Attributes
    ----------
    numbers : tuple of int
    mean, error : arrays of shape (n_numbers,)
        NaN where a score is undefined.
    best : int
        The number that is chosen, before the comparison with references.
    null : array or None
        What references have for that number, to be compared with `statistic`; None where they have
        no part.
    statistic : float or None
        The score if None.
    """

    numbers: tuple
    mean: np.ndarray
    error: np.ndarray
    best: int
    null: np.ndarray | None = None
    statistic: float | None = None

    def answer(self):
        """The number chosen, or 1 if references have as much or nearly so."""
        if self.null is None or self.best == 1:
            return self.best
        score = self.mean[self.numbers.index(self.best)]
        statistic = score if self.statistic is None else self.statistic
        bound = max(self.null.max(), self.null.mean() + DEVIATIONS * self.null.std())
        return self.best if statistic > bound else 1


class Sample(NamedTuple):
    """What criteria need beside the fits: rows that they measure, and draws.

    Attributes
    ----------
    problem : Problem
    models, labels : list
        Of one fit for each number.
    rows : array
        Indices of the rows that are measured.
    n_repeats : int
    n_jobs : int or None
    compared : bool
        Whether scores are compared with those of references.
    """

    problem: object
    models: list
    labels: list
    rows: np.ndarray
    n_repeats: int
    n_jobs: int | None
    compared: bool = True

    def generator(self, stream):
        """Random numbers of one use."""
        return np.random.default_rng([self.problem.seed, stream])

    def space(self, i=0):
        """The rows that are measured, as they enter the last step."""
        return space_of(self.models[i], self.problem.subset(self.rows).X)

    def references(self, both=True):
        """Problems of as many rows without clusters, uniform in the box of the principal axes.

        With `both`, every other one is in the box of the features instead: a cube looks the same
        along any axes to its covariance, but not to distances.
        """
        rng = self.generator(0)
        X = space_of(None, self.problem.subset(self.rows).X)
        return [
            self.problem.of_rows(uniform_reference(X, rng, principal=not both or i % 2 == 1))
            for i in range(self.n_repeats)
        ]

    def has_references(self, best):
        """Whether the number chosen is compared with references."""
        return self.compared and best > 1 and not self.problem.pairwise

    def measure(self, problems, measure):
        """See `measure_all`."""
        return measure_all(problems, measure, self.n_jobs)

    def null(self, measure, best):
        """Scores of references for one number; None where there are none."""
        if not self.has_references(best):
            return None
        problems = [problem._replace(numbers=(best,)) for problem in self.references()]
        found = self.measure(problems, measure)
        return np.array([one[0][0] for one in found], dtype=np.float64)


def uniform_reference(X, rng, principal):
    """As many rows, uniform in the box of the features or of the principal axes of X."""
    if not principal:
        return rng.uniform(X.min(axis=0), X.max(axis=0), X.shape)
    center = X.mean(axis=0)
    _, _, axes = np.linalg.svd(X - center, full_matrices=False)
    Z = (X - center) @ axes.T
    return center + rng.uniform(Z.min(axis=0), Z.max(axis=0), Z.shape) @ axes


def best_of(numbers, scores):
    """The number of the highest score, the smallest of ties; 1 if none is defined."""
    defined = np.where(np.isnan(scores), -np.inf, scores)
    return numbers[int(defined.argmax())] if np.isfinite(defined).any() else 1


def last_near_best(numbers, mean, error):
    """The largest number whose score is the highest one up to the error of that."""
    best = int(np.argmax(mean))
    return numbers[int(np.flatnonzero(mean >= mean[best] - error[best])[-1])]


# -- one fit for each number ---------------------------------------------------------------------


def silhouette_of(problem, model, labels, rows=None, medoid=False):
    """Mean and standard error of the silhouette, or of the medoid one."""
    subset = problem if rows is None else problem.subset(rows)
    labels = labels if rows is None else labels[rows]
    kept = labels != -1
    labels = labels[kept]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return np.nan, np.nan
    if problem.pairwise:
        D = np.asarray(subset.X, dtype=np.float64)[np.ix_(kept, kept)]
    else:
        D = pairwise_distances(space_of(model, subset.X)[kept])
    if medoid:
        each = _medoid_silhouettes(D, labels)
    else:
        each = silhouette_samples(D, labels, metric="precomputed")
    return each.mean(), each.std() / np.sqrt(len(each))


def _medoid_silhouettes(D, labels):
    medoids = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        medoids.append(members[D[np.ix_(members, members)].sum(axis=0).argmin()])
    near = np.partition(D[:, medoids], 1, axis=1)
    return 1 - np.divide(near[:, 0], near[:, 1], out=np.zeros(len(D)), where=near[:, 1] > 0)


def silhouette(sample, medoid=False):
    """The highest mean silhouette."""
    found = [
        silhouette_of(sample.problem, model, labels, sample.rows, medoid)
        for model, labels in zip(sample.models, sample.labels, strict=True)
    ]
    mean, error = np.array(found).T
    numbers = sample.problem.numbers
    best = best_of(numbers, mean)
    null = sample.null(partial(silhouette_of, medoid=medoid), best)
    return with_one(numbers, mean, error, best, null)


def with_one(numbers, mean, error, best, *compared, one=np.nan):
    """Scores of 1 and of the other numbers."""
    return Scores((1, *numbers), np.append(one, mean), np.append(np.nan, error), best, *compared)


def by_silhouette(sample, best):
    """Silhouettes of references and of the data, for scores that references reach as well.

    A long box is cut in the same places again and again, as separate clusters are.
    """
    null = sample.null(silhouette_of, best)
    if null is None:
        return None, None
    i = sample.problem.numbers.index(best)
    of_data = silhouette_of(sample.problem, sample.models[i], sample.labels[i], sample.rows)
    return null, np.nan_to_num(of_data[0], nan=-1.0)


def _log_dispersion(Z, labels):
    """Logarithm of the sum of squares within clusters."""
    total = 0.0
    for label in np.unique(labels):
        members = Z[labels == label]
        total += np.square(members - members.mean(axis=0)).sum()
    return np.log(max(total, np.finfo(np.float64).tiny))


def gap(sample):
    """The smallest number whose gap is not below the next one's by more than its error."""
    problem = sample.problem.subset(sample.rows)

    def measured(problems):
        found = sample.measure(problems, _dispersions)
        return np.array([[one[0][0], *(pair[1] for pair in one)] for one in found])

    ((observed),) = measured([problem])
    references = measured(sample.references(both=False))
    mean = references.mean(axis=0) - observed
    error = references.std(axis=0) * np.sqrt(1 + 1 / len(references))
    numbers = (1, *problem.numbers)
    enough = mean[:-1] >= mean[1:] - error[1:]
    adjacent = np.diff(numbers) == 1
    found = np.flatnonzero(enough & adjacent)
    best = numbers[found[0]] if len(found) else best_of(numbers, mean)
    return Scores(numbers, mean, error, best)


def _dispersions(problem, model, labels):
    """Of the rows as one cluster, and as clusters."""
    Z = space_of(model, problem.X)
    return _log_dispersion(Z, np.zeros(len(Z))), _log_dispersion(Z, labels)


def gaussian_of(problem, model, labels, rows=None):
    """Minus half of the least criterion of mixtures for one row, and its standard error."""
    subset = problem if rows is None else problem.subset(rows)
    Z = space_of(model, subset.X)
    labels = labels if rows is None else labels[rows]
    return _gaussian_of(Z, labels) - np.array([_gaussian_of(Z, np.zeros(len(Z), int))[0], 0])


def _gaussian_of(Z, labels):
    if (labels == -1).any():
        return np.array([np.nan, np.nan])
    Z = (Z - Z.mean(axis=0)) / max(np.sqrt(Z.var(axis=0).mean()), np.finfo(np.float64).tiny)
    found, compact = np.unique(labels, return_inverse=True)
    scores = [np.array([np.nan, np.nan])]
    for kind in ("diag", "full"):
        if kind == "full" and Z.shape[1] > FULL_FEATURES:
            continue
        mixture = mixture_of_partition(Z, compact, len(found), covariance_type=kind, reg=1e-3)
        if mixture is not None:
            _, each = log_posterior(Z, mixture)
            score = -mixture.bic(len(Z)) / (2 * len(Z))
            scores.append(np.array([score, each.std() / np.sqrt(len(Z))]))
    return max(scores, key=lambda score: np.nan_to_num(score[0], nan=-np.inf))


def gaussian(sample):
    """The least Bayesian information criterion of the mixture that starts at the clusters."""
    found = [
        gaussian_of(sample.problem, model, labels, sample.rows)
        for model, labels in zip(sample.models, sample.labels, strict=True)
    ]
    mean, error = np.array(found).T
    numbers = (1, *sample.problem.numbers)
    best = best_of(numbers, np.append(0.0, mean))
    null = sample.null(gaussian_of, best)
    return with_one(sample.problem.numbers, mean, error, best, null, one=0.0)


def eigengap(sample):
    """The largest gap of the spectrum of the neighborhood graph, which needs no fit."""
    Z = sample.space()
    most = max(sample.problem.numbers) + 1
    rng = sample.generator(1)
    n = len(Z)
    size = max(min(n, most + 1), int(SUBSAMPLE * n))
    spectra = np.array(
        [spectrum(Z[np.sort(rng.permutation(n)[:size])], most) for _ in range(sample.n_repeats)]
    )
    numbers = (1, *sample.problem.numbers)
    at = np.array(numbers) - 1
    gaps = -np.diff(spectra)[:, at]
    mean, error = gaps.mean(axis=0), gaps.std(axis=0)
    best = best_of(numbers, mean)
    null = None
    if sample.has_references(best):
        # Gaps of uniform rows are at random places. What they do not have is the eigenvalue: the
        # share of the edges that stay within clusters is at least that.
        rest = [spectrum(p.X[:size], most)[best - 1] for p in sample.references()]
        null = np.array(rest)
    return Scores(numbers, mean, error, best, null, spectra[:, best - 1].mean())


def spectrum(Z, most):
    """The largest eigenvalues of the normalized graph of nearest neighbors, descending."""
    n = len(Z)
    graph = connectivity_graph(np.ascontiguousarray(Z), min(NEIGHBORS, n - 1))
    scale = diags_array(1 / np.sqrt(graph.sum(axis=1)))
    dense = (scale @ graph @ scale).toarray()
    found = np.full(most + 1, np.nan)
    kept = min(most + 1, n)
    found[:kept] = eigh(dense, eigvals_only=True, subset_by_index=[n - kept, n - 1])[::-1]
    return found


# -- resamples -----------------------------------------------------------------------------------


def _labels(problem, model, labels):
    return labels


def stability(sample):
    """The largest mean agreement of the clusters of two subsamples, on the rows in both."""
    problem, rng = sample.problem, sample.generator(2)
    mean, error = _agreements(sample, problem, rng)
    best = last_near_best(problem.numbers, mean, error)
    return with_one(problem.numbers, mean, error, best, *by_silhouette(sample, best))


def _agreements(sample, problem, rng):
    n = problem.n_samples
    size = min(int(SUBSAMPLE * n), len(sample.rows))
    pairs = [
        [np.sort(rng.permutation(n)[:size]) for _ in range(2)] for _ in range(sample.n_repeats)
    ]
    found = sample.measure([problem.subset(rows) for pair in pairs for rows in pair], _labels)
    agreements = []
    for i, (a, b) in enumerate(pairs):
        _, in_a, in_b = np.intersect1d(a, b, return_indices=True)
        agreements.append(
            [
                adjusted_rand_score(first[in_a], second[in_b])
                for first, second in zip(found[2 * i], found[2 * i + 1], strict=True)
            ]
        )
    return _mean_and_error(np.array(agreements))


def _mean_and_error(draws):
    return draws.mean(axis=0), draws.std(axis=0) / np.sqrt(len(draws))


def _model_and_labels(problem, model, labels):
    return model, labels


def prediction_strength(sample):
    """The largest number whose clusters the other half of the rows predicts."""
    problem, rng = sample.problem, sample.generator(3)
    mean, error = _strengths(sample, problem.subset(sample.rows), rng)
    strong = np.flatnonzero(mean + error >= STRONG)
    best = problem.numbers[strong[-1]] if len(strong) else 1
    return with_one(problem.numbers, mean, error, best, *by_silhouette(sample, best), one=1.0)


def _strengths(sample, problem, rng):
    n = problem.n_samples
    halves = []
    for _ in range(sample.n_repeats):
        order = rng.permutation(n)
        halves.append((np.sort(order[: n // 2]), np.sort(order[n // 2 :])))
    found = sample.measure(
        [problem.subset(rows) for pair in halves for rows in pair], _model_and_labels
    )
    strengths = []
    for i, (train, test) in enumerate(halves):
        strengths.append(
            [
                _strength(predicted(problem, model, labels, train, test), of_test)
                for (model, labels), (_, of_test) in zip(
                    found[2 * i], found[2 * i + 1], strict=True
                )
            ]
        )
    return _mean_and_error(np.array(strengths))


def predicted(problem, model, labels, train, test):
    """Clusters of training rows for others: by the model, or those of the nearest."""
    others = problem.subset(test).X
    # A tree is one model for several numbers.
    shared = hasattr(last_step(model)[0], "children_")
    if hasattr(model, "predict") and not problem.pairwise and not shared:
        return np.asarray(model.predict(others))
    if problem.pairwise:
        D = np.asarray(problem.X, dtype=np.float64)[np.ix_(test, train)]
        return labels[D.argmin(axis=1)]
    neighbors = KNeighborsClassifier(1).fit(space_of(model, problem.subset(train).X), labels)
    return neighbors.predict(space_of(model, others))


def _strength(predicted, labels):
    """The least share of pairs of a cluster that are predicted to belong together."""
    table = contingency_matrix(labels, predicted).astype(np.float64)
    sizes = table.sum(axis=1)
    pairs = sizes * (sizes - 1)
    together = (table * (table - 1)).sum(axis=1)
    shares = np.divide(together, pairs, out=np.zeros(len(sizes)), where=pairs > 0)
    return shares.min()


def consensus_of(choices):
    """The median of the numbers above 1 that are chosen, if these are the majority; else 1."""
    several = sorted(choice for choice in choices if choice > 1)
    return several[(len(several) - 1) // 2] if 2 * len(several) > len(choices) else 1


# Criteria whose choices "consensus" joins, and those that need rows.
CONSENSUS = ("silhouette", "gap", "gaussian", "eigengap", "prediction_strength")
OF_ROWS = {"gap", "gaussian", "eigengap"}
CRITERIA = {
    "silhouette": silhouette,
    "medoid_silhouette": partial(silhouette, medoid=True),
    "gap": gap,
    "gaussian": gaussian,
    "eigengap": eigengap,
    "stability": stability,
    "prediction_strength": prediction_strength,
}
