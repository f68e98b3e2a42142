"""DivClust: several clusterings by one network, as different as wanted, and their consensus."""

from numbers import Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.consensus import consensus_labels
from skdeepcluster.base import param
from skdeepcluster.metrics import clustering_diversity
from skdeepcluster.semantic.contrastive_clustering import ContrastiveClustering
from skdeepcluster.training import map_rows

# Steps between two measurements of the diversity, and the factor of the bound that follows each.
INTERVAL, RATE = 20, 0.01
# Rows that it is measured on.
MEASURED = 2000


class DivClust(ContrastiveClustering):
    r"""Clusterings of controlled diversity, and their consensus.

    Each head of a :class:`~skdeepcluster.ContrastiveClustering` is a clustering of its own. On
    one encoder they are usually nearly the same; here a bound on their similarity is lowered
    until the clusterings are as different as `diversity` asks for. The labels are their consensus.
    Pick it to see in one training which clusters are stable and which are not, or for several valid
    partitions; to obtain one good partition take the method without diversity, as each clustering
    becomes a little worse the more they have to differ.

    With the columns :math:`q^h_c` of the probabilities of head :math:`h` over a batch, scaled to
    length one, the similarity of two of :math:`m` heads is
    :math:`a_{hl} = \frac{1}{k} \sum_c \max_{c'} \langle q^h_c, q^l_{c'} \rangle`, and training adds

    .. math:: \frac{1}{m} \sum_{h \ne l} \max(0, a_{hl} - d)

    to the objective. The bound :math:`d` is 1 at first. Every 20 steps it is multiplied by 0.99 if
    the hard labels are less diverse than wanted, and by 1.01 otherwise, up to 1.

    Parameters
    ----------
    n_heads : int, default=5
        Number of clusterings.

    diversity : float, default=0.2
        Wanted :func:`~skdeepcluster.metrics.clustering_diversity`: one minus the mean normalized
        mutual information of two clusterings. It is a lower bound: clusterings that differ more by
        themselves stay so.

    max_epochs : int, default=100
        Number of training epochs; the last one is kept.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The consensus: each cluster of each head votes for the clusters of the consensus in the
        proportions of its rows in them.

    head_labels_ : ndarray of shape (n_heads, n_samples)
        The clusterings.

    diversity_ : float
        Their diversity; 0 for a single one.

    similarity_bound_ : float
        The bound :math:`d` at the end.

    best_head_ : int
        The head with the lowest objective.

    loss_ : float
        The objective of this head. Its negative is the `score`.

    See Also
    --------
    ContrastiveClustering : The same without diversity.
    VotingClustering : Rows on which different clusterers agree.
    skdeepcluster.metrics.clustering_diversity : The diversity of any clusterings.

    Notes
    -----
    Differences from the paper: diversity is measured on up to 2,000 rows instead of on labels of
    views from earlier steps, so that it is that of the result; the consensus is of the bipartite
    graph of rows and clusters [2]_, with a vote for new rows. The bound moves by a hundredth
    in 20 steps: in short fits it cannot fall far, after 700 steps not below 0.7.

    References
    ----------
    .. [1] Maniadis Metaxas, Tzimiropoulos, Patras: DivClust: controlling diversity in deep
       clustering. CVPR 2023. :arxiv:`2304.01042`
    .. [2] Fern, Brodley: Solving cluster ensemble problems by bipartite graph partitioning. ICML
       2004.
    """

    n_heads: int = 5
    diversity: float = param(0.2, Interval(Real, 0, 1, closed="left"))

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        # Until there is a consensus, the first head decides.
        votes = torch.zeros(self.n_heads, self.n_clusters, self.n_clusters)
        votes[0] = self.n_heads * torch.eye(self.n_clusters)
        module.register_buffer("votes", votes)
        return module

    # -- training ----------------------------------------------------------------------------

    def _training(self):
        options = super()._training() | {"refresh": self._adapt, "every": INTERVAL}
        # The diversity of an earlier epoch would be another one.
        del options["criterion"]
        return options

    def _start(self, fit):
        super()._start(fit)
        fit.state.bound = 1.0

    def _is_controlled(self):
        return self.diversity > 0 and self.n_heads > 1

    def _adapt(self, fit):
        """Move the bound toward the wanted diversity."""
        if not self._is_controlled():
            return
        n = len(fit.samples)
        rows = torch.arange(0, n, -(-n // MEASURED))
        fit.module.eval()
        with torch.no_grad():
            found = [self._labels_of_heads(fit.module, x) for x in fit.samples.batches([rows])]
        fit.module.train()
        found = clustering_diversity(torch.cat(found).T.cpu().numpy())
        short = fit.processes.agree(found < self.diversity)
        factor = 1 - RATE if short else 1 + RATE
        fit.state.bound = min(1.0, fit.state.bound * factor)

    def _labels_of_heads(self, module, x):
        return module.heads(module.encode(x)).argmax(dim=2).T.int()

    def _cluster_terms(self, fit, p):
        terms = super()._cluster_terms(fit, p)
        if self._is_controlled():
            terms["similarity"] = excess_similarity(p.flatten(1, 2), fit.state.bound)
        return terms

    # -- results -----------------------------------------------------------------------------

    def _log_proba(self, module, x):
        p = self._all_log_proba(module, x).exp()
        return torch.einsum("hnc,hcd->nd", p, module.votes / self.n_heads).log()

    def _read_out(self, fit):
        module = fit.module
        self._choose(fit)
        found = map_rows(lambda x: self._labels_of_heads(module, x), fit.samples)
        found = found.T.cpu().numpy()
        common = torch.as_tensor(consensus_labels(found, self.n_clusters))
        votes = torch.zeros_like(module.votes, device="cpu")
        for own, labels in zip(votes, torch.as_tensor(found), strict=True):
            own.index_put_((labels.long(), common.long()), torch.ones(()), accumulate=True)
        # A cluster without rows votes for none.
        votes += votes.sum(dim=2, keepdim=True) == 0
        module.votes.copy_(votes / votes.sum(dim=2, keepdim=True))
        read_out = super()._read_out(fit)
        read_out.attributes.update(
            head_labels_=found,
            diversity_=clustering_diversity(found) if self.n_heads > 1 else 0.0,
        )
        return read_out

    def _attributes(self, fit):
        return super()._attributes(fit) | {"similarity_bound_": fit.state.bound}


def clustering_similarity(p):
    r"""How well each cluster of a clustering is matched by the best of another, on average.

    .. math:: a_{hl} = \frac{1}{k} \sum_c \max_{c'} \langle q^h_c, q^l_{c'} \rangle

    Parameters
    ----------
    p : Tensor of shape (n_heads, n, n_clusters)
        Probabilities.

    Returns
    -------
    similarity : Tensor of shape (n_heads, n_heads)
        In [0, 1], and 1 on the diagonal; not symmetric.
    """
    q = F.normalize(p, dim=1)
    return torch.stack([torch.einsum("nc,lnd->lcd", one, q).amax(dim=2).mean(dim=1) for one in q])


def excess_similarity(p, bound):
    """Sum over pairs of heads of their similarity above a bound, divided by the number of heads."""
    excess = (clustering_similarity(p) - bound).relu()
    return (excess.sum() - excess.diagonal().sum()) / len(p)
