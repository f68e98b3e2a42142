"""What the tests of DEC and IDEC share."""

import pytest
import torch

from skdeepcluster import DEC, IDEC

both = pytest.mark.parametrize("Estimator", [DEC, IDEC])


class Images(torch.utils.data.Dataset):
    def __init__(self, X):
        self.X = X

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], "label"
