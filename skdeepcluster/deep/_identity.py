"""What identifies a fit: its settings, the user's modules, and the generators they draw from."""

import torch

import skdeepcluster

# Parameters that change the duration or the output of a fit, but not its result.
_WITHOUT_EFFECT = {"checkpoint", "max_time", "verbose", "compile"}
# Increases when the contents of checkpoints change.
_CHECKPOINT_FORMAT = 3


def given_modules(estimator):
    """Parameters that are the user's modules."""
    params = estimator.get_params(deep=False)
    return torch.nn.ModuleDict(
        {name: value for name, value in params.items() if isinstance(value, torch.nn.Module)}
    )


def settings(estimator, seed, modules):
    """What determines a fit besides rows, side information and given weights."""
    found = {
        "estimator": type(estimator).__name__,
        "version": skdeepcluster.__version__,
        "format": _CHECKPOINT_FORMAT,
        "random_state": None if estimator.random_state is None else seed,
    }
    for name, value in estimator.get_params(deep=False).items():
        if name in modules:
            found[name] = repr(modules[name])
        elif name not in found and name not in _WITHOUT_EFFECT | estimator._in_side:
            found[name] = getattr(value, "__qualname__", value)
    return found


def global_generators(device):
    """The generators that torch's functions draw from by default."""
    if device.type != "cuda":
        return [torch.default_generator]
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]
