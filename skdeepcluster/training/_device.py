"""Device and precision of a network's computations."""

import contextlib

import torch


def resolve_device(device):
    """The torch.device that a `device` parameter names; "auto" is the first accelerator there is.

    Raises
    ------
    ValueError
        If torch does not know the device or it is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} is not available here ({str(error).splitlines()[0]}); "
            "use device='auto' or device='cpu'"
        ) from error
    return resolved


def exact_convolutions(device):
    """A context in which convolutions on a GPU are reproducible and in full float32."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


# torch's probes of instructions that multiply in bfloat16: tiles of Intel, and the dot products of
# AMD (Zen 4 on) and Intel. Where they are missing it is emulated, many times slower than float32.
_BFLOAT16_PROBES = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


def _has_fast_bfloat16(device):
    """Whether the processor has instructions for matrix products in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # oneDNN alone uses them; versions of torch have more or fewer of the probes.
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and any(getattr(torch.cpu, probe, bool)() for probe in _BFLOAT16_PROBES)
    )


class Precision:
    """Autocast of the training steps.

    Weights, losses, targets and everything that is predicted stay float32; "bfloat16" lets the
    matrix products of the steps run in half the width.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
    device : torch.device
    module : torch.nn.Module
    batch_rows : int
        Rows of a step on this device. "auto" chooses float32 for networks or batches too small to
        gain from the narrower type.
    """

    # Below these the conversions cost more than the products save.
    WORTHWHILE_WEIGHTS = 200_000
    WORTHWHILE_ROWS = 128

    def __init__(self, precision, device, module, batch_rows):
        if precision == "auto":
            n_weights = sum(p.numel() for p in module.parameters())
            large = n_weights >= self.WORTHWHILE_WEIGHTS and batch_rows >= self.WORTHWHILE_ROWS
            precision = "bfloat16" if large and _has_fast_bfloat16(device) else "float32"
        self.name = precision
        self.device = device

    def __call__(self):
        if self.name == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
