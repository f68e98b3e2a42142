"""Inference in which no row's result depends on its place among others."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster.nn import conv_autoencoder, conv_encoder, dense_encoder, pooled_conv_encoder
from skdeepcluster.training import Samples, Standardizer, map_blocks, source
from skdeepcluster.training._independence import independent_rows

CPU = torch.device("cpu")


def generator():
    return torch.Generator().manual_seed(0)


class Attention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(24, 4, batch_first=True)
        self.options = options

    def forward(self, x):
        return self.attention(x, x, x, **self.options)[0].mean(dim=1)


class Last(nn.Module):
    """The last step of a sequence."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0][:, -1]


def transformer():
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(24, 4, 48, batch_first=True), 2, enable_nested_tensor=False
    )


NETWORKS = {
    "dense": ((784,), lambda g: dense_encoder((784,), (500, 333), 10, g)),
    "one feature": ((1,), lambda g: dense_encoder((1,), (30,), 2, g)),
    "conv autoencoder": (
        (1, 28, 28),
        lambda g: nn.Sequential(*conv_autoencoder((1, 28, 28), (32, 64, 128), 10, g)),
    ),
    "conv": ((3, 32, 32), lambda g: conv_encoder((3, 32, 32), (32, 64), 10, g)),
    "pooled conv": ((1, 20, 20), lambda g: pooled_conv_encoder((1, 20, 20), (20, 20), 10, g)),
    "attention": ((7, 24), lambda g: Attention()),
    "attention without weights": ((7, 24), lambda g: Attention(need_weights=False)),
    "transformer": ((7, 24), lambda g: transformer()),
    "GRU": ((7, 24), lambda g: Last(nn.GRU(24, 30, batch_first=True))),
    "LSTM": ((7, 24), lambda g: Last(nn.LSTM(24, 30, batch_first=True))),
    "bilinear": ((24,), lambda g: _Bilinear()),
}


class _Bilinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Bilinear(24, 24, 5)

    def forward(self, x):
        return self.layer(x, x)


WEIGHT = torch.randn(77, 33, generator=generator())
VECTOR = torch.randn(77, generator=generator())
FORMULAS = {
    "product": lambda x: x @ WEIGHT,
    "product with a start": lambda x: torch.addmm(x[:, :33], x, WEIGHT, beta=0.7, alpha=-1.3),
    "with a vector": lambda x: torch.stack([x @ VECTOR, x.mv(VECTOR)], 1),
    "with a vector and a start": lambda x: torch.addmv(x[:, 0], x, VECTOR, alpha=2)[:, None],
    "einsum": lambda x: torch.einsum("nd,dk->nk", x, WEIGHT),
    "matrices of rows": lambda x: (x.view(-1, 7, 11) @ x.view(-1, 11, 7)).flatten(1),
    "matrices of rows with a start": lambda x: torch.baddbmm(
        x[:, :49].reshape(-1, 7, 7), x.view(-1, 7, 11), x.view(-1, 11, 7)
    ).flatten(1),
    "distances": lambda x: torch.cdist(x, WEIGHT.T.repeat(2, 1)),
    "float64": lambda x: x.double() @ WEIGHT.double(),
    "vmap": lambda x: torch.func.vmap(lambda row: row @ WEIGHT)(x),
    "dots": lambda x: torch.stack([row @ VECTOR for row in x])[:, None],
}


def shape_and_function(name):
    if name in FORMULAS:
        return (77,), FORMULAS[name]
    torch.manual_seed(0)
    shape, make = NETWORKS[name]
    return shape, make(generator()).eval()


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def infer(function, X, shape):
    rows = source(X.reshape(len(X), -1))
    samples = Samples(rows, Standardizer.identity(rows), CPU, shape, load=False)
    return torch.cat(list(map_blocks(function, samples)))


@pytest.mark.parametrize("inference_mode", [False, True])
@pytest.mark.parametrize("name", [*NETWORKS, *FORMULAS])
def test_a_row_gives_the_same_at_every_place(name, inference_mode):
    shape, function = shape_and_function(name)
    X = np.random.RandomState(0).randn(300, *shape).astype(np.float32)
    order = np.random.RandomState(1).permutation(len(X))
    with torch.inference_mode() if inference_mode else contextlib.nullcontext():
        whole = infer(function, X, shape)
        assert torch.equal(infer(function, X[order], shape), whole[order])
        assert torch.equal(infer(function, X[97:290], shape), whole[97:290])
        for i in (0, 128, 255, 256, 299):
            assert torch.equal(infer(function, X[[i]], shape)[0], whole[i])


