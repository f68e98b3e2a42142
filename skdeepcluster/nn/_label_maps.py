"""Linear maps from several feature spaces to labels, and the classifiers that learn the labels."""

import torch
import torch.nn.functional as F
from torch import nn

# Adam's constants.
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


class LabelMaps(nn.Module):
    """Linear softmax maps of each space, averaged over the spaces; several heads at once.

    Parameters
    ----------
    columns : list of LongTensor
        Features of each space.
    factor : Tensor of shape (n_features,)
        What each feature is multiplied by.
    n_heads, n_clusters : int
    generator : torch.Generator
    """

    def __init__(self, columns, factor, n_heads, n_clusters, generator):
        super().__init__()
        self.n_heads, self.n_clusters = n_heads, n_clusters
        self.register_buffer("factor", factor)
        self.directions, self.gains = nn.ParameterList(), nn.ParameterList()
        self.biases, self.columns = nn.ParameterList(), []
        for number, chosen in enumerate(columns):
            self.register_buffer(f"columns_{number}", chosen)
            width = len(chosen)
            weight, bias = first_weights(width, n_heads, n_clusters, generator).split([width, 1])
            self.directions.append(nn.Parameter(weight))
            # Weight normalization: directions and lengths are trained apart.
            self.gains.append(nn.Parameter(weight.norm(dim=0)))
            self.biases.append(nn.Parameter(bias[0]))

    def spaces(self, x):
        """Scaled features of each space."""
        x = x.flatten(1) * self.factor
        return [x[:, getattr(self, f"columns_{s}")] for s in range(len(self.directions))]

    def weights(self, space):
        """Weights of a space, of shape (n_features, n_heads, n_clusters)."""
        return F.normalize(self.directions[space], dim=0) * self.gains[space]

    def log_proba(self, spaces):
        """Log-probabilities in each space: a list of tensors of shape (n, n_heads, n_clusters)."""
        return [
            F.log_softmax(times(z, self.weights(s)) + self.biases[s], dim=2)
            for s, z in enumerate(spaces)
        ]

    def one(self, x, head):
        """Log of the mean over spaces of the probabilities by one head."""
        found = [
            F.log_softmax(z @ self.weights(s)[:, head] + self.biases[s][head], dim=1)
            for s, z in enumerate(self.spaces(x))
        ]
        return mean_of(found)


def times(z, weights):
    """Products of rows with the weights of all heads, in one."""
    return (z @ weights.flatten(1)).unflatten(1, weights.shape[1:])


def mean_of(log_probas):
    """Log of the mean of several distributions."""
    return torch.stack(log_probas).logsumexp(0) - torch.tensor(float(len(log_probas))).log()


def first_weights(width, n_heads, n_clusters, generator):
    """Random weights and, in the last row, biases, uniform in ±1/sqrt(width)."""
    bound = width**-0.5
    weights = torch.empty(width + 1, n_heads, n_clusters)
    return weights.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def learned_classifier(weights, blocks, n_rows, n_steps, learning_rate):
    r"""Linear classifiers that learn soft labels by a few steps of Adam.

    Of the mean over rows of :math:`-\sum_c \tau_{ic} \log \mathrm{softmax}(W z_i)_c`, whose
    gradient is :math:`z_i (\mathrm{softmax}(W z_i) - \tau_i)^\top`.

    Parameters
    ----------
    weights : Tensor of shape (width + 1, n_heads, n_clusters)
        First weights; the last row has the biases. Overwritten.
    blocks : callable () -> iterable of (Tensor (n, width), Tensor (n, n_heads, n_clusters))
        Features and labels of blocks of the rows.
    n_rows : int
    n_steps : int
    learning_rate : Tensor of shape (n_heads, 1)

    Returns
    -------
    weights : Tensor of shape (width + 1, n_heads, n_clusters)
    """
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    for step in range(1, n_steps + 1):
        gradient = torch.zeros_like(weights)
        for z, labels in blocks():
            error = F.softmax(times(z, weights[:-1]) + weights[-1], dim=2) - labels
            gradient[:-1] += (z.T @ error.flatten(1)).view_as(gradient[:-1])
            gradient[-1] += error.sum(dim=0)
        gradient /= n_rows
        first.lerp_(gradient, 1 - _FIRST)
        second.lerp_(gradient.square(), 1 - _SECOND)
        size = (second / (1 - _SECOND**step)).sqrt_().add_(_TINY)
        weights -= learning_rate / (1 - _FIRST**step) * first / size
    return weights


def linear_cross_entropy(weights, z, labels):
    """Cross entropy of soft labels under linear classifiers, of shape (n, n_heads)."""
    log_p = F.log_softmax(times(z, weights[:-1]) + weights[-1], dim=2)
    return -(labels * log_p).sum(dim=2)


def separability(z, labels, n_clusters, n_folds, generator):
    """Cross-validated accuracy of linear classifiers that learn hard labels by ridge regression.

    Parameters
    ----------
    z : Tensor of shape (n, width)
        Features of unit variance.
    labels : LongTensor of shape (n_heads, n)
    n_clusters, n_folds : int
    generator : torch.Generator
        Draws the folds.

    Returns
    -------
    accuracy : Tensor of shape (n_heads,)
    """
    n, n_heads = len(z), len(labels)
    fold = (torch.randperm(n, generator=generator) % n_folds).to(z.device)
    z = torch.cat([z, torch.ones_like(z[:, :1])], dim=1).double()
    onehot = F.one_hot(labels.T, n_clusters).flatten(1).to(z.dtype)
    inside = [z[fold == f] for f in range(n_folds)]
    grams = [x.T @ x for x in inside]
    moments = [x.T @ onehot[fold == f] for f, x in enumerate(inside)]
    gram, moment = sum(grams), sum(moments)
    ridge = torch.eye(len(gram), dtype=z.dtype, device=z.device)
    right = z.new_zeros(n_heads)
    for f, x in enumerate(inside):
        weights = torch.linalg.solve(gram - grams[f] + ridge, moment - moments[f])
        predicted = (x @ weights).view(len(x), n_heads, n_clusters).argmax(dim=2)
        right += (predicted == labels.T[fold == f]).sum(dim=0)
    return right / n
