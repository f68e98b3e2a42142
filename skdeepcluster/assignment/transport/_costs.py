"""Costs of transport in memory, read by blocks of rows, and the passes over them."""

import mmap
import sys

import numpy as np

from skdeepcluster._kernels._transport import sweep
from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.validation._inputs import file_mapping

BLOCK_BYTES = 2**26


def is_tensor(array):
    """Whether an object is a tensor; does not import torch."""
    return "torch" in sys.modules and isinstance(array, sys.modules["torch"].Tensor)


def to_numpy(array):
    """A tensor's or an array's values as an array, without a copy where they are one already."""
    return array.detach().cpu().numpy() if is_tensor(array) else np.asarray(array)


def read_only_mapping(array):
    """The memory map behind an array, if it is read-only: no unsaved change can be lost."""
    mapping = file_mapping(array)
    is_ours = mapping is not None and hasattr(mapping, "madvise") and memoryview(mapping).readonly
    return mapping if is_ours else None


class Costs:
    """Rows of costs in the memory of the host, and the passes over them.

    Parameters
    ----------
    read : callable (begin, end) -> array or tensor of shape (end - begin, n_columns)
    shape : tuple
    sample : the first row, as `read` gives it
    block_size : int, optional
        Rows of a block.
    name : str
        How the user calls the costs.
    whole : bool, default=False
        Whether all rows are in memory, and so make one block unless `block_size` is given.
    """

    def __init__(self, read, shape, sample, block_size, name, whole=False):
        self.read, self.shape, self.name = read, shape, name
        self.as_tensor = is_tensor(sample)
        self.dtype = self._dtype(sample)
        if block_size is None:
            block_size = max(1, BLOCK_BYTES // (8 * shape[1]))
            if whole and self._fits(read(0, shape[0])):
                block_size = shape[0]
        self.block_size = block_size
        self.n_threads = effective_n_threads()

    def _dtype(self, sample):
        """Single precision stays, and half is held in it; all else is computed in double."""
        name = str(sample.dtype).removeprefix("torch.")
        kind = "c" if self.as_tensor and sample.is_complex() else getattr(sample.dtype, "kind", "f")
        if kind not in "fiub":
            raise TypeError(f"{self.name} must hold numbers, got an array of {name}")
        single = name in ("float32", "float16", "bfloat16")
        return np.dtype(np.float32 if single else np.float64)

    def _fits(self, block):
        """Whether the kernel can read all of it where it lies."""
        if is_tensor(block):
            return block.is_contiguous() and str(block.dtype) == f"torch.{self.dtype}"
        return block.flags.c_contiguous and block.dtype == self.dtype

    def block(self, begin, end):
        """Rows as the kernel reads them."""
        block = self.read(begin, end)
        if is_tensor(block):
            block = block.detach()
            block = (block if block.dtype.itemsize > 2 else block.float()).numpy()
        block = np.ascontiguousarray(block, dtype=self.dtype)
        if block.shape != (end - begin, self.shape[1]):
            raise ValueError(
                f"{self.name}.block({begin}, {end}) has shape {block.shape}; "
                f"{(end - begin, self.shape[1])} is required"
            )
        return block

    def blocks(self):
        """Triples of first row, end and rows; pages mapped from a file are released after use."""
        for begin in range(0, self.shape[0], self.block_size):
            end = min(begin + self.block_size, self.shape[0])
            block = self.block(begin, end)
            yield begin, end, block
            mapping = read_only_mapping(block)
            if mapping is not None:
                mapping.madvise(mmap.MADV_DONTNEED)

    def empty(self, *shape, dtype=np.float64):
        """Memory for what is computed about the rows."""
        return np.empty(shape, dtype)

    def hold(self, masses):
        """Masses of the rows where the passes need them."""
        return masses

    def give(self, array):
        """An array, or what `empty` made, as the caller's kind of array."""
        return sys.modules["torch"].from_numpy(array) if self.as_tensor else array

    def sums(self, g, reg, mass, rows, evaluate=False, **outputs):
        """Of the plan that g gives: the columns' masses, divided by exp(scale), and scale.

        With `evaluate`, also the scalar product of the rows' masses and potentials. `outputs` are
        those of the kernel of the same name.
        """
        total, scale, value = np.zeros(len(g)), -np.inf, 0.0
        for begin, end, block in self.blocks():
            parts = {name: array[begin:end] for name, array in outputs.items()}
            sums, log, part = sweep(
                block, g, reg, mass[begin:end], rows.damping, rows.cap, self.n_threads, evaluate,
                **parts,
            )  # fmt: skip
            value += part
            highest = max(scale, log)
            total = total * np.exp(scale - highest) + sums * np.exp(log - highest)
            scale = highest
        return total, scale, value

    def log_sums(self, g, reg, potentials, columns):
        """Logarithms of the masses of some columns, however small."""
        total = np.full(len(columns), -np.inf)
        real = columns < self.shape[1]
        for begin, end, block in self.blocks():
            cost = np.zeros((end - begin, len(columns)))
            cost[:, real] = block[:, columns[real]]
            with np.errstate(over="ignore", invalid="ignore"):
                logs = (g[columns] - cost + potentials[begin:end, None]) / reg
            total = np.logaddexp(total, np.logaddexp.reduce(logs, axis=0))
        return total

    def explain(self, virtual, empty_columns=()):
        """Raise the error that describes what is wrong with the costs."""
        empty_columns = np.asarray(empty_columns, dtype=int)
        for begin, _, block in self.blocks():
            block = to_numpy(block)
            for what, found in (("NaN", np.isnan(block)), ("-infinity", np.isneginf(block))):
                if found.any():
                    row, column = np.argwhere(found)[0]
                    raise ValueError(
                        f"{self.name} contains {what}, first in row {begin + row}, column {column}"
                    )
            empty = np.isposinf(block).all(axis=1)
            if empty.any() and not virtual:
                raise ValueError(
                    f"row {begin + np.argmax(empty)} of {self.name} is infinite in all columns: "
                    "there is no column that may take it"
                )
            empty_columns = empty_columns[np.isposinf(block[:, empty_columns]).all(axis=0)]
        if len(empty_columns):
            raise ValueError(
                f"column {empty_columns[0]} of {self.name} is infinite in all rows: there is no "
                "row that it may take; leave it out"
            )
        raise ValueError(
            f"{self.name} divided by reg exceeds what double precision can hold: rescale "
            f"{self.name}, subtract a constant from it, or raise reg"
        )
