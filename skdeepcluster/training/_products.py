"""Inference on the CPU in which what a row yields depends on that row alone.

torch leaves products of matrices to libraries that round an entry differently at different places
of a block. A mode of torch's dispatcher sends them to a kernel that does not, whoever asks for
them: layers, the package's own formulas, or the user's modules.
"""

import contextlib
import functools
import sys

import torch
from torch.overrides import BaseTorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from skdeepcluster._kernels._products import add_products

aten = torch.ops.aten


@contextlib.contextmanager
def independent_rows():
    """A context in which no row's result depends on its place among others, on the CPU."""
    # While a mode for functions is there, layers of attention take their usual steps, whose
    # products are seen, and not one call for all.
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
        if func in _PRODUCTS and _are_plain(args):
            return _PRODUCTS[func](*args, **kwargs)
        if func in _STEPS:
            with self:
                return _STEPS[func](*args, **kwargs)
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
    """Whether an operator is made of others: only in inference mode does it come in one piece."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _are_plain(args):
    """Whether tensors are dense, of one type of real numbers, in main memory, and fit together."""
    tensors = [x for x in args if isinstance(x, torch.Tensor)]
    *_, a, b = tensors
    return (
        a.dtype in (torch.float32, torch.float64)
        and a.shape[-1] == b.shape[-2:][0]
        and all(
            x.layout == torch.strided and x.device.type == "cpu" and x.dtype == a.dtype
            for x in tensors
        )
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


def _attention(query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None):
    out, _ = aten._scaled_dot_product_attention_math(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale
    )
    return out, out.new_empty(0)


def _euclidean_dist(x, y):
    squares = x.square().sum(-1, keepdim=True), y.square().sum(-1, keepdim=True)
    return (squares[0] - 2 * (x @ y.mT) + squares[1].mT).clamp_min(0).sqrt()


# What does products by itself, in steps.
_STEPS = {
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
    aten._euclidean_dist.default: _euclidean_dist,
}
