"""What makes a fit the one that it is: settings, modules of the user's, and what they draw from."""

import torch

import skdeepcluster

# Parameters that decide how long a fit takes and what it says, and nothing of its result.
_WITHOUT_EFFECT = {"checkpoint", "max_time", "verbose", "compile"}
# Goes up when what a checkpoint holds changes.
_CHECKPOINT_FORMAT = 2


def given_modules(estimator):
    """Parameters that are modules of the user's."""
    params = estimator.get_params(deep=False)
    return torch.nn.ModuleDict(
        {name: value for name, value in params.items() if isinstance(value, torch.nn.Module)}
    )


def settings(estimator, seed, modules):
    """What else than rows, side information and given weights decides a fit."""
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
    """Those that torch's functions draw from."""
    if device.type != "cuda":
        return [torch.default_generator]
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]
