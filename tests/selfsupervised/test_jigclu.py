"""JigClu."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import JigClu
from tests.common import brief, torch_generator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_blocks_share_out_the_columns(X):
    model = brief(JigClu, 4).fit(X)
    columns = np.concatenate(model.column_blocks_)
    assert sorted(columns) == list(range(8))
    few = brief(JigClu, 4).fit(X[:, :2])
    assert all(len(block) == 1 for block in few.column_blocks_)


def test_corners_of_images():
    model = JigClu(2, overlap=0.0, hidden_layer_sizes=(4, 4), max_epochs=1, random_state=0)
    images = np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)
    cells = model.fit(images).module_.cells
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    corners = cells.corners(x)
    whole = torch.cat([torch.cat(corners[:2], dim=3), torch.cat(corners[2:], dim=3)], dim=2)
    assert torch.equal(whole, x)
    torch.testing.assert_close(cells.halved(corners[0], x.shape[1:]), corners[0])


def test_parts_find_their_way_back():
    order = torch.randperm(4 * 6, generator=torch_generator())
    parts = torch.stack([torch.arange(6.0) + 10 * place for place in range(4)])
    shuffled = parts.flatten()[order]
    torch.testing.assert_close(shuffled, (order % 6 + 10 * (order // 6)).float())


def test_linked_blocks_are_learned():
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=400)
    code = np.eye(4)[y]
    X = np.tile(code, 8) + 0.3 * rng.normal(size=(400, 32))
    model = JigClu(4, hidden_layer_sizes=(64,), max_epochs=30, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95


def test_modules_give_maps():
    images = np.zeros((10, 6, 6), dtype=np.float32)
    with pytest.raises(ValueError, match="maps of shape"):
        brief(JigClu, 2, encoder=torch.nn.Flatten()).fit(images)
    with pytest.raises(ValueError, match="rows are flat"):
        brief(JigClu, 2, encoder=torch.nn.Flatten()).fit(np.zeros((10, 6)))
