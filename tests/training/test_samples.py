"""Rows on their way to the network."""

import mmap

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdeepcluster import training
from skdeepcluster.training import Samples, Standardizer, map_blocks, source
from skdeepcluster.training import _samples as module
from skdeepcluster.validation._inputs import is_on_disk

CPU = torch.device("cpu")


def samples_of(X, *, shape=None, load=True):
    rows = source(X)
    return Samples(rows, Standardizer.fit(rows), CPU, shape or (rows.shape[1],), load=load)


def on_disk(tmp_path, X, name="X"):
    mapped = np.memmap(tmp_path / name, dtype=X.dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    return mapped


# -- standardization -----------------------------------------------------------------------------


@given(st.integers(0, 2**31 - 1), st.integers(1, 400), st.sampled_from([None, 2]))
def test_weights_are_repeated_rows(seed, n, n_means):
    rng = np.random.RandomState(seed)
    X, counts = rng.randn(n, 6) * 3 + 1e4, rng.randint(0, 4, n)
    counts[0] += 1
    found = Standardizer.fit(source(X), n_means, counts / counts.mean())
    expected = Standardizer.fit(source(np.repeat(X, counts, axis=0)), n_means)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    assert found.scale == pytest.approx(expected.scale, rel=1e-6)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i4", "i8", "u8", "?"])
def test_standardizer_against_numpy(dtype):
    X = (np.random.RandomState(0).rand(500, 7) * 100 + 3).astype(dtype)
    X[:, 3] = X[0, 3]  # constant
    exact = X.astype(np.float64)
    standardize = Standardizer.fit(source(X))
    variance = exact.var(axis=0).mean()
    np.testing.assert_allclose(standardize.mean, exact.mean(axis=0), rtol=1e-13)
    scale = 1 / np.sqrt(variance) if variance else 1.0
    assert standardize.scale == pytest.approx(scale, rel=1e-12)
    Z = standardize(X)
    assert Z.dtype == torch.float32
    np.testing.assert_allclose(Z, (exact - exact.mean(axis=0)) * scale, atol=1e-6)


@given(
    st.integers(1, 40), st.floats(-1e9, 1e9), st.floats(1e-60, 1e60), st.integers(0, 99),
    st.integers(1, 11),
)  # fmt: skip
def test_standardized_rows_are_those_of_the_pure_shape(n, offset, unit, seed, block_rows):
    """Whatever offset and unit of measurement, up to the rounding of the input itself."""
    shape = np.random.RandomState(seed).randint(-500, 500, (n, 3)) * 1.0
    X = shape * unit + np.array([0.0, offset * unit, -offset * unit])
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_statistics_rows", lambda n_features: block_rows)
        Z = Standardizer.fit(source(X))(X).numpy()
    expected = Standardizer.fit(source(shape))(shape).numpy()
    spread = max(np.ptp(shape), 1.0)
    np.testing.assert_allclose(Z, expected, atol=1e-6 + 1e-15 * abs(offset) / spread * 100)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3e12, 1e-30, 1.7e18, 3.3e140])
def test_constant_features_are_zero(value):
    X = np.c_[np.random.RandomState(0).randn(1000, 2), np.full(1000, value)]
    standardize = Standardizer.fit(source(X))
    assert standardize.scale == pytest.approx(1 / np.sqrt(X[:, :2].var(axis=0).sum() / 3))
    assert (standardize(X)[:, 2] == 0).all()
    only = np.full((1000, 3), value)
    assert Standardizer.fit(source(only)).scale == 1
    assert (Standardizer.fit(source(only))(only) == 0).all()


def test_the_layout_of_rows_in_memory_changes_nothing():
    X = np.random.default_rng(0).normal(size=(500, 7))
    found = []
    for rows in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2]):
        standardize = Standardizer.fit(source(rows))
        samples = Samples(source(rows), standardize, torch.device("cpu"), (7,), load=False)
        block = samples.block(0, 300)
        # Functions like `torch.randn_like` draw in the order of the memory.
        assert block.is_contiguous()
        found.append((standardize.mean, standardize.scale, block.numpy()))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def test_power_of_two_scale_changes_no_bit():
    X = np.random.RandomState(0).randn(300, 4)
    expected = Standardizer.fit(source(X))(X)
    for power in (-300, -20, 1, 300):
        scaled = X * 2.0**power
        assert torch.equal(Standardizer.fit(source(scaled))(scaled), expected)


