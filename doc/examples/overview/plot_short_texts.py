"""
=================================================
Short texts: words, directions, NeighborClusterer
=================================================

Titles of a few words become rows by tf-idf, and rows of few dimensions by a truncated SVD.
:class:`~skdeepcluster.NeighborClusterer` finds groups among them, and the words that distinguish a
group are its name.
"""

# %%
# Titles about four things, each with some of its words and some that all share.
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import report, suggest

topics = {
    "python": "list dict loop pandas index class import string print function",
    "garden": "tomato soil seeds water compost prune roses lawn mulch harvest",
    "travel": "flight hotel visa train luggage beach museum ticket map airport",
    "kitchen": "oven dough bake pan sauce knife recipe salt butter boil",
}
shared = "how to best way why does my with for new help".split()
rng = np.random.default_rng(0)
topic = rng.integers(4, size=300)
words = [text.split() for text in topics.values()]
titles = [
    " ".join([*rng.choice(shared, 2), *rng.choice(words[k], 4, replace=False)]) for k in topic
]
print(titles[:3])

# %%
# A list of strings is taken for texts. All three suggestions are pipelines that begin with tf-idf.
suggestions = suggest(titles, n_clusters=4)
print(suggestions)
model = suggestions[0].estimator
labels = model.fit_predict(titles)
print("agreement with the topics:", round(adjusted_rand_score(topic, labels), 2))

# %%
# The words that distinguish each group from all other titles, and how often they occur inside and
# outside of it.
page = report(model, titles)
effects = page.effects
for k, cluster in enumerate(page.clusters):
    found = effects.strongest(k, n=4)
    print(cluster, {effects.names[j]: f"{effects.inside[k, j]:.0%}" for j in found})

# %%
# A typical title of each, and those that could belong elsewhere.
for rows in page.prototypes:
    print(titles[rows[0]])
print([titles[row] for row in page.uncertain[:3]])
