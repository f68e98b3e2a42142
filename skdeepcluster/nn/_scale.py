"""Features in units of their own."""

import torch
from torch import nn


class ColumnScale(nn.Module):
    """Multiplies each feature by a fixed factor.

    Parameters
    ----------
    factor : Tensor of the shape of a row
    """

    def __init__(self, factor):
        super().__init__()
        self.register_buffer("factor", torch.as_tensor(factor, dtype=torch.float32))

    def forward(self, x):
        return x * self.factor
