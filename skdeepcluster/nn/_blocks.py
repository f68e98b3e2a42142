"""A penalty by which layers become blocks that do not interact."""

import torch


def clusterability_penalty(weights, groups):
    r"""Share of the squared weights of consecutive layers that is outside of blocks.

    .. math:: 1 - \frac{1}{L} \sum_l C(W_l), \qquad
        C(W_l) = \frac{\sum_{ij} W_{lij}^2 [g_{l+1,i} = g_{l,j}]}{\sum_{ij} W_{lij}^2}

    for layers :math:`l` from units of the groups :math:`g_l` to units of the groups
    :math:`g_{l+1}` [1]_. Added to the loss of a task, it divides a network into parts that do not
    interact. The groups are given before training and stay; the scale of the weights has no effect,
    so they do not shrink.

    Parameters
    ----------
    weights : sequence of Tensor of shape (n_outputs, n_inputs, ...)
        Of consecutive layers, the first first, as those of `torch.nn.Linear` or of convolutions,
        whose kernels are summed over.
    groups : sequence of array-like of int
        The group of each unit: the inputs of the first layer, the outputs of the first, which are
        the inputs of the second, and so on; one more than layers. For k groups of n units of about
        the same size, ``np.arange(n) * k // n``.

    Returns
    -------
    penalty : Tensor
        From 0, where all weights are within blocks, to 1; 1 for a layer of zeros.

    Raises
    ------
    ValueError
        If numbers or sizes of layers and groups do not match.

    References
    ----------
    .. [1] S. Golechha et al., "Modular training of neural networks aids interpretability", 2025.
           :arxiv:`2502.02470`

    Examples
    --------
    >>> import torch
    >>> from skdeepcluster.nn import clusterability_penalty
    >>> layer = torch.nn.Linear(4, 6)
    >>> penalty = clusterability_penalty([layer.weight], [[0, 0, 1, 1], [0, 0, 0, 1, 1, 1]])
    >>> penalty.backward()
    >>> layer.weight.grad.shape
    torch.Size([6, 4])
    """
    weights = list(weights)
    groups = [torch.as_tensor(units) for units in groups]
    if not weights or len(groups) != len(weights) + 1:
        raise ValueError(
            f"{len(weights)} layers have {len(groups)} groups of units; give those of the inputs "
            "of the first layer and of the outputs of each."
        )
    shares = [
        _within_blocks(weight, *groups[level : level + 2], level)
        for level, weight in enumerate(weights)
    ]
    return 1 - torch.stack(shares).mean()


def _within_blocks(weight, inputs, outputs, level):
    if weight.shape[:2] != (len(outputs), len(inputs)):
        raise ValueError(
            f"weights[{level}] has shape {tuple(weight.shape)}, but there are groups of "
            f"{len(outputs)} outputs and {len(inputs)} inputs; weights are (n_outputs, n_inputs)."
        )
    # In units in which no square overflows.
    largest = weight.detach().abs().max()
    weight = weight / torch.where(largest > 0, largest, 1.0)
    squares = weight.square().flatten(2).sum(dim=2) if weight.ndim > 2 else weight.square()
    same = (outputs[:, None] == inputs).to(weight.device)
    total = squares.sum()
    return (squares * same).sum() / torch.where(total > 0, total, 1.0)