@given(arrays(np.float64, (9, 2), elements=st.floats(-1e12, 1e12)))
def test_inverse(X):
    standardize = Standardizer.fit(source(X))
    back = standardize.inverse(standardize(X).numpy().astype(np.float64))
    np.testing.assert_allclose(back, X, rtol=1e-6, atol=1e-6 * np.abs(X).max(initial=1e-12))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3, 499])
def test_not_finite(value, row):
    X = np.random.RandomState(0).randn(500, 3)
    clean = Standardizer.fit(source(X))
    X[row, 1] = value
    for check in (Standardizer.fit, training.check_finite, lambda rows: clean(rows.X)):
        with pytest.raises(ValueError, match="NaN|infinity"):
            check(source(X))


def test_values_beyond_float32():
    X = np.random.RandomState(0).randn(50, 3)
    clean = Standardizer.fit(source(X))
    X[3] = 1e300
    for check in (Standardizer.fit, lambda rows: clean(rows.X)):
        with pytest.raises(ValueError, match="too large for float32"):
            check(source(X))


# -- sources -------------------------------------------------------------------------------------


class Items(torch.utils.data.Dataset):
    """Rows that are made when they are asked for."""

    def __init__(self, X):
        self.X, self.read = X, 0

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        self.read += 1
        return torch.as_tensor(self.X[i]), 0


@pytest.fixture
def sources(tmp_path):
    X = np.random.RandomState(0).randint(0, 5, (700, 12)).astype(np.float32)
    return {
        "array": X,
        "fortran": np.asfortranarray(X),
        "memmap": on_disk(tmp_path, X),
        "sparse": sp.csr_matrix(X),
        "sparse array": sp.csr_array(X),
        "dataset": Items(X),
        "tensors": torch.utils.data.TensorDataset(torch.from_numpy(X)),
    }


@pytest.mark.parametrize("loaded_bytes", [0, 2**28])
def test_all_sources_give_the_same_batches(sources, loaded_bytes, monkeypatch):
    monkeypatch.setattr(module, "MAX_LOADED_BYTES", loaded_bytes)
    indices = torch.randperm(700, generator=torch.Generator().manual_seed(0)).split(64)
    reference = None
    for name, X in sources.items():
        samples = samples_of(X, shape=(3, 4))
        assert (samples.loaded is not None) == (loaded_bytes > 0 or not samples.rows.lazy), name
        batches = torch.cat(list(samples.batches(indices)))
        blocks = torch.cat(list(map_blocks(torch.clone, samples)))
        assert batches.shape == (700, 3, 4) and batches.dtype == torch.float32
        if reference is None:
            reference = batches, blocks
            assert torch.equal(batches, blocks[torch.cat(indices)])
        assert torch.equal(batches, reference[0]), name
        assert torch.equal(blocks, reference[1]), name


def test_dataset_without_items():
    with pytest.raises(ValueError, match="no items"):
        source(Items(np.empty((0, 3))))


def test_dataset_of_numbers_has_one_feature():
    assert source(torch.utils.data.TensorDataset(torch.arange(5.0))).shape == (5, 1)


def test_on_disk(tmp_path):
    X = np.arange(24.0).reshape(6, 4)
    mapped = on_disk(tmp_path, X)
    assert is_on_disk(mapped)
    assert is_on_disk(mapped[1:4])
    assert is_on_disk(mapped[::2, 1:])
    assert is_on_disk(np.asarray(mapped).reshape(2, 3, 4))
    assert is_on_disk(mapped.T)
    np.save(tmp_path / "saved.npy", X)
    assert is_on_disk(np.load(tmp_path / "saved.npy", mmap_mode="r"))
    with open(tmp_path / "X", "rb") as file:
        buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert is_on_disk(np.ndarray(X.shape, X.dtype, buffer))
    assert not is_on_disk(X) and not is_on_disk(X[1:]) and not is_on_disk(mapped.copy())
    assert not is_on_disk([[1.0]])


