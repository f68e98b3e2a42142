"""
======================
When answers are wrong
======================

People who say whether two rows belong together are wrong at times. How much of what they say do
clusterings satisfy that are right about it? The digits, with 3,000 answers, some of them turned
around.
"""

# %%
# The pairs of a fit are drawn from the classes. Those that it is judged by are others, all of them
# right.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdeepcluster import ConstrainedKMeans
from skdeepcluster.constraints import PairwiseConstraints

X, y = load_digits(return_X_y=True)
truth = PairwiseConstraints.from_labels(y, 20_000, random_state=1)
shares = [0.0, 0.1, 0.2, 0.3, 0.4]
satisfied = {"pck": [], "mpck": []}
for share in shares:
    known = PairwiseConstraints.from_labels(y, 3000, flip=share, random_state=0)
    for algorithm, values in satisfied.items():
        model = ConstrainedKMeans(10, algorithm=algorithm, random_state=0)
        model.fit(X, constraints=known)
        values.append(truth.satisfaction(model.labels_)["balanced"])
without = truth.satisfaction(ConstrainedKMeans(10, random_state=0).fit(X).labels_)["balanced"]

# %%
# A learned metric gains most from right answers and loses most by wrong ones. Prices alone never do
# much harm. Hard constraints are not shown: one wrong answer makes them contradict each other.
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for algorithm, values in satisfied.items():
    ax.plot(shares, values, "o-", label=f'algorithm="{algorithm}"')
ax.axhline(without, color="0.5", linestyle="--", label="k-means, without answers")
ax.set(xlabel="share of wrong answers", ylabel="satisfied pairs, balanced")
_ = ax.legend()
