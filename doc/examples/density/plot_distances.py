"""
=====================
I only have distances
=====================

Words have no columns, but an edit distance. With ``metric="precomputed"``
:class:`~skdeepcluster.HDBSCAN` clusters by distances alone, and places new words by theirs.
"""

# %%
# Names as they were typed: each letter may be left out, doubled or replaced.
import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster import HDBSCAN

rng = np.random.default_rng(0)
names = ["barcelona", "copenhagen", "edinburgh", "marrakesh", "reykjavik"]


def typed(name):
    slips = rng.choice(4, size=len(name), p=[0.9, 0.04, 0.03, 0.03])
    other = rng.choice(list("abcdefghijklmnopqrstuvwxyz"), size=len(name))
    options = (lambda a, b: a, lambda a, b: "", lambda a, b: a + a, lambda a, b: b)
    return "".join(options[slip](a, b) for slip, a, b in zip(slips, name, other, strict=True))


def edit_distance(a, b):
    row = np.arange(len(b) + 1)
    for i, letter in enumerate(a, 1):
        previous, row = row, np.full(len(b) + 1, i)
        for j, other in enumerate(b, 1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != other))
    return row[-1]


words = [typed(name) for name in names for _ in range(12)]
distances = np.array([[edit_distance(a, b) for b in words] for a in words], dtype=float)
model = HDBSCAN(min_cluster_size=6, metric="precomputed").fit(distances)
print(model.n_clusters_, "clusters of", len(words), "words")

# %%
# New words, by their distances to the words of the fit: one belongs to none.
new = ["barzelona", "edinborough", "reykjavikk", "ouagadougou"]
to_words = np.array([[edit_distance(a, b) for b in words] for a in new], dtype=float)
for word, label in zip(new, model.predict(to_words), strict=True):
    same = [w for w, other in zip(words, model.labels_, strict=True) if other == label]
    print(f"{word:12s}", "noise" if label < 0 else f"with {', '.join(same[:3])}")

figure, ax = plt.subplots(figsize=(5.2, 4.4), layout="constrained")
image = ax.imshow(distances, cmap="viridis_r")
figure.colorbar(image, label="edit distance")
_ = ax.set(title="Five names, typed twelve times each", xticks=[], yticks=[])
