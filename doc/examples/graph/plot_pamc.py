"""
=======================================
Edges train a network of the features
=======================================

:class:`~skdeepcluster.PamC` learns from the edges of a graph, and predicts nodes that have none.
"""

# %%
# Features of three groups that overlap, and edges mostly within groups. Twenty columns are noise.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import PamC

size = 150
graph = nx.random_partition_graph([size] * 3, 0.1, 0.003, seed=0)
y = np.repeat([0, 1, 2], size)


def features(rng):
    return np.hstack([2.5 * np.eye(3)[y], np.zeros((len(y), 20))]) + rng.normal(size=(len(y), 23))


rng = np.random.default_rng(0)
X, new = features(rng), features(rng)
params = {
    "hidden_layer_sizes": (64,),
    "learning_rate": 5e-3,
    "kl_weight": 0.3,
    "random_state": 0,
}
models = {
    "features alone": PamC(3, contrast_weight=0, **params).fit(X, adjacency=graph),
    "with edges": PamC(3, **params).fit(X, adjacency=graph),
}

# %%
# Both embeddings of new nodes, which have features and no edges, in the colors of their groups, and
# the adjusted Rand index of the nodes of the graph and of the new ones. The former gain by their
# edges; of the latter only features are known, and the network reads these as well as before.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    trained = adjusted_rand_score(y, model.labels_)
    found = adjusted_rand_score(y, model.predict(new))
    places = PCA(2).fit_transform(model.transform(new))
    ax.scatter(*places.T, c=np.array(["#3f90da", "#ffa90e", "#bd1f01"])[y], s=8)
    ax.set(title=f"{name}: {trained:.2f}, new nodes {found:.2f}", xticks=[], yticks=[])
