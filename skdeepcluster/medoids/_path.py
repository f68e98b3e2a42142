"""Searches over numbers of clusters: from many medoids to few, on all objects or on samples."""

from skdeepcluster.medoids._init import initial_medoids
from skdeepcluster.medoids._search import eager

# A number of clusters is refined if it would be best after this many times the largest relative
# decrease of the loss that a refinement has given so far.
HOPE = 2


class Path:
    """The best solution so far for each number of clusters.

    Parameters
    ----------
    model : DynMSC
    X : array
    whole : Search
        A search among all objects.
    random_state : RandomState
    """

    def __init__(self, model, X, whole, random_state):
        self.model = model
        self.X = X
        self.whole = whole
        self.random_state = random_state
        self.found = {}
        self.n_iter = self.n_swaps = 0
        # Whether all searches among all objects have ended.
        self.done = True

    def best(self):
        """The best of all solutions; of equally good ones that with the fewest clusters."""
        solutions = [self.found[k] for k in sorted(self.found)]
        best = solutions[0]
        for solution in solutions[1:]:
            if solution.is_better(best):
                best = solution
        return best._replace(
            n_iter=self.n_iter,
            n_swaps=self.n_swaps,
            done=self.done,
            path=tuple(solution.loss for solution in solutions),
        )

    def _keep(self, solution):
        self.n_iter += solution.n_iter
        self.n_swaps += solution.n_swaps
        k = len(solution.medoids)
        if k not in self.found or solution.is_better(self.found[k]):
            self.found[k] = solution

    def descend(self, search, init, most, context, sample=None):
        """Search for `most` clusters, drop one medoid, and so on; among a sample if given."""
        model, random_state = self.model, self.random_state
        search.start(initial_medoids(init, most, search.source, search.weights, random_state))
        order = random_state.permutation(search.objects)
        for k in range(most, model.min_clusters - 1, -1):
            rounds = eager(search, order, model.tol)
            solution = model._improve(self.X, search, rounds, context, sample)
            if sample is None:
                self.done &= solution.done
                self._keep(solution)
            else:
                self._keep(self._on_all(solution))
            if k > model.min_clusters:
                search.drop()

    def _on_all(self, solution):
        """A solution of a sample as one of all objects."""
        whole = self.whole.start(solution.medoids)
        return solution._replace(loss=whole.loss(), n_small=whole.n_small())

    def refine(self, context):
        """Search among all objects, from those solutions that may become the best."""
        model, whole = self.model, self.whole
        order = self.random_state.permutation(whole.objects)
        decrease, best = 0.0, None
        for k in sorted(self.found, key=lambda k: (self.found[k].n_small, self.found[k].loss, k)):
            start = self.found[k]
            hoped = start._replace(loss=start.loss * (1 - HOPE * decrease))
            if best is not None and not hoped.is_better(best):
                continue
            rounds = eager(whole.start(start.medoids), order, model.tol)
            solution = model._improve(self.X, whole, rounds, context)
            self.done &= solution.done
            self._keep(solution)
            if start.loss > 0:
                decrease = max(decrease, 1 - solution.loss / start.loss)
            if best is None or solution.is_better(best):
                best = solution
        return self.best()
