"""Costs in the memory of the host or of a device."""

import numpy as np

from skdeepcluster.assignment.transport._costs import Costs, is_tensor, read_only_mapping


def costs_of(cost, block_size=None, name="cost"):
    """The `Costs` of an array, a tensor or a provider of blocks."""
    if hasattr(cost, "block"):
        shape, read = tuple(cost.shape), cost.block
        whole = False
    else:
        if not hasattr(cost, "__array__") and not is_tensor(cost):
            if hasattr(cost, "toarray"):
                raise TypeError(f"{name} is sparse; a dense array is required: call its toarray()")
            cost = np.asarray(cost)
        elif not is_tensor(cost) and not isinstance(cost, np.ndarray):
            cost = np.asarray(cost)  # a data frame
        shape, read = tuple(cost.shape), lambda begin, end: cost[begin:end]
        whole = not read_only_mapping(cost)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"{name} must have rows and columns, got an array of shape {shape}")
    sample = read(0, 1)
    if is_tensor(sample) and sample.device.type != "cpu":
        from skdeepcluster.assignment.transport._device_costs import DeviceCosts

        return DeviceCosts(read, shape, sample, block_size, name)
    return Costs(read, shape, sample, block_size, name, whole)