def test_big_memmaps_are_read_in_parts(tmp_path, monkeypatch):
    X = np.random.RandomState(0).randn(2000, 16).astype(np.float32)
    mapped = on_disk(tmp_path, X)
    asked = []

    class Watched(module._ArrayRows):
        def take(self, index):
            asked.append(len(index))
            return super().take(index)

        def block(self, begin, end):
            asked.append(end - begin)
            return super().block(begin, end)

    monkeypatch.setattr(module, "MAX_LOADED_BYTES", X.nbytes - 1)
    monkeypatch.setattr(module, "_statistics_rows", lambda n_features: 100)
    rows = Watched(mapped)
    samples = Samples(rows, Standardizer.fit(rows), CPU, (16,))
    assert samples.loaded is None
    for _ in samples.batches(torch.arange(2000).split(128)):
        pass
    for _ in map_blocks(torch.clone, samples):
        pass
    assert max(asked) == module.BLOCK_ROWS
    monkeypatch.setattr(module, "MAX_LOADED_BYTES", X.nbytes)
    assert samples_of(mapped).loaded is not None
    assert samples_of(mapped, load=False).loaded is None


def test_reading_ahead_is_bounded_and_stops_with_its_reader():
    items = Items(np.zeros((1000, 2), dtype=np.float32))
    samples = Samples(source(items), Standardizer.identity(source(items)), CPU, (2,), load=False)
    items.read = 0
    batches = samples.batches(torch.arange(1000).split(10))
    next(batches)
    batches.close()
    assert items.read <= 10 * (module.READ_AHEAD + 2)


def test_error_while_reading_ahead_arrives():
    class Broken(Items):
        def __getitem__(self, i):
            if i == 500:
                raise OSError("disk lost")
            return super().__getitem__(i)

    rows = source(Broken(np.zeros((1000, 2), dtype=np.float32)))
    samples = Samples(rows, Standardizer.identity(rows), CPU, (2,), load=False)
    with pytest.raises(OSError, match="disk lost"):
        list(samples.batches(torch.arange(1000).split(10)))


# -- company -------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(5, 7, 3), (64, 33, 10), (200, 129, 17)])
def test_what_a_row_yields_depends_on_no_other(widths):
    generator = torch.Generator().manual_seed(0)
    weights = [
        torch.randn(a, b, generator=generator) for a, b in zip(widths, widths[1:], strict=False)
    ]

    def network(x):
        for weight in weights:
            x = torch.relu(x @ weight)
        return x

    X = np.random.RandomState(0).randn(1300, widths[0]).astype(np.float32)

    def run(X):
        rows = source(X)
        samples = Samples(rows, Standardizer.identity(rows), CPU, (widths[0],), load=False)
        return torch.cat(list(map_blocks(network, samples)))

    together = run(X)
    order = np.random.RandomState(1).permutation(len(X))
    assert torch.equal(run(X[order]), together[order])
    for begin, end in [(0, 1), (511, 513), (512, 513), (100, 777), (1299, 1300)]:
        assert torch.equal(run(X[begin:end]), together[begin:end])
    for i in range(0, 1300, 97):
        assert torch.equal(run(X[[i]])[0], together[i])


def test_map_blocks_covers_a_range_once():
    X = np.arange(1100.0)[:, None]
    rows = source(X)
    samples = Samples(rows, Standardizer.identity(rows), CPU, (1,))
    parts = [part.numpy() for part in map_blocks(torch.clone, samples, 100, 900)]
    np.testing.assert_array_equal(np.concatenate(parts), X[100:900])
    assert not list(map_blocks(torch.clone, samples, 5, 5))


def test_no_gradient_in_blocks_and_the_mode_comes_back():
    X = np.zeros((3, 2))
    rows = source(X)
    samples = Samples(rows, Standardizer.identity(rows), CPU, (2,))
    weight = torch.ones(2, 1, requires_grad=True)
    for part in map_blocks(lambda x: x @ weight, samples):
        assert not part.requires_grad
        # A generator under no_grad does not leak its mode to whoever reads from it.
        assert torch.is_grad_enabled()
