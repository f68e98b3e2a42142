"""Rows and classes of the data sets of the benchmarks, by name.

The larger sets are read from the folder that SKDEEPCLUSTER_BENCHMARK_DATA names, Fashion-MNIST from
the four files of its authors in the folder that SKDEEPCLUSTER_FASHION_MNIST names. A set that is
not there is left out with a message.
"""

import gzip
import math
import os
from pathlib import Path

import numpy as np
from _common import DATA, load
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler, normalize

FASHION_VARIABLE = "SKDEEPCLUSTER_FASHION_MNIST"
LONG_TAIL = "longtail-digits"
IMAGES = (
    "digits", LONG_TAIL, "usps", "mnist", "mnist-test", "mnist-70000", "fashion", "fashion-70000",
)  # fmt: skip
# Rows of each digit, from tenfold to one, of the set with a long tail: the first of each class.
LONG_TAIL_SIZES = (170, 131, 101, 78, 61, 47, 36, 28, 21, 17)
BUNDLED = {"wine": load_wine, "breast_cancer": load_breast_cancer}
TABLES = (*BUNDLED, "ctg", "segment", "mice_protein")
TEXTS = ("bbc_news", "m10", "searchsnippets", "stackoverflow")
OTHERS = ("movement_libras", "features_cifar10_test", "leaves100_multiview", "stickfigures")
CELLS = "scrna_worm_neuron"
N_MADE = 1500
# Terms of the tf-idf of texts.
MAX_TERMS = 2000
# Rows of the sets of images without a number in their name.
SAMPLE = 10_000


def read(name, n_directions=None):
    """Rows and classes of a set, or None where it is absent.

    Tables are standardized, cell counts are made to logarithms of shares.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    n_directions : int, optional
        Texts are so many directions of their tf-idf, of length one; by default the tf-idf, sparse.

    Returns
    -------
    X : array or sparse matrix of shape (n_rows, n_features), float32
    y : array of shape (n_rows,)
    """
    if name in IMAGES:
        return _images(name)
    if name in MADE:
        return MADE[name](np.random.default_rng(0))
    if name in BUNDLED:
        X, y = BUNDLED[name](return_X_y=True)
        return StandardScaler().fit_transform(X).astype(np.float32), y
    path = DATA / f"{name}.{'tsv.gz' if name in TEXTS else 'npz'}"
    if not path.exists():
        print(f"{name} is left out: {path} is not there.")
        return None
    if name in TEXTS:
        return _texts(path, n_directions)
    with np.load(path) as archive:
        data = dict(archive)
    y = data["y"] if data["y"].ndim == 1 else data["y"][:, 0]
    if name == CELLS:
        X = data["X"].astype(np.float32)
        sums = X.sum(axis=1, keepdims=True)
        return np.log1p(X / np.maximum(sums, 1) * np.median(sums)), y
    X = data["X"] if "X" in data else data["X_0"]
    X = X.reshape(len(X), -1).astype(np.float32)
    return (StandardScaler().fit_transform(X) if name in TABLES else X), y


def _customers(rng):
    """Four planted segments in five standardized columns, beside two one-hot ones without any."""
    y = rng.integers(0, 4, N_MADE)
    columns = [
        rng.normal(np.array([28, 45, 62, 38])[y], 6),
        rng.lognormal(np.log(np.array([25e3, 60e3, 40e3, 90e3])[y]), 0.25),
        rng.poisson(np.array([20, 6, 3, 12])[y]),
        rng.gamma(4, np.array([8, 30, 15, 60])[y] / 4),
        rng.normal(np.array([1, 6, 12, 4])[y], 1.5),
    ]
    numbers = StandardScaler().fit_transform(np.column_stack(columns))
    region = np.eye(2)[rng.integers(0, 2, N_MADE)]
    return np.column_stack([numbers, region]).astype(np.float32), y


def _ball_in_shell(rng):
    y = np.repeat([0, 1], N_MADE // 2)
    directions = rng.normal(size=(N_MADE, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = np.where(y, rng.normal(3, 0.1, N_MADE), np.cbrt(rng.uniform(size=N_MADE)))
    return (directions * radii[:, np.newaxis]).astype(np.float32), y


def _linked_rings(rng):
    y = np.repeat([0, 1], N_MADE // 2)
    angle, zeros = rng.uniform(0, 2 * np.pi, N_MADE), np.zeros(N_MADE)
    flat = np.column_stack([np.cos(angle), np.sin(angle), zeros])
    upright = np.column_stack([1 + np.cos(angle), zeros, np.sin(angle)])
    X = np.where(y[:, np.newaxis], upright, flat) + rng.normal(0, 0.05, flat.shape)
    return X.astype(np.float32), y


# Made here, of few columns: what networks for images get wrong.
MADE = {"customers": _customers, "ball_in_shell": _ball_in_shell, "linked_rings": _linked_rings}
NAMES = (*IMAGES, *TABLES, *MADE, *OTHERS, CELLS, *TEXTS)


def square(X):
    """Flat rows of gray images, of shape (n, side, side)."""
    side = math.isqrt(X.shape[1])
    return X.reshape(-1, side, side)


def _images(name):
    if name == LONG_TAIL:
        X, y = load_digits(return_X_y=True)
        rows = [np.flatnonzero(y == digit)[:n] for digit, n in enumerate(LONG_TAIL_SIZES)]
        rows = np.random.RandomState(0).permutation(np.concatenate(rows))
        return X[rows].astype(np.float32), y[rows]
    if name == "mnist-test":
        path = DATA / "mnist.npz"
        if not path.exists():
            return load("mnist")
        with np.load(path) as archive:
            test = ~archive["train"]
            X, y = archive["X"][test], archive["y"][test]
        return X.reshape(len(X), -1).astype(np.float32) / 255, y
    first, _, rows = name.partition("-")
    n_rows = int(rows) if rows else SAMPLE
    if first != "fashion":
        return load(first, n_rows)
    folder = os.environ.get(FASHION_VARIABLE)
    if folder is None:
        print(f"{name} is left out: {FASHION_VARIABLE} names no folder.")
        return None
    X, y = _fashion(Path(folder))
    order = np.random.RandomState(0).permutation(len(X))[:n_rows]
    return X[order], y[order]


def _fashion(folder):
    """All images and classes of Fashion-MNIST, from the files of its authors."""
    X, y = [], []
    for part in ("train", "t10k"):
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
            X.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784))
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
            y.append(np.frombuffer(file.read(), np.uint8, offset=8))
    return np.concatenate(X).astype(np.float32) / 255, np.concatenate(y)


def _texts(path, n_directions):
    with gzip.open(path, "rt") as file:
        lines = [line.rstrip("\n").split("\t", 1) for line in file]
    y = np.unique([label for label, _ in lines], return_inverse=True)[1]
    most = None if n_directions else MAX_TERMS
    counts = TfidfVectorizer(min_df=3, sublinear_tf=True, stop_words="english", max_features=most)
    X = counts.fit_transform([text for _, text in lines])
    if n_directions:
        X = normalize(TruncatedSVD(n_directions, random_state=0).fit_transform(X))
    return X.astype(np.float32), y
