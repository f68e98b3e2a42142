"""JigClu."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import JigClu
from skdeepcluster.selfsupervised import jigclu
from skdeepcluster.selfsupervised.jigclu import MontageCells
from skdeepcluster.training import Batch
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


def test_quarters_of_montages_keep_their_order():
    cells = MontageCells(torch.nn.Identity(), overlap=0.2)
    values = torch.arange(24.0).reshape(4, 6, 1)
    patches = values[..., None, None].expand(4, 6, 1, 4, 4)
    torch.testing.assert_close(cells.mixed(patches), values)


def test_targets_are_the_row_and_the_place_of_each_shuffled_part(monkeypatch):
    n, seen = 6, {}

    class Parts:
        """Blocks of a row that hold its number and their place, which nothing mixes."""

        def tokens(self, x):
            return torch.stack([torch.stack([x[:, 0], 0 * x[:, 0] + p], 1) for p in range(4)])

        def mixed(self, blocks):
            return blocks

    def located(h):
        return 100 * torch.nn.functional.one_hot(h[:, 1].long(), 4).float()

    def recorded(z, rows, temperature):
        seen["rows"] = rows
        return z.new_zeros(())

    def projected(h):
        seen["h"] = h
        return h

    monkeypatch.setattr(jigclu, "contrast", recorded)
    draws = torch.rand(n, 4, generator=torch_generator())
    fit = SimpleNamespace(
        module=SimpleNamespace(cells=Parts(), project=projected, locate=located),
        uniform=lambda batch, *shape: draws,
        normal=torch.randn,
        batch_rows=torch.randn,
    )
    batch = Batch(torch.arange(n), torch.arange(float(n))[:, None])
    terms = JigClu(2, views=lambda x: x)._loss_of_batch(fit, batch)
    assert torch.equal(seen["rows"], seen["h"][:, 0].long())
    assert not torch.equal(seen["rows"], torch.arange(n).repeat(4))
    assert terms["location"] < 1e-6


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
