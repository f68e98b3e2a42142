"""The gradient of the doubly stochastic projection."""

import torch


class WithGradient(torch.autograd.Function):
    """A matrix and its doubly stochastic projection, which has the exact gradient from here on.

    The implicit function theorem: row sums stay 1, so the change of the potentials with the matrix
    solves one linear system, and no sweep is differentiated.
    """

    @staticmethod
    def forward(ctx, similarity, projection, reg):
        ctx.save_for_backward(projection)
        ctx.reg = reg
        return projection

    @staticmethod
    def backward(ctx, gradient):
        (saved,) = ctx.saved_tensors
        projection = saved.double()
        direct = gradient.double() * projection / ctx.reg
        # The eigenvalue -1 belongs to a shift between the potentials, which changes nothing.
        system = projection.clone()
        system.diagonal().add_(1 + 1e-12)
        z = torch.linalg.solve(system, direct.sum(0) + direct.sum(1))
        gradient = direct - z[:, None] * projection
        return (0.5 * (gradient + gradient.T)).to(saved.dtype), None, None