@pytest.mark.parametrize("name", [*NETWORKS, *FORMULAS])
def test_threads_change_no_row(name, threads):
    shape, function = shape_and_function(name)
    X = np.random.RandomState(0).randn(256, *shape).astype(np.float32)
    threads(1)
    expected = infer(function, X, shape)
    for n_threads in (2, 3, 5):
        threads(n_threads)
        assert torch.equal(infer(function, X, shape), expected)


@pytest.mark.parametrize("name", [*NETWORKS, *FORMULAS])
def test_independent_rows_differ_from_others_by_rounding(name):
    shape, function = shape_and_function(name)
    x = torch.randn(40, *shape, generator=generator())
    with torch.no_grad():
        expected = function(x)
        with independent_rows():
            found = function(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "in place": lambda x: x.clone().sigmoid_(),
    "in place, thinned": lambda x: F.silu(x.repeat(1, 2)[:, ::2], inplace=True),
    "transposed": lambda x: x.T.contiguous().T.exp2(),
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "elu": F.elu,
    "softplus": F.softplus,
    "mish": F.mish,
    "glu": lambda x: F.glu(x.repeat(1, 2)),
    "power": lambda x: x.abs() ** 2.5,
    "number to a power": lambda x: 1.5**x,
    "with a row": lambda x: torch.logaddexp(x, x[:1].clamp(-1, 1)),
    "with a column": lambda x: torch.logaddexp(x[:, :1], x),
    "with a number": lambda x: torch.logaddexp(x, torch.tensor(0.5, dtype=torch.float64)),
    "double": lambda x: torch.sigmoid(x.double()),
    "softmax": lambda x: x.softmax(1),
    "log softmax": lambda x: x.log_softmax(1),
    "norm": lambda x: F.normalize(x, dim=1),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "group norm": lambda x: F.group_norm(x, 1),
    "log sum": lambda x: x.logsumexp(1, keepdim=True),
    "sum of squares": lambda x: x.square().sum(1, keepdim=True),
    "cross entropy": lambda x: F.binary_cross_entropy_with_logits(
        x, x.gt(0).float(), reduction="none"
    ),
}


@pytest.mark.parametrize("n_features", [333, 2000, 3001])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_threads_change_no_function_of_entries(name, n_features, threads):
    function = FUNCTIONS[name]
    x = (3 * torch.randn(1, n_features, generator=generator())).repeat(256, 1)
    threads(1)
    with torch.no_grad():
        usual = function(x.clone())
    for n_threads in (1, 3, 5, 7):
        threads(n_threads)
        with torch.no_grad(), independent_rows():
            found = function(x.clone())
        assert found.dtype == usual.dtype
        torch.testing.assert_close(found, usual)
        if n_threads == 1:
            expected = found[:1]
        assert torch.equal(found, expected.expand_as(found))


def test_what_is_no_product_of_real_matrices_is_left_to_torch():
    x = torch.arange(12).reshape(3, 4)
    with torch.no_grad(), independent_rows():
        assert torch.equal(x @ x.T, torch.tensor([[14, 38, 62], [38, 126, 214], [62, 214, 366]]))
        half = x.to(torch.bfloat16)
        assert (half @ half.T).dtype == torch.bfloat16
        assert torch.equal(torch.sparse.mm(x.float().to_sparse(), x.T.float()), (x @ x.T).float())
        with pytest.raises(RuntimeError, match="dtype"):
            x.float() @ x.T.double()
        with pytest.raises(RuntimeError, match="shapes"):
            x.float() @ x.float()


def test_compiled_modules_give_what_others_give():
    layer = nn.Linear(20, 5)
    x = torch.randn(64, 20, generator=generator())
    compiled = torch.compile(layer, backend="eager")
    with torch.no_grad():
        plain = compiled(x)
        with independent_rows():
            expected = layer(x)
            assert torch.equal(compiled(x), expected)
        assert torch.equal(compiled(x), plain)


def test_functions_of_several_results_stay_whole(threads):
    threads(2)
    x = torch.randn(256, 2000, generator=generator())
    with torch.no_grad():
        expected = torch.frexp(x)
        with independent_rows():
            found = torch.frexp(x)
    assert torch.equal(found.mantissa, expected.mantissa)
    assert torch.equal(found.exponent, expected.exponent)


def test_no_compiler_is_imported_for_a_prediction():
    script = """
import sys, torch
from skdeepcluster.training._independence import independent_rows
with torch.no_grad(), independent_rows():
    torch.nn.Linear(3, 2)(torch.zeros(4, 3))
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
