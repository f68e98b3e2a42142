"""
======================================
Charts of a circle that a film goes by
======================================

A spot moves around in a film, at a pace that changes and with noise. Frames that follow each other
are all that is known of it. :class:`~skdeepcluster.UnbalancedAtlas` embeds the frames by several
charts; no single one can lay out a circle on a line.
"""

# %%
# 800 frames of 12 x 12 pixels. The angle of the spot is not given: pairs of successive frames are.
# Charts are kept in use by `balance_weight`.
import matplotlib.pyplot as plt
import numpy as np
import torch

from skdeepcluster import UnbalancedAtlas
from skdeepcluster.constraints import PairwiseConstraints

rng = np.random.default_rng(0)
angle = np.cumsum(rng.gamma(2.0, 0.06, 800)) % (2 * np.pi)
x, y = np.meshgrid(np.arange(12), np.arange(12))
center = 5.5 + 3.5 * np.column_stack([np.cos(angle), np.sin(angle)])
distance = (x - center[:, 0, None, None]) ** 2 + (y - center[:, 1, None, None]) ** 2
frames = np.exp(-distance / 4) + rng.normal(0, 0.25, distance.shape)
X = frames.reshape(800, -1)
successive = PairwiseConstraints(np.column_stack([np.arange(799), np.arange(1, 800)]))

params = {"unbalance_weight": 0.5, "balance_weight": 1.0, "views": torch.nn.Identity()}
params |= {"n_components": 8, "encoder": [64], "max_epochs": 40, "random_state": 0}
model = UnbalancedAtlas(4, target="mixture", **params).fit(X, constraints=successive)
print(f"successive frames in one chart: {model.constraint_satisfaction_['must_link']:.0%}")

# %%
# Each chart takes an arc of the circle, and where one begins, another ends. Frames that are near
# each other on the circle are alike in the embedding.
order = np.argsort(angle)
q, Z = model.predict_proba(X)[order], model.transform(X)[order]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
axes[0].imshow(np.block([[*frames[:16:4]], [*frames[16:32:4]]]), cmap="gray")
axes[0].set(title="every fourth frame", xticks=[], yticks=[])
axes[1].stackplot(angle[order], q.T, colors=["C0", "C1", "C2", "C3"], alpha=0.8, linewidth=0)
axes[1].set(title="memberships of the charts", xlabel="angle of the spot")
axes[1].set(xlim=(0, 2 * np.pi), ylim=(0, 1))
shown = axes[2].imshow(Z @ Z.T, extent=(0, 2 * np.pi, 2 * np.pi, 0), vmin=-1, vmax=1, cmap="RdBu_r")
axes[2].set(title="cosines of frames", xlabel="angle of the spot", ylabel="angle of the spot")
_ = figure.colorbar(shown, ax=axes[2])
