"""Inference on the CPU in which the result of a row depends on that row alone.

torch delegates matrix products to libraries that round an entry differently depending on its
position in a block. A mode of torch's dispatcher redirects them to a kernel that does not, wherever
they are called: in layers, in the package's own formulas, or in the user's modules. Elementwise
functions round differently in SIMD vectors and in the remainder after the last vector of a thread's
chunk: the mode computes them in pieces that are multiples of a vector.
"""

import contextlib
import functools
import itertools
import sys

import torch
from torch.overrides import BaseTorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from skdeepcluster._kernels._products import add_products

aten = torch.ops.aten

# Number of entries that torch computes in one thread, a multiple of its vectors' lengths.
PIECE = 2**14
# Elementwise functions that round correctly, or not at all.
_EXACT = {
    *(
        "abs",
        "add",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clone",
        "copy",
        "div",
        "eq",
        "fill",
        "frexp",
    ),
    *(
        "ge",
        "gt",
        "le",
        "lt",
        "maximum",
        "minimum",
        "mul",
        "ne",
        "neg",
        "relu",
        "sqrt",
        "sub",
        "where",
    ),
}


@contextlib.contextmanager
def independent_rows():
    """A context in which the result of a row does not depend on other rows, on the CPU."""
    # With an active function mode, attention layers take their usual steps, whose products the
    # dispatcher sees, instead of one fused call.
    compiler_is_loaded = "torch._dynamo" in sys.modules
    mode = _UncompiledIndependentRows if compiler_is_loaded else _IndependentRows
    with BaseTorchFunctionMode(), mode():
        yield


class _IndependentRows(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls):
        # Torch would import its compiler, which takes seconds, to keep it from compiling this.
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _PRODUCTS and _are_factors(args):
            return _PRODUCTS[func](*args, **kwargs)
        if func in _STEPS:
            with self:
                return _STEPS[func](*args, **kwargs)
        if _has_tails(func, args, kwargs):
            return _in_pieces(func, args, kwargs)
        if _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        return func(*args, **kwargs)


class _UncompiledIndependentRows(_IndependentRows):
    @classmethod
    def _should_skip_dynamo(cls):
        return True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return super().__torch_dispatch__(func, types, args, kwargs)


@functools.cache
def _is_composite(func):
    """Whether an operator is composed of others, which dispatch as one in inference mode."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _tensors(args):
    return [x for x in args if isinstance(x, torch.Tensor)]


def _are_dense(tensors):
    return all(x.layout == torch.strided and x.device.type == "cpu" for x in tensors)


def _are_factors(args):
    """Whether tensors are dense, of one real type, and of matching shapes."""
    tensors = _tensors(args)
    *_, a, b = tensors
    return (
        _are_dense(tensors)
        and a.dtype in (torch.float32, torch.float64)
        and all(x.dtype == a.dtype for x in tensors)
        and a.shape[-1] == b.shape[-2:][0]
    )


def _baddbmm(start, a, b, *, beta=1, alpha=1):
    shape = (*a.shape[:2], b.shape[2])
    if alpha != 1:
        return _baddbmm(None, a, b) * alpha + (start * beta if beta else 0)
    if start is None or not beta:
        out = a.new_zeros(shape)
    else:
        out = (start if beta == 1 else start * beta).expand(shape)
        out = out.clone(memory_format=torch.contiguous_format)
    a, b, product = (x.detach().numpy(force=True) for x in (a.contiguous(), b, out))
    add_products(a, b, product, torch.get_num_threads())
    return out


def _bmm(a, b):
    return _baddbmm(None, a, b)


def _addmm(start, a, b, **factors):
    return _baddbmm(start, a[None], b[None], **factors)[0]


def _mm(a, b):
    return _bmm(a[None], b[None])[0]


def _addmv(start, a, x, **factors):
    return _addmm(start[:, None], a, x[:, None], **factors)[:, 0]


def _mv(a, x):
    return _mm(a, x[:, None])[:, 0]


def _dot(x, y):
    return _mm(x[None], y[:, None])[0, 0]


_PRODUCTS = {
    aten.mm.default: _mm,
    aten.bmm.default: _bmm,
    aten.addmm.default: _addmm,
    aten.baddbmm.default: _baddbmm,
    aten.mv.default: _mv,
    aten.addmv.default: _addmv,
    aten.dot.default: _dot,
}


@functools.cache
def _is_inexact(func):
    return torch.Tag.pointwise in func.tags and func._opname.rstrip("_") not in _EXACT


def _has_tails(func, args, kwargs):
    """Whether an elementwise function may end a thread's chunk, or a row, within a vector."""
    if not _is_inexact(func):
        return False
    tensors = _tensors(args)
    if not _are_dense(tensors) or _tensors(kwargs.values()):
        return False
    if max((x.numel() for x in tensors if x.is_floating_point()), default=0) <= PIECE:
        return False
    return torch.get_num_threads() > 1 or not all(
        x.is_contiguous() and x.shape == tensors[0].shape for x in tensors
    )


def _in_pieces(func, args, kwargs):
    """An elementwise function, computed piece by piece on one thread."""
    shape = torch.broadcast_shapes(*(x.shape for x in _tensors(args)))
    pieces = [
        x.expand(shape).reshape(-1).split(PIECE)
        # torch treats tensors without dimensions as numbers, which do not set the result's type.
        if isinstance(x, torch.Tensor) and x.ndim
        else itertools.repeat(x)
        for x in args
    ]
    result = torch.cat([func(*piece, **kwargs) for piece in zip(*pieces, strict=False)])
    result = result.view(shape)
    return args[0].copy_(result) if func._schema.is_mutable else result


def _attention(query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None):
    out, _ = aten._scaled_dot_product_attention_math(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale
    )
    return out, out.new_empty(0)


def _euclidean_dist(x, y):
    squares = x.square().sum(-1, keepdim=True), y.square().sum(-1, keepdim=True)
    return (squares[0] - 2 * (x @ y.mT) + squares[1].mT).clamp_min(0).sqrt()


def _glu(x, dim=-1):
    value, gate = x.chunk(2, dim)
    return value * gate.sigmoid()


def _trilinear(x, y, z, absent_x, absent_y, absent_z, summed, unrolled=1):
    dims = range(x.ndim + len(absent_x))
    factors = []
    for factor, absent in zip((x, y, z), (absent_x, absent_y, absent_z), strict=True):
        factors += [factor, [dim for dim in dims if dim not in absent]]
    return torch.einsum(*factors, [dim for dim in dims if dim not in summed])


# Fused operators, replaced by their steps.
_STEPS = {
    aten.glu.default: _glu,
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
    aten._euclidean_dist.default: _euclidean_dist,
    aten._trilinear.default: _trilinear,
}
