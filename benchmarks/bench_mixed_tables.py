"""Groups planted in mixed tables: Gower's distances against one-hot columns and k-means.

    python benchmarks/bench_mixed_tables.py [--seeds 0 1 2] [--rows 1000]

The tables have 4 groups, 10 numeric columns of noise with outliers, 5 columns of 20 categories of
which one is usual in each group, and 10 % missing values.
"""

import argparse
import time

import numpy as np
import pandas as pd
from _common import Table, hardware
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepcluster import CLARA, GowerEncoder, KMedoids, KPrototypesEncoder

NUMBERS, KINDS = [f"n{j}" for j in range(10)], [f"c{j}" for j in range(5)]


def planted(n, seed):
    """A mixed table and its groups."""
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    frame = pd.DataFrame(rng.standard_t(1.5, size=(n, 10)), columns=NUMBERS)
    for name in KINDS:
        usual = rng.permutation(20)[:4][y]
        chosen = np.where(rng.random(n) < 0.85, usual, rng.integers(20, size=n))
        frame[name] = np.array(list("abcdefghijklmnopqrst"), dtype=object)[chosen]
    return frame.mask(rng.random(frame.shape) < 0.1), y


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=1000)
    args = parser.parse_args()
    print(hardware())
    table = Table(data="", method="", seed="d", ARI=".3f", seconds=".1f")
    for seed in args.seeds:
        frame, y = planted(args.rows, seed)
        small = args.rows <= 5000
        Medoids = KMedoids if small else CLARA
        one_hot = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            (
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(sparse_output=False),
                    StandardScaler(),
                ),
                KINDS,
            ),
        )
        methods = {
            f"GowerEncoder, {Medoids.__name__}": make_pipeline(
                GowerEncoder(), Medoids(4, metric="manhattan", random_state=seed)
            ),
            "KPrototypesEncoder, KMeans": make_pipeline(
                KPrototypesEncoder(), KMeans(4, n_init=10, random_state=seed)
            ),
            "one-hot, scaled, KMeans": make_pipeline(
                one_hot, KMeans(4, n_init=10, random_state=seed)
            ),
        }
        for name, model in methods.items():
            start = time.perf_counter()
            labels = model.fit_predict(frame)
            taken = time.perf_counter() - start
            table.row(f"{args.rows} rows", name, seed, adjusted_rand_score(y, labels), taken)


if __name__ == "__main__":
    main()
