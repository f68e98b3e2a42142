"""
====================================================
A customer table: scaled columns, medoids and a page
====================================================

From a table with numbers, categories and gaps to four customers who stand for all, and to a page
for someone who does not program. :class:`~skdeepcluster.NClustersSearch` chooses the number,
:class:`~skdeepcluster.KMedoids` the customers.
"""

# %%
# The table: four kinds of customers, of whom some did not say where they live.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepcluster import KMedoids, NClustersSearch, report, suggest
from skdeepcluster.displays import NClustersDisplay

rng = np.random.default_rng(0)
kind = rng.integers(4, size=400)
customers = pd.DataFrame(
    {
        "age": np.array([24, 38, 45, 67])[kind] + rng.normal(0, 4, 400),
        "income": np.array([22, 55, 90, 38])[kind] * 1000 + rng.normal(0, 6000, 400),
        "visits": rng.poisson(np.array([12, 4, 1, 6])[kind]),
        "basket": np.array([15, 60, 140, 35])[kind] * np.exp(rng.normal(0, 0.25, 400)),
        "channel": np.array(["app", "web", "web", "shop"], dtype=object)[kind],
    }
)
customers.loc[rng.random(400) < 0.1, "channel"] = None
customers.loc[rng.random(400) < 0.05, "income"] = np.nan
print(customers.head())

# %%
# What to try first? The table has gaps and a column of words, so Gower's distance is one way. Here
# the columns are prepared by hand, which says what each of them is.
print(suggest(customers, n_clusters=4))

numbers = ["age", "income", "visits", "basket"]
columns = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["channel"]),
)

# %%
# How many kinds? The search is the last step of a pipeline: its criteria are measured between the
# rows that enter it, and its references are uniform in them.
search = NClustersSearch(
    KMedoids(random_state=0), max_clusters=7, n_repeats=3, max_samples=400, random_state=0
)
make_pipeline(columns, search).fit(customers)
print(search.n_clusters_, search.choices_)
NClustersDisplay.from_estimator(search)
plt.show()

# %%
# Four customers who stand for all others: real rows, not means.
model = make_pipeline(columns, KMedoids(search.n_clusters_, random_state=0)).fit(customers)
medoids = model[-1].medoid_indices_
print(customers.iloc[medoids])
print("agreement with the kinds:", round(adjusted_rand_score(kind, model[-1].labels_), 2))

# %%
# One page for the boss, with what distinguishes each group, and how stable it is when half of the
# customers are left out. The file can be sent as it is.
page = report(model, customers, title="Our customers", n_refits=5)
path = page.save(Path(tempfile.mkdtemp()) / "customers.html")
print(path.name, f"{path.stat().st_size / 2**20:.1f} MiB")
for k, cluster in enumerate(page.clusters):
    names = [page.effects.names[j] for j in page.effects.strongest(k, n=2)]
    print(
        f"cluster {cluster}: {page.sizes[k]} customers, stability {page.stability[k]:.2f}, {names}"
    )
