"""Small tables of numbers, categories and ranks."""

import numpy as np
import pandas as pd

RANKS = ["low", "middle", "high"]


def table(seed, n=12):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "count": rng.integers(5, size=n),
            "kind": rng.choice(["a", "b", "c"], n),
            "rank": rng.choice(RANKS, n),
        }
    )
