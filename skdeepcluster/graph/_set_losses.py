"""Losses of edges and members of point sets whose objects are known."""

import torch
import torch.nn.functional as F

# Temperature of the contrast, and power by which well predicted edges and members count less.
TEMPERATURE, GAMMA = 0.3, 1.0


def focal(logits, target, gamma, balanced=False):
    r"""Cross entropy of truth values in which what is predicted well counts less.

    .. math:: (1 - p_t)^\gamma (-\log p_t), \quad p_t = p \text{ where true, else } 1 - p

    Parameters
    ----------
    logits, target : Tensor of shape (n,)
    gamma : float
        0 is the cross entropy itself.
    balanced : bool, default=False
        Whether what is true and what is not count the same in total.

    Returns
    -------
    loss : Tensor
        The mean; 0 of nothing.
    """
    surprise = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    loss = -torch.expm1(-surprise)
    loss = surprise * loss.clamp_min(0) ** gamma if gamma else surprise
    if not balanced:
        return loss.sum() / max(1, len(loss))
    n_true = target.sum()
    n_false = len(target) - n_true
    # Where all are of one kind, they are all there is.
    share = 0.5 if n_true > 0 and n_false > 0 else 1.0
    weight = torch.where(target > 0, share / n_true.clamp_min(1), share / n_false.clamp_min(1))
    return (weight * loss).sum()


def object_contrast(logits, first, second, objects, temperature):
    r"""Edges within an object in contrast to those that leave it.

    For each object :math:`o` with the edges :math:`P_o` within it and :math:`N_o` that leave it,

    .. math:: \ell_o = -\frac{1}{|P_o|} \sum_{e \in P_o} \log \frac{\exp(a_e / \tau)}
        {\exp(a_e / \tau) + \sum_{f \in N_o} \exp(a_f / \tau)}, \qquad a = \tanh(\text{logit}),

    and the result is :math:`\sum_o n_o \ell_o / \sum_o n_o` over the objects with edges, of
    :math:`n_o` points, divided by their mean number of points.

    Parameters
    ----------
    logits : Tensor of shape (n_edges,)
    first, second : LongTensor of shape (n_edges,)
        The ends of the edges, each edge in both directions.
    objects : LongTensor of shape (n,)
        The object of each point, from 0; -1 is noise.
    temperature : float

    Returns
    -------
    loss : Tensor
        0 if no edge is within an object.
    """
    a = torch.tanh(logits) / temperature
    one, other = objects[first], objects[second]
    n_objects = int(objects.max()) + 1 if len(objects) else 0
    within = (one >= 0) & (one == other)
    if not within.any():
        return 0 * a.sum()
    leaves = (one >= 0) & (one != other)
    # tanh is bounded, so the sum of exponentials neither overflows nor vanishes.
    left = a.new_zeros(n_objects).index_add(0, one[leaves], a[leaves].exp())
    terms = F.softplus(torch.log(left[one[within]] + 1e-30) - a[within])
    sums = a.new_zeros(n_objects).index_add(0, one[within], terms)
    n_edges = torch.bincount(one[within], minlength=n_objects)
    sizes = torch.bincount(objects[objects >= 0], minlength=n_objects)
    kept = n_edges > 0
    sizes = sizes[kept].to(a.dtype)
    return (sizes * sums[kept] / n_edges[kept]).sum() / sizes.sum() / sizes.mean()


def intersection(q, true, inside):
    """Minus the probability of chosen members, plus that of others that are chosen.

    Parameters
    ----------
    q : Tensor of shape (n, n_candidates)
        Probabilities of membership; a candidate is chosen if it is above a half.
    true, inside : Tensor of shape (n, n_candidates), bool
        Which candidates are members, and which are candidates at all.

    Returns
    -------
    loss : Tensor
        A mean over the sets of candidates, each relative to its number of members. Candidates that
        are not chosen have no gradient.
    """
    chosen = inside & (q > 0.5)
    sign = torch.where(true, -1.0, 1.0) * chosen
    return ((sign * q).sum(dim=1) / (true & inside).sum(dim=1).clamp_min(1)).mean()


def edge_terms(first, second, logits, objects):
    """The losses of edges: cross entropy and contrast."""
    same = (objects[first] == objects[second]) & (objects[first] >= 0)
    return {
        "focal": focal(logits, same.float(), GAMMA, balanced=True),
        "contrast": object_contrast(logits, first, second, objects, TEMPERATURE),
    }
