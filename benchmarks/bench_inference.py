"""What it costs that a row's embedding does not depend on the rows beside it.

float32 products round differently in batches of different shapes and at different places of one.
Two remedies are compared on the encoder of a fitted DEC: products of the package's own in blocks of
a fixed number of rows, the last one padded (what the package does, here with other sizes too), and
float64 in batches of any size; both beside float32 in batches of any size. The first table gives
the times of all rows and of a single one, relative to that; the second how far the embeddings of
the same rows are apart when all come in order, shuffled, cut into random pieces, or one by one: the
largest difference, relative to the largest entry, and the share of the entries that differ in any
bit.

    python benchmarks/bench_inference.py                 20,000 rows of MNIST, and digits
"""

import argparse
import copy
from functools import partial

import numpy as np
import torch
from _common import Table, hardware, load, median_seconds

from skdeepcluster import DEC
from skdeepcluster.training import _samples

SINGLE_ROWS = 200


class Rows:
    """Rows in memory, as `map_blocks` reads them."""

    device = torch.device("cpu")

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def block(self, begin, end):
        return self.x[begin:end]


def in_batches(encode, n_rows):
    """A pass in batches of at most n_rows, the last one as it comes."""

    @torch.no_grad()
    def run(x):
        return torch.cat([encode(part) for part in x.split(n_rows)])

    return run


def in_blocks(encode, n_rows):
    """The package's pass, with blocks of n_rows."""

    def run(x):
        return torch.cat(list(_samples.map_blocks(encode, Rows(x), block_rows=n_rows)))

    return run


def companies(run, x, rng):
    """Name and embedding of the first rows among others; the first one is the whole in order."""
    yield "in order", run(x)
    order = torch.from_numpy(rng.permutation(len(x)))
    yield "shuffled", run(x[order])[torch.argsort(order)]
    cuts = np.sort(rng.choice(np.arange(1, len(x)), size=min(20, len(x) - 1), replace=False))
    yield "in pieces", torch.cat([run(part) for part in x.tensor_split(cuts.tolist())])
    yield "one by one", torch.cat([run(row[None]) for row in x[:SINGLE_ROWS]])


def measure(name, X, block_rows, repeats):
    model = DEC(10, pretrain_epochs=1, max_epochs=1, init="k-means", random_state=0).fit(X)
    x = torch.from_numpy(((X - model.mean_) * model.scale_).astype(np.float32))
    narrow = model.module_.encode
    double = copy.deepcopy(model.module_.encoder).double()

    def wide(x):
        return double(x.double()).float()

    passes = {f"float32, any batches, {n}": in_batches(narrow, n) for n in block_rows}
    passes |= {f"float64, any batches, {n}": in_batches(wide, n) for n in block_rows}
    passes |= {f"float32, fixed blocks, {n}": in_blocks(narrow, n) for n in block_rows}

    all_rows = median_seconds({who: partial(run, x) for who, run in passes.items()}, repeats)
    one_row = median_seconds(
        {who: partial(run, x[:1]) for who, run in passes.items()}, 20 * repeats
    )
    fastest = min(seconds for who, seconds in all_rows.items() if who.startswith("float32, any"))
    print(f"\n{name} {X.shape}, medians of {repeats}; the package has {_samples.BLOCK_ROWS} rows")
    table = Table(how="", us_per_row=".2f", to_fastest_free=".2f", single_row_ms=".2f")
    for who, seconds in all_rows.items():
        table.row(who, 1e6 * seconds / len(x), seconds / fastest, 1e3 * one_row[who])

    print()
    table = Table(how="", company="", largest_difference=".1e", share_of_entries=".4f")
    for who, run in passes.items():
        (_, expected), *others = companies(run, x, np.random.RandomState(0))
        scale = expected.abs().max()
        for company, Z in others:
            difference = (Z - expected[: len(Z)]).abs()
            changed = (difference > 0).float().mean()
            table.row(who, company, float(difference.max() / scale), float(changed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["mnist", "digits"])
    parser.add_argument("--rows", type=int, default=20_000, help="at most, of each data set")
    parser.add_argument("--block-rows", type=int, nargs="+", default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(hardware())
    for name in options.data:
        data = load(name, options.rows)
        if data is not None:
            measure(name, data[0], options.block_rows, options.repeats)


if __name__ == "__main__":
    main()
