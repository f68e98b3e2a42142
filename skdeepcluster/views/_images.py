"""Views of images."""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from skdeepcluster.validation._inputs import check_channels_first
from skdeepcluster.views._draws import Views


@dataclass(frozen=True)
class ImageViews(Views):
    """A random crop, rotated, sheared and with other colors, in one resampling of the batch.

    Parameters
    ----------
    scale : tuple of two floats, default=(0.6, 1.1)
        Range of the fraction of the image's area that a view shows. Above 1 the border is
        replicated.
    ratio : float, default=1.2
        Maximum ratio by which one side is stretched relative to the other.
    rotation : float, default=15
        Maximum angle in degrees, in either direction.
    shear : float, default=0.2
        Maximum shift of the top relative to the bottom, in widths, in either direction.
    shift : float, default=0.05
        Maximum distance by which a view leaves the image, as a fraction of a side.
    flip : bool, default=None
        Whether half of the views are mirrored left to right; by default for color images.
    blur : float, default=0.5
        Probability that a view is blurred.
    contrast : float, default=0.4
        Maximum relative change of contrast, up or down.
    brightness : float, default=0.2
        Maximum change of brightness, in standard deviations of the data.
    saturation : float, default=0.4
        Maximum relative change of saturation, up or down; for three channels.
    gray : float, default=0.2
        Probability that a view becomes gray.

    Examples
    --------
    >>> import torch
    >>> from skdeepcluster.views import ImageViews
    >>> ImageViews(rotation=30)(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 1, 8, 8])
    """

    scale: tuple = (0.6, 1.1)
    ratio: float = 1.2
    rotation: float = 15.0
    shear: float = 0.2
    shift: float = 0.05
    flip: bool | None = None
    blur: float = 0.5
    contrast: float = 0.4
    brightness: float = 0.2
    saturation: float = 0.4
    gray: float = 0.2

    def __call__(self, x, draws=None):
        if x.ndim != 4:
            raise ValueError(
                f"ImageViews take a batch of images (n, C, H, W), got shape {tuple(x.shape)}."
            )
        # Batches that come with numbers are those of an estimator, which has checked them.
        if draws is None:
            check_channels_first(x.shape[1:], "pass x.permute(0, 3, 1, 2)")
        return super().__call__(x, draws)

    def local(self):
        return replace(self, scale=(self.scale[0] / 4, self.scale[0]))

    def _view(self, x, draws):
        u = draws.uniform(13)
        view = self._crop(x, u)
        if self.blur:
            view = self._blurred(view, u[:, 7], u[:, 8])
        view = self._lit(view, u)
        return self._colored(view, u) if x.shape[1] == 3 else view

    def _crop(self, x, u):
        """Resampled images: crop, rotation, shear and flip of a view are one affine map."""
        n, color = len(x), x.shape[1] == 3
        least, most = self.scale
        side = (least + (most - least) * u[:, 0]).sqrt()
        stretch = (_signed(u[:, 1]) * math.log(self.ratio) / 2).exp()
        angle = _signed(u[:, 2]) * math.radians(self.rotation)
        width, height = side * stretch, side / stretch
        room_x, room_y = ((1 - length).clamp_min(0) + 2 * self.shift for length in (width, height))
        if self.flip or (self.flip is None and color):
            width = torch.where(u[:, 3] < 0.5, width, -width)
        cos, sin, shear = angle.cos(), angle.sin(), _signed(u[:, 4]) * self.shear
        matrix = torch.stack(
            [
                torch.stack([width * cos, height * (shear * cos - sin)], dim=1),
                torch.stack([width * sin, height * (shear * sin + cos)], dim=1),
            ],
            dim=1,
        )
        place = torch.stack([_signed(u[:, 5]) * room_x, _signed(u[:, 6]) * room_y], dim=1)
        grid = F.affine_grid(
            torch.cat([matrix, place[:, :, None]], dim=2), (n, *x.shape[1:]), align_corners=False
        )
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    def _blurred(self, x, chance, strength):
        """Some images blended with the means over 3 x 3 pixels."""
        chosen = (chance < self.blur).nonzero()[:, 0]
        sharp = x[chosen]
        blurred = F.avg_pool2d(F.pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        return x.index_copy(0, chosen, torch.lerp(sharp, blurred, _of_image(strength[chosen])))

    def _lit(self, x, u):
        factor = 1 + self.contrast * _signed(u[:, 9])
        offset = self.brightness * _signed(u[:, 10])
        return torch.addcmul(_of_image(offset), x, _of_image(factor))

    def _colored(self, x, u):
        gray = x.mean(dim=1, keepdim=True)
        keep = 1 + self.saturation * _signed(u[:, 11])
        keep = torch.where(u[:, 12] < self.gray, 0, keep)
        return torch.lerp(gray, x, _of_image(keep))


def _of_image(values):
    """One value for all pixels of each image."""
    return values[:, None, None, None]


def _signed(u):
    """From [0, 1) to [-1, 1)."""
    return 2 * u - 1
