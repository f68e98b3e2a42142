"""Rows for the network: any input becomes standardized float32 batches on a device."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import assert_all_finite
from torch.utils.data import DataLoader, Dataset, IterableDataset

from skdeepcluster.training._device import exact_convolutions
from skdeepcluster.training._independence import independent_rows
from skdeepcluster.validation._inputs import as_item, is_on_disk, stacked

# Data on disk, sparse matrices and Datasets are loaded densely up to this size, and read batch by
# batch above it.
MAX_LOADED_BYTES = 2**28
# Rows of each forward pass without gradient. The last block is padded to it: torch's libraries
# choose their algorithms, and with them the rounding, by the shape of a block.
BLOCK_ROWS = 256
# Batches read ahead of the one that trains.
READ_AHEAD = 3


def is_dataset(X):
    """Whether X is a torch Dataset, read item by item, or a DataLoader, which is refused later."""
    return isinstance(X, (Dataset, DataLoader))


class _ArrayRows:
    """Rows of a dense two-dimensional array, in memory or mapped from a file."""

    def __init__(self, X):
        self.X = X
        self.shape, self.dtype = X.shape, X.dtype
        self.lazy = is_on_disk(X)

    def take(self, index):
        return self.X[index]

    def block(self, begin, end):
        return self.X[begin:end]


class _SparseRows(_ArrayRows):
    """Rows of a sparse matrix, made dense where they are used."""

    def __init__(self, X):
        self.X = X.tocsr()
        self.shape, self.dtype = X.shape, X.dtype
        self.lazy = True

    def take(self, index):
        return self.X[index].toarray()

    def block(self, begin, end):
        return self.X[begin:end].toarray()


class _DatasetRows:
    """Items of a map-style Dataset; of a tuple the first entry, as in (image, label)."""

    lazy = True

    def __init__(self, dataset):
        self.dataset, self.name = dataset, type(dataset).__name__
        if isinstance(dataset, DataLoader):
            raise TypeError(
                "X is a DataLoader; give its dataset, X.dataset: batches have batch_size rows and "
                "are drawn by the estimator"
            )
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"{self.name} cannot be read in any order, which training needs; give a Dataset "
                "with __len__ and __getitem__, or an array"
            )
        if not len(dataset):
            raise ValueError(f"{self.name} has no items; at least one is required")
        first = self._item(0)
        self.item_shape, self.dtype = first.shape, first.dtype
        self.shape = (len(dataset), int(np.prod(self.item_shape)))

    def _item(self, i):
        item = self.dataset[i]
        # A list of numbers is a row.
        if isinstance(item, tuple) or (isinstance(item, list) and item and np.ndim(item[0])):
            item = item[0]
        array = None if isinstance(item, (tuple, Mapping)) else as_item(item)
        if array is None or array.dtype.kind not in "biuf":
            dtype = f" of {item.dtype}" if hasattr(item, "dtype") else ""
            raise TypeError(
                f"item {i} of {self.name} is {type(item).__name__}{dtype}; items must be numbers "
                "in a tensor, an array or a PIL image, or a tuple that begins with one. Wrap the "
                "Dataset in one that gives these."
            )
        return array

    def take(self, index):
        items = [self._item(int(i)) for i in index]
        return stacked(items, self.name).reshape(len(index), -1)

    def block(self, begin, end):
        return self.take(range(begin, end))


def source(X):
    """Uniform access to the rows of an array, a sparse matrix or a Dataset."""
    if is_dataset(X):
        return _DatasetRows(X)
    return _SparseRows(X) if sp.issparse(X) else _ArrayRows(X)


def _ranges(begin, end, size):
    return ((start, min(start + size, end)) for start in range(begin, end, size))


@dataclass(frozen=True)
class Standardizer:
    """Centers each feature and divides all of them by one number.

    The scale is common to all features, so the geometry of the rows stays what it was and a fit is
    invariant to translation and to the unit of measurement, as k-means is. Arithmetic is in
    float64: large offsets cost no precision.
    """

    mean: np.ndarray
    scale: float
    allow_nan: bool = False

    @classmethod
    def identity(cls, rows):
        return cls(np.zeros(rows.shape[1]), 1.0)

    @classmethod
    def fit_known(cls, rows, weights=None):
        """Means and root mean variance of the entries that are not NaN, in two passes."""
        n, d = rows.shape
        size = _statistics_rows(d)

        def total(function):
            found = np.zeros(d)
            for begin, end in _ranges(0, n, size):
                block = rows.block(begin, end).astype(np.float64)
                known = ~np.isnan(block)
                assert_all_finite(block, allow_nan=True, input_name="X")
                w = known if weights is None else weights[begin:end, np.newaxis] * known
                found += function(w, np.where(known, block, 0))
            return found

        counts = total(lambda w, block: w.sum(axis=0))
        if not counts.all():
            raise ValueError(
                f"feature {int(counts.argmin())} of X has no known value, all are NaN; leave it out"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            mean = total(lambda w, block: (w * block).sum(axis=0)) / counts
            squares = total(lambda w, block: (w * (block - mean) ** 2).sum(axis=0))
        return cls._checked(mean, squares / counts, allow_nan=True)

    @classmethod
    def fit(cls, rows, n_means=None, weights=None):
        """Means and root mean variance, in one pass over blocks.

        Each feature has its own mean, or each of `n_means` blocks of equal size of a row, such as
        the channels of images. Weights of rows have mean 1.
        """
        n, d = rows.shape
        origin = None
        total, squares = np.zeros(d), 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for begin, end in _ranges(0, n, _statistics_rows(d)):
                # Contiguous: the order of summation depends on the memory layout.
                block = np.ascontiguousarray(rows.block(begin, end), dtype=np.float64)
                if origin is None:
                    # Exact for constant features, however large they are.
                    origin = block[0] + (block - block[0]).mean(axis=0)
                block = block - origin
                weighted = block if weights is None else weights[begin:end, np.newaxis] * block
                sums = weighted.sum(axis=0)
                if not np.isfinite(sums).all():
                    assert_all_finite(rows.block(begin, end), input_name="X")
                total += sums
                squares += np.einsum("ij,ij->j", weighted, block)
            shift = total / n
            mean = origin + shift
            variance = squares / n - shift**2
            if n_means is not None:
                common = mean.reshape(n_means, -1).mean(axis=1).repeat(d // n_means)
                variance = variance + (mean - common) ** 2
                mean = common
        return cls._checked(mean, variance)

    @classmethod
    def _checked(cls, mean, variance, **options):
        if not (np.isfinite(variance).all() and np.abs(mean).max(initial=0.0) < 1e150):
            raise ValueError("Input X contains values too large for float32; rescale the features.")
        # A variance below the rounding error of a feature's values is 0.
        varies = variance > (np.finfo(np.float64).eps * mean) ** 2
        variance = np.where(varies, variance, 0.0).mean()
        return cls(mean, 1.0 / np.sqrt(variance) if variance > 0 else 1.0, **options)

    def __call__(self, raw):
        with np.errstate(over="ignore", invalid="ignore"):
            standardized = np.subtract(raw, self.mean, dtype=np.float64)
            standardized *= self.scale
            # C order: random numbers of the rows' shape are drawn in memory order.
            standardized = standardized.astype(np.float32, order="C")
            if not np.isfinite(standardized.sum(dtype=np.float64)):
                assert_all_finite(raw, allow_nan=self.allow_nan, input_name="X")
                if not self.allow_nan or np.isinf(standardized).any():
                    raise ValueError("Input X contains values too large for float32.")
        return torch.from_numpy(standardized)

    def inverse(self, X):
        return X / self.scale + self.mean


def _statistics_rows(n_features):
    """Rows of about 8 MiB of float64."""
    return max(1, 2**20 // max(1, n_features))


def has_missing(rows):
    """Whether an entry is NaN."""
    blocks = _ranges(0, rows.shape[0], _statistics_rows(rows.shape[1]))
    return any(np.isnan(rows.block(*block)).any() for block in blocks)


def check_finite(rows):
    """Raise for NaN or infinity in rows that are not read into memory at once."""
    for begin, end in _ranges(0, rows.shape[0], _statistics_rows(rows.shape[1])):
        block = rows.block(begin, end)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(block.sum(dtype=np.float64))
        if not finite:
            assert_all_finite(block, input_name="X")


class Samples:
    """Standardized float32 rows on a device, loaded once or read when they are needed.

    Parameters
    ----------
    rows : row access as `source` gives it
    standardize : Standardizer
    device : torch.device
    shape : tuple, the shape of one row for the network
    load : bool, default=True
        Whether rows may be loaded at once. Data on disk are up to `MAX_LOADED_BYTES`.
    weights : array of shape (n_samples,), optional
        Weights of the rows, of mean 1.
    """

    def __init__(self, rows, standardize, device, shape, *, load=True, weights=None):
        self.rows, self.standardize, self.device = rows, standardize, device
        self.shape = tuple(shape)
        self.n_rows, self.n_features = rows.shape
        self.weights = None
        if weights is not None:
            self.weights = torch.as_tensor(weights, dtype=torch.float32, device=device)
        self.loaded = None
        if load and (not rows.lazy or self.are_few):
            shape = (self.n_rows, *self.shape)
            self.loaded = torch.empty(shape, dtype=torch.float32, device=device)
            for begin, end in _ranges(0, self.n_rows, _statistics_rows(self.n_features)):
                self.loaded[begin:end] = self._move(rows.block(begin, end))

    def __len__(self):
        return self.n_rows

    @property
    def are_few(self):
        """Whether copies of all rows fit into memory: where this decides, data on disk or in
        memory give the same."""
        return 4 * self.n_rows * self.n_features <= MAX_LOADED_BYTES

    def _move(self, raw):
        tensor = self.standardize(raw).reshape(-1, *self.shape)
        return tensor.to(self.device, non_blocking=True)

    def __getitem__(self, index):
        if self.loaded is not None:
            return self.loaded[index.to(self.device)]
        return self._move(self.rows.take(index.cpu().numpy()))

    def block(self, begin, end):
        if self.loaded is not None:
            return self.loaded[begin:end]
        return self._move(self.rows.block(begin, end))

    def batches(self, indices):
        """Rows of each index tensor, read ahead in a thread where they are not in memory."""
        if self.loaded is not None:
            yield from map(self.__getitem__, indices)
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = []
            try:
                for index in indices:
                    ahead.append(reader.submit(self.__getitem__, index))
                    if len(ahead) > READ_AHEAD:
                        yield ahead.pop(0).result()
                while ahead:
                    yield ahead.pop(0).result()
            finally:
                for future in ahead:
                    future.cancel()


@torch.no_grad()
def map_blocks(function, samples, begin=0, end=None, *, block_rows=BLOCK_ROWS, independent=True):
    """Yield function(rows) for consecutive blocks of rows, without gradient.

    If `independent`, the result of a row does not depend on other rows: all blocks have the same
    shape, of `block_rows` rows, the last one padded, and products are those of `independent_rows`.
    """
    end = len(samples) if end is None else end
    for start, stop in _ranges(begin, end, block_rows):
        x = samples.block(start, stop)
        if stop - start < block_rows:
            padded = x.new_zeros((block_rows, *x.shape[1:]))
            padded[: stop - start] = x
            x = padded
        on_cpu = independent and samples.device.type == "cpu"
        with independent_rows() if on_cpu else exact_convolutions(samples.device):
            block = function(x)[: stop - start]
        yield block


def map_rows(function, samples):
    """function(rows) of all rows in one tensor, without gradient."""
    return torch.cat(list(map_blocks(function, samples)))


def column_scales(samples):
    """One over the standard deviation of each feature; 1 where it hardly varies.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    scales : Tensor of shape (n_features,), float32
    """
    sums = squares = 0.0
    for block in map_blocks(lambda x: x.flatten(1), samples, independent=False):
        block = block.double()
        sums, squares = sums + block.sum(dim=0), squares + block.square().sum(dim=0)
    mean = sums / len(samples)
    variance = (squares / len(samples) - mean.square()).clamp_min(0)
    # Less than this share of the mean variance is noise of a feature that should not count.
    return torch.where(variance > 1e-8 * variance.mean(), variance, 1.0).rsqrt().float()
