"""The penalty on weights outside of blocks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn

from skdeepcluster import WeightCoclustering
from skdeepcluster.metrics import clusterability_score
from skdeepcluster.nn import clusterability_penalty


def layers(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = (5, 7, 4)
    weights = [
        torch.randn(n_out, n_in, generator=generator, dtype=torch.float64).requires_grad_()
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    return weights, [torch.randint(3, (n,), generator=generator).tolist() for n in sizes]


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_it_is_one_minus_the_mean_score(seed):
    weights, groups = layers(seed)
    scores = [
        clusterability_score(W.detach().numpy(), groups[i + 1], groups[i])
        for i, W in enumerate(weights)
    ]
    penalty = clusterability_penalty(weights, groups)
    assert penalty.item() == pytest.approx(1 - np.mean(scores))
    scaled = clusterability_penalty([-1e-150 * weights[0], 1e150 * weights[1]], groups)
    assert scaled.item() == pytest.approx(penalty.item())


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_its_gradient_is_that_of_the_share(seed):
    (W, _), groups = layers(seed)
    clusterability_penalty([W], groups[:2]).backward()
    mask = np.array(groups[1])[:, None] == np.array(groups[0])
    w = W.detach().numpy()
    share = (w**2 * mask).sum() / (w**2).sum()
    np.testing.assert_allclose(W.grad.numpy(), -2 * w * (mask - share) / (w**2).sum(), atol=1e-12)


def test_convolutions_and_layers_of_zeros():
    conv = nn.Conv2d(4, 6, 3)
    groups = [[0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    summed = conv.weight.square().sum(dim=(2, 3)).sqrt()
    expected = clusterability_penalty([summed], groups).item()
    assert clusterability_penalty([conv.weight], groups).item() == pytest.approx(expected)
    zeros = torch.zeros(6, 4, requires_grad=True)
    penalty = clusterability_penalty([zeros], groups)
    penalty.backward()
    assert penalty.item() == 1 and zeros.grad.abs().max() == 0


def test_groups_that_do_not_match():
    W = torch.ones(3, 2)
    for weights, groups, message in (
        ([W], [[0, 1]], "1 layers have 1 groups"),
        ([], [[0, 1]], "0 layers have 1 groups"),
        ([W], [[0, 1, 1], [0, 1]], r"weights\[0\] has shape \(3, 2\).*2 outputs and 3 inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            clusterability_penalty(weights, groups)


def digits_network(weight, seed=0, k=4):
    """A classifier of digits whose two layers between hidden units are penalized."""
    X, y = (torch.as_tensor(array) for array in load_digits(return_X_y=True))
    X = X.float() / 16
    groups = [np.arange(n) * k // n for n in (42, 30, 26)]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(64, 42), nn.ReLU(), nn.Linear(42, 30), nn.ReLU(),
            nn.Linear(30, 26), nn.ReLU(), nn.Linear(26, 10),
        )  # fmt: skip
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(12):
            for rows in torch.randperm(1200).split(64):
                loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
                penalty = clusterability_penalty([net[2].weight, net[4].weight], groups)
                optimizer.zero_grad()
                (loss + weight * penalty).backward()
                optimizer.step()
    accuracy = (net(X[1200:]).argmax(dim=1) == y[1200:]).float().mean().item()
    return net, groups, accuracy


def test_a_penalized_network_is_as_good_and_divides():
    plain, _, accuracy = digits_network(0.0)
    net, groups, penalized = digits_network(2.0)
    assert penalized > accuracy - 0.03 and accuracy > 0.88
    W = net[4].weight.detach().numpy()
    assert clusterability_score(W, groups[2], groups[1]) > 0.95
    assert clusterability_score(plain[4].weight.detach().numpy(), groups[2], groups[1]) < 0.35
    # The blocks are found without the groups, in another order.
    order = np.random.default_rng(0).permutation(len(W))
    found = WeightCoclustering(4, random_state=0).fit(W[order])
    assert found.clusterability_ > 0.95
    # Without the weights between blocks a group acts on its own outputs alone.
    h = torch.rand(5, 30)
    with torch.no_grad():
        inside = net[4].weight * torch.as_tensor(groups[2][:, None] == groups[1])
        without = h * torch.as_tensor(groups[1] != 2)
        changed = ((h - without) @ inside.T).abs().sum(dim=0) > 0
    assert set(groups[2][changed.numpy()]) == {2}
