"""
=============================================
WeightCoclustering: the modules of a network
=============================================

:class:`~skdeepcluster.WeightCoclustering` groups the outputs and the inputs of a layer so that few
weights are between groups. Here it looks at networks that classify digits, one of which was trained
to have modules.
"""

# %%
# The loss of the second network has a penalty on weights outside of four blocks of its middle
# layer. The scale of the weights is left as it is, and digits are classified as well.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from skdeepcluster import WeightCoclustering
from skdeepcluster.nn import clusterability_penalty

X, y = (torch.as_tensor(array) for array in load_digits(return_X_y=True))
X = X.float() / 16
# Any groups will do: neighboring units say nothing.
groups = np.random.default_rng(0).permutation(np.arange(64) % 4)


def trained(weight):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(15):
        for rows in torch.randperm(1200).split(64):
            loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
            loss = loss + weight * clusterability_penalty([net[2].weight], [groups, groups])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


# %%
# The groups are not given to the clusterer. Of the plain network it finds four blocks with a third
# of the squared weights, where any four have a quarter; of the other one, whose units come in no
# order, it finds nearly all.
figure, axes = plt.subplots(2, 2, figsize=(8, 8), layout="constrained")
for (before, after), (name, weight) in zip(
    axes, {"plain": 0.0, "with penalty": 1.0}.items(), strict=True
):
    net = trained(weight)
    accuracy = (net(X[1200:]).argmax(dim=1) == y[1200:]).float().mean().item()
    W = net[2].weight.detach().numpy()
    model = WeightCoclustering(4, random_state=0).fit(W)
    rows, columns = np.argsort(model.row_labels_), np.argsort(model.column_labels_)
    most = np.abs(W).max()
    for ax, shown in ((before, W), (after, W[rows][:, columns])):
        ax.imshow(shown, cmap="RdBu", vmin=-most, vmax=most)
        ax.set(xticks=[], yticks=[], xlabel="inputs", ylabel="outputs")
    before.set_title(f"{name}: accuracy {accuracy:.3f}")
    after.set_title(f"in groups: score {model.clusterability_:.2f}")

# %%
# Each group of inputs acts almost only on its own group of outputs, and can be switched off: the
# accuracy on each digit shows what it was needed for.
labels = model.column_labels_
for group in range(4):
    with torch.no_grad():
        h = net[1](net[0](X[1200:])) * torch.as_tensor(labels != group)
        right = (net[4](net[3](net[2](h))).argmax(dim=1) == y[1200:]).numpy()
    each = [right[y[1200:].numpy() == digit].mean() for digit in range(10)]
    print(f"without group {group}:", " ".join(f"{share:.2f}" for share in each))
