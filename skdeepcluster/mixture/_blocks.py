"""Covariance matrices of curves: one block for all curves with the same times.

Blocks of similar size are padded by the identity to batches, which LAPACK factorizes in one call.
"""

from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import lapack
from scipy.optimize import minimize

# Blocks are padded to multiples of this size, so that few batches hold all.
STEP = 8
# Bounds of the noise's variance, in units of the variance of all values: below the lower one
# covariances of smooth curves are not positive definite in double precision.
NOISE = 1e-6, 1e2
# Relative gain of an objective below which the search for hyper-parameters ends.
GAIN = 1e-6


class Pattern(NamedTuple):
    """Curves that are observed at the same times.

    Attributes
    ----------
    columns : array of shape (n_observed,)
        Indices of these times.
    rows : array of shape (n_curves,)
        The curves.
    """

    columns: np.ndarray
    rows: np.ndarray


def patterns_of(observed):
    """The patterns of an array of shape (n_curves, n_times) that says what is observed."""
    packed = np.packbits(observed, axis=1)
    _, pattern = np.unique(packed, axis=0, return_inverse=True)
    pattern = pattern.ravel()
    order = np.argsort(pattern, kind="stable")
    bounds = np.flatnonzero(np.diff(pattern[order])) + 1
    return [Pattern(np.flatnonzero(observed[rows[0]]), rows) for rows in np.split(order, bounds)]


class Batch(NamedTuple):
    """Blocks of the same size.

    Attributes
    ----------
    members : array of shape (n_blocks,)
        Their numbers.
    index : array of shape (n_blocks, size)
        Rows and columns of the whole matrix; 0 where padded.
    valid : array of bool of shape (n_blocks, size)
    """

    members: np.ndarray
    index: np.ndarray
    valid: np.ndarray

    def square(self):
        """Which entries of the blocks are not padded."""
        return self.valid[:, :, np.newaxis] & self.valid[:, np.newaxis, :]

    def gathered(self, matrix):
        """The blocks of a matrix, 0 where padded."""
        blocks = matrix[self.index[:, :, np.newaxis], self.index[:, np.newaxis, :]]
        blocks *= self.square()
        return blocks


class Factor(NamedTuple):
    """Inverses of the blocks of a batch, 0 where padded, and logarithms of determinants."""

    inverse: np.ndarray
    log_determinant: np.ndarray


