"""How modular a layer becomes by a penalty, and whether its modules are found again.

    python benchmarks/bench_modular_layers.py [--seeds 5] [--groups 4]

Digits, classified by a network of two hidden layers of 64 units, whose layer between them is
penalized; 40 epochs of Adam, 30 % of the rows for the test. The score is the share of the squared
weights within blocks: those of the penalty, those that cuts find without knowing them, and those
that two separate runs of k-means find, one on the rows and one on the columns, with and without
matching of their names.
"""

import argparse

import numpy as np
import torch
from _common import Table
from sklearn.cluster import KMeans, SpectralCoclustering
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skdeepcluster import WeightCoclustering
from skdeepcluster.metrics import clusterability_score
from skdeepcluster.nn import clusterability_penalty

PENALTIES = (0.0, 0.1, 1.0, 5.0)
WIDTH, EPOCHS, BATCH = 64, 40, 64


def trained(weight, groups, seed):
    """Weights of the middle layer, and the accuracy on test rows."""
    X, y = load_digits(return_X_y=True)
    found = train_test_split(X / 16, y, test_size=0.3, random_state=seed, stratify=y)
    X, X_test, y, y_test = (torch.as_tensor(array) for array in found)
    X, X_test = X.float(), X_test.float()
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10)
    )
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(X)).split(BATCH):
            loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
            loss = loss + weight * clusterability_penalty([net[2].weight], [groups, groups])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    right = net(X_test).argmax(dim=1) == y_test
    return net[2].weight.detach().numpy().astype(float), right.double().mean().item()


def separate(W, k, seed):
    """Groups of rows and of columns by k-means of each on its own."""
    A = np.abs(W)
    U, _, V = np.linalg.svd(A / np.sqrt(np.outer(A.sum(axis=1), A.sum(axis=0))))
    return [KMeans(k, n_init=10, random_state=seed).fit_predict(Z) for Z in (U[:, :k], V[:k].T)]


def scores(W, groups, seed):
    """The score of each kind of groups."""
    k = len(set(groups))
    ours = [WeightCoclustering(k, power=p, random_state=seed).fit(W) for p in (2, 1)]
    theirs = SpectralCoclustering(k, random_state=seed).fit(np.abs(W))
    apart = separate(W, k, seed)
    return [
        clusterability_score(W, groups, groups),
        *(model.clusterability_ for model in ours),
        clusterability_score(W, theirs.row_labels_, theirs.column_labels_),
        clusterability_score(W, *apart),
        clusterability_score(W, *apart, align=True),
    ]


NAMES = (
    "blocks of the penalty", "WeightCoclustering", "WeightCoclustering, power 1",
    "SpectralCoclustering", "separate k-means", "separate k-means, matched",
)  # fmt: skip


def main(n_seeds, n_groups):
    groups = np.arange(WIDTH) * n_groups // WIDTH
    table = Table(data="", method="", score=".3f", least=".3f", most=".3f")
    for weight in PENALTIES:
        accuracies, found = [], []
        for seed in range(n_seeds):
            W, accuracy = trained(weight, groups, seed)
            accuracies.append(accuracy)
            found.append(scores(W, groups, seed))
        for name, values in zip(
            ("accuracy", *NAMES), (accuracies, *np.transpose(found)), strict=True
        ):
            table.row(f"penalty {weight:g}", name, np.mean(values), min(values), max(values))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--groups", type=int, default=4)
    arguments = parser.parse_args()
    main(arguments.seeds, arguments.groups)
