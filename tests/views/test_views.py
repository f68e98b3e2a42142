"""Random views of images and tables."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepcluster.views import ImageViews, MaskedViews, TabularViews
from skdeepcluster.views._draws import Draws

STILL = {
    "scale": (1.0, 1.0), "ratio": 1.0, "rotation": 0.0, "shear": 0.0, "shift": 0.0, "flip": False,
    "blur": 0.0, "contrast": 0.0, "brightness": 0.0, "saturation": 0.0, "gray": 0.0,
}  # fmt: skip


def draws(x, seed=0):
    return Draws(x, torch.Generator().manual_seed(seed))


def smooth_images(n=6, channels=1, side=12):
    t = torch.linspace(0, 3, side)
    rows = torch.arange(1, n * channels + 1)[:, None, None] * 0.3
    return torch.sin(rows + t[:, None] + 0.7 * t).reshape(n, channels, side, side)


# -- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_without_change_the_view_is_the_image(channels):
    x = smooth_images(channels=channels)
    torch.testing.assert_close(ImageViews(**STILL)(x, draws(x)), x, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 17), st.integers(2, 17), st.sampled_from([1, 3]))
def test_views_of_any_size(seed, height, width, channels):
    x = torch.randn(4, channels, height, width, generator=torch.Generator().manual_seed(seed))
    for views in (ImageViews(), ImageViews().local()):
        view = views(x, draws(x, seed))
        assert view.shape == x.shape and view.isfinite().all()
        torch.testing.assert_close(view, views(x, draws(x, seed)), rtol=0, atol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_moving_pixels_makes_no_new_light(seed):
    x = smooth_images()
    moved = ImageViews(**{**STILL, "scale": (0.3, 1.2), "rotation": 40, "shear": 0.3})
    view = moved(x, draws(x, seed))
    low, high = x.amin(dim=(1, 2, 3)), x.amax(dim=(1, 2, 3))
    assert (view.amin(dim=(1, 2, 3)) >= low - 1e-5).all()
    assert (view.amax(dim=(1, 2, 3)) <= high + 1e-5).all()


def test_background_stays():
    x = torch.full((5, 1, 9, 9), -0.7)
    moved = ImageViews(**{**STILL, "scale": (0.5, 1.5), "rotation": 90, "shift": 0.5})
    torch.testing.assert_close(moved(x, draws(x)), x)


def test_right_angle():
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    class Extreme(Draws):
        def uniform(self, *shape):
            u = torch.full((len(self.x), *shape), 0.5)
            u[:, 2] = 1.0  # the whole angle
            return u

    view = ImageViews(**{**STILL, "rotation": 90.0})(x, Extreme(x))
    turned = [torch.rot90(x, k, dims=(2, 3)) for k in (1, 3)]
    assert min((view - t).abs().max().item() for t in turned) < 1e-4


def test_flips_colors_by_default_only():
    for channels, flips in [(1, False), (3, True)]:
        x = smooth_images(64, channels)
        view = ImageViews(**{**STILL, "flip": None})(x, draws(x))
        mirrored = (view - x.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-4
        assert (16 < mirrored.sum() < 48) if flips else not mirrored.any()


def test_gray_images_have_equal_channels():
    x = smooth_images(32, 3)
    view = ImageViews(**{**STILL, "gray": 1.0})(x, draws(x))
    torch.testing.assert_close(view[:, 0], view[:, 1])
    torch.testing.assert_close(view[:, :1], x.mean(dim=1, keepdim=True), rtol=1e-4, atol=1e-4)


def test_blur_smooths():
    x = torch.randn(32, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    view = ImageViews(**{**STILL, "blur": 1.0})(x, draws(x))
    assert (view.std(dim=(1, 2, 3)) < x.std(dim=(1, 2, 3))).all()


def test_local_views_show_less():
    x = torch.arange(32.0).expand(64, 1, 32, 32)
    whole = ImageViews(**STILL)
    spread = [views(x, draws(x))[:, 0, 16].std(dim=1).mean() for views in (whole, whole.local())]
    assert spread[1] < 0.8 * spread[0]


def test_rows_of_a_batch_have_views_of_their_own():
    x = smooth_images(1).expand(8, -1, -1, -1)
    view = ImageViews()(x, draws(x))
    assert torch.pdist(view.flatten(1)).min() > 1e-3


# -- tables --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.floats(0, 1), st.integers(1, 20))
def test_entries_come_from_one_other_row(n, d, swap, n_candidates):
    x = torch.arange(float(n * d)).reshape(n, d)
    view = TabularViews(noise_std=0, swap=swap, n_candidates=n_candidates)(x, draws(x))
    column, row = view % d, view // d
    torch.testing.assert_close(column, torch.arange(float(d)).expand(n, d))
    for i in range(n):
        others = set(row[i].tolist()) - {float(i)}
        assert len(others) <= 1
        if d <= 4 or n == 1:
            assert not others


def test_share_of_swapped_entries():
    x = torch.arange(200.0)[:, None].expand(200, 50)
    view = TabularViews(noise_std=0, swap=0.3)(x, draws(x))
    assert (view != x).float().mean().item() == pytest.approx(0.3, abs=0.03)
    local = TabularViews(noise_std=0, swap=0.3).local()(x, draws(x))
    assert (local != x).float().mean().item() == pytest.approx(0.6, abs=0.03)


def test_noise_has_its_size():
    x = torch.zeros(400, 50)
    view = TabularViews(noise_std=0.25)(x, draws(x))
    assert view.std().item() == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("d", [6, 64, 65, 300])
def test_of_many_candidates_the_nearest_is_taken(d):
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 100)
    x = torch.as_tensor(10.0 * groups[:, None] + rng.normal(size=(200, d))).float()
    view = TabularViews(noise_std=0, swap=0.5, n_candidates=30)(x, draws(x))
    far = (view - x).abs().amax(dim=1) > 7
    assert far.float().mean() < 0.01


def test_without_draws_from_the_global_generator():
    x = torch.zeros(5, 6)
    torch.manual_seed(0)
    first = TabularViews()(x)
    torch.manual_seed(0)
    torch.testing.assert_close(first, TabularViews()(x), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(2, 8, 6, 3), (2, 8, 6, 1), (2, 8, 6, 4)])
def test_images_with_channels_last_are_refused(shape):
    with pytest.raises(ValueError, match=r"of 8 channels of 6 x .*pass x\.permute\(0, 3, 1, 2\)"):
        ImageViews()(torch.rand(shape))
    assert ImageViews()(torch.rand(shape).permute(0, 3, 1, 2)).shape == (2, shape[3], 8, 6)


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 6)])
def test_a_batch_that_is_none_of_images_is_refused(shape):
    with pytest.raises(ValueError, match="a batch of images"):
        ImageViews()(torch.rand(shape))


# -- masks ---------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.floats(0, 1))
def test_as_many_columns_are_hidden_in_each_row(seed, d, ratio):
    x = torch.ones(5, d)
    view = MaskedViews(ratio, noise_std=0.0)(x, draws(x, seed))
    assert ((view == 0).sum(dim=1) == min(int(ratio * d), d - 1)).all()
    assert ((view == 0) | (view == 1)).all() and bool((x == 1).all())


def test_masks_are_drawn_for_each_row_and_hide_all_columns_alike():
    x = torch.ones(4000, 6)
    hidden = MaskedViews(0.5)(x, draws(x)) == 0
    assert len(hidden.unique(dim=0)) == 20  # three of six columns
    assert (hidden.float().mean(dim=0) - 0.5).abs().max() < 0.04


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 11), st.integers(1, 11), st.integers(1, 4))
def test_patches_of_images_are_whole(seed, height, width, patch):
    x = torch.ones(3, 2, height, width)
    view = MaskedViews(0.5, patch, noise_std=0.0)(x, draws(x, seed))
    assert torch.equal(view[:, 0], view[:, 1])
    corners = view[:, 0, ::patch, ::patch]
    whole = corners.repeat_interleave(patch, 1).repeat_interleave(patch, 2)
    assert torch.equal(view[:, 0], whole[:, :height, :width])
    n_patches = corners[0].numel()
    assert ((corners == 0).sum(dim=(1, 2)) == min(n_patches // 2, n_patches - 1)).all()


def test_patches_are_an_eighth_of_the_longer_side():
    x = torch.ones(2, 1, 28, 20)
    found = MaskedViews()(x, draws(x))
    torch.testing.assert_close(found, MaskedViews(patch=4)(x, draws(x)), rtol=0, atol=0)


def test_a_single_column_gets_noise():
    x = torch.zeros(1000, 1)
    view = MaskedViews(0.9, noise_std=0.3)(x, draws(x))
    assert view.std().item() == pytest.approx(0.3, rel=0.1)


def test_local_masks_hide_more():
    x = torch.ones(3, 8)
    assert ((MaskedViews(0.5).local()(x, draws(x)) == 0).sum(dim=1) == 6).all()