class Blocks:
    """Principal blocks of matrices of shape (n_times, n_times).

    Parameters
    ----------
    columns : list of arrays of int
        Indices of each block.
    n_times : int
    """

    def __init__(self, columns, n_times):
        self.n_times = n_times
        self.sizes = np.array([len(one) for one in columns])
        padded = np.minimum(-(-self.sizes // STEP) * STEP, n_times)
        self.batches = []
        for size in np.unique(padded):
            members = np.flatnonzero(padded == size)
            valid = np.arange(size) < self.sizes[members, np.newaxis]
            index = np.zeros(valid.shape, dtype=np.intp)
            index[valid] = np.concatenate([columns[member] for member in members])
            self.batches.append(Batch(members, index, valid))

    def factors(self, matrix, noise):
        """Factors of the batches of a matrix with `noise` added to its diagonal."""
        return [_factor(matrix, noise, batch) for batch in self.batches]

    def moments(self, blocks):
        """Square arrays of the blocks' sizes as padded arrays, one for each batch."""
        found = []
        for batch in self.batches:
            padded = np.zeros((*batch.valid.shape, batch.valid.shape[1]))
            for place, member in enumerate(batch.members):
                size = self.sizes[member]
                padded[place, :size, :size] = blocks[member]
            found.append(padded)
        return found

    def scattered(self, padded):
        """The sum of padded arrays, each at its place in a matrix of shape (n_times, n_times)."""
        n = self.n_times
        total = np.zeros(n * n)
        for batch, values in zip(self.batches, padded, strict=True):
            flat = batch.index[:, :, np.newaxis] * n + batch.index[:, np.newaxis, :]
            total += np.bincount(flat.ravel(), values.ravel(), n * n)
        return total.reshape(n, n)

    def traces(self, factors, matrix):
        """Traces of the products of the blocks' inverses and the blocks of a matrix."""
        found = np.empty(len(self.sizes))
        for batch, factor in zip(self.batches, factors, strict=True):
            blocks = batch.gathered(matrix)
            found[batch.members] = np.einsum("bij,bij->b", factor.inverse, blocks)
        return found

    def unpadded(self, factors):
        """Inverse and logarithm of the determinant of each block."""
        found = [None] * len(self.sizes)
        for batch, factor in zip(self.batches, factors, strict=True):
            for place, member in enumerate(batch.members):
                size = self.sizes[member]
                inverse = factor.inverse[place, :size, :size]
                found[member] = inverse, factor.log_determinant[place]
        return found


def _factor(matrix, noise, batch):
    blocks = batch.gathered(matrix)
    diagonal = np.arange(blocks.shape[1])
    blocks[:, diagonal, diagonal] += np.where(batch.valid, noise, 1.0)
    roots = np.linalg.cholesky(blocks)
    halves = np.empty_like(roots)
    for half, root in zip(halves, roots, strict=True):
        # LAPACK's upper triangles are the lower ones here, and its zeros stay.
        half[:] = lapack.dpotri(root.T, lower=0)[0].T
    inverse = halves + halves.transpose(0, 2, 1)
    inverse[:, diagonal, diagonal] /= 2
    log_determinant = 2 * np.log(roots[:, diagonal, diagonal]).sum(axis=1)
    return Factor(inverse * batch.square(), log_determinant)


def with_jitter(matrix, jitter):
    """A covariance matrix with this share of its mean variance added to the diagonal."""
    return matrix + jitter * np.trace(matrix) / len(matrix) * np.eye(len(matrix))


class Objective:
    r"""What the hyper-parameters of a covariance minimize, and its gradient.

    .. math:: \frac{1}{2} \sum_g \left( n_g \log |2 \pi \Psi_g|
        + \operatorname{tr} \Psi_g^{-1} S_g \right)

    over blocks g of the covariance at all times, plus noise. A search evaluates it many times, and
    each evaluation factorizes each block once.

    Parameters
    ----------
    kernel : sklearn.gaussian_process.kernels.Kernel
    times : array of shape (n_times,)
    blocks : Blocks
    counts : array of shape (n_blocks,)
        Number of vectors, :math:`n_g`.
    moments : list of arrays
        Sums of their expected outer products, :math:`S_g`, as `Blocks.moments` gives them.
    noise : float or None
        Variance of the noise, which is searched for as well. None is no noise.
    jitter : float
        As for `with_jitter`.
    """

    def __init__(self, kernel, times, blocks, counts, moments, *, noise, jitter):
        self.kernel, self.noise, self.jitter = kernel, noise, jitter
        self.column = times[:, np.newaxis]
        self.blocks, self.counts, self.moments = blocks, counts, moments

    def parameters(self):
        """Logarithms of the hyper-parameters, and of their bounds."""
        theta, bounds = self.kernel.theta, self.kernel.bounds
        if self.noise is not None:
            theta = np.append(theta, np.log(self.noise))
            bounds = np.vstack([bounds.reshape(-1, 2), np.log(NOISE)])
        return theta, bounds

    def split(self, theta):
        """The kernel and the noise with these logarithms."""
        n = self.kernel.n_dims
        noise = None if self.noise is None else float(np.exp(theta[n]))
        return self.kernel.clone_with_theta(theta[:n]), noise

    def __call__(self, theta):
        kernel, noise = self.split(theta)
        matrix, gradients = kernel(self.column, eval_gradient=True)
        if self.jitter:
            matrix = with_jitter(matrix, self.jitter)
        factors = self.blocks.factors(matrix, noise or 0.0)
        value, slopes = 0.0, []
        for batch, factor, moments in zip(self.blocks.batches, factors, self.moments, strict=True):
            inverse, log_determinant = factor
            counts = self.counts[batch.members]
            sizes = self.blocks.sizes[batch.members]
            value += counts @ (log_determinant + sizes * np.log(2 * np.pi)) / 2
            value += np.vdot(inverse, moments) / 2
            slopes.append((counts[:, None, None] * inverse - inverse @ moments @ inverse) / 2)
        slope = self.blocks.scattered(slopes)
        gradient = np.tensordot(slope, gradients, axes=2)
        if self.jitter:
            means = np.trace(gradients) / len(slope)
            gradient = gradient + self.jitter * np.trace(slope) * means
        if noise is not None:
            gradient = np.append(gradient, noise * np.trace(slope))
        return float(value), gradient

    def minimized(self, max_iter):
        """Kernel and noise after so many steps of L-BFGS, never with a higher objective."""
        theta, bounds = self.parameters()
        if not len(theta):
            return self.kernel, self.noise
        start = np.clip(theta, *bounds.T)

        def attempt(theta):
            try:
                return self(theta)
            except LinAlgError:
                return np.inf, np.zeros_like(theta)

        options = {"maxiter": max_iter, "ftol": GAIN}
        found = minimize(
            attempt, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        better = np.isfinite(found.fun) and found.fun <= self(theta)[0]
        return self.split(found.x if better else theta)
