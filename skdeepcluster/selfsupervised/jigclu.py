"""JigClu: patches of a batch are shuffled into montages, and sorted back by what they show."""

import copy
import math
from dataclasses import replace
from numbers import Real

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import contrast, conv_trunk, dense_encoder, linear
from skdeepcluster.selfsupervised._base import SelfSupervised


class JigClu(SelfSupervised):
    r"""Jigsaw clustering.

    The patches of a batch of images are shuffled into montages, each of patches from several
    images. From the montages the network tells which patches are of one image, and where in it
    each one was. A step takes one pass over as many images as the batch has. Rows of tables are cut
    into blocks of columns instead, which an encoder mixes after the shuffle. Pick it for an
    embedding where time for training is short; the clusters of rows come from the embedding alone.

    With embeddings :math:`z_a` of length one and features :math:`h_a` of the :math:`N` patches
    :math:`a`, and :math:`P_a` the others of the same image, training minimizes

    .. math:: \min_\theta \; -\frac{w_c}{N} \sum_a \frac{1}{|P_a|} \sum_{b \in P_a} \log
        \frac{\exp(z_a^\top z_b / \tau)}{\sum_{c \ne a} \exp(z_a^\top z_c / \tau)}
        + \frac{w_l}{N} \sum_a \operatorname{CE}(F h_a, \text{place of } a) .

    Parameters
    ----------
    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        "auto" takes "conv" for images and "mlp" for flat rows, whose blocks meet in its layers. A
        module takes images and returns maps of shape (n, C, H, W).

    n_components : int, default=128
        Width of the embedding, whose rows have length one.

    overlap : float, default=0.2
        Share of a side by which patches reach over the middle.

    temperature : float, default=0.3
        :math:`\tau`.

    clustering_weight : float, default=4.3
        :math:`w_c`: the published results are of 0.3 / 0.07, by the authors' code.

    location_weight : float, default=1
        :math:`w_l`; a tenth of it for tables, whose blocks are easily told.

    Attributes
    ----------
    column_blocks_ : list of ndarray
        Columns of each block, for tables.

    See Also
    --------
    SimCLR : Contrast of whole rows.

    Notes
    -----
    The form for tables is this package's: nothing in the paper speaks of them.

    References
    ----------
    .. [1] Chen, Liu, Jia: Jigsaw clustering for unsupervised visual representation learning.
       CVPR 2021. :arxiv:`2104.00323`
    """

    n_components: int = 128
    overlap: float = param(0.2, Interval(Real, 0, 0.5, closed="both"))
    temperature: float = param(0.3, Interval(Real, 0, None, closed="neither"))
    clustering_weight: float = param(4.3, Interval(Real, 0, None, closed="left"))
    location_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))

    _drops_rest = True

    def _build(self, shape, plan, generator):
        if len(shape) == 3 and min(shape[1:]) < 2:
            raise ValueError(f"JigClu cuts images in four, which {shape} is too small for")
        return super()._build(shape, plan, generator)

    def _encoder_alone(self, shape, generator):
        width = 2 * self.n_components
        if isinstance(self.encoder, nn.Module):
            if len(shape) != 3:
                raise ValueError("an encoder module for JigClu takes images; rows are flat")
            trunk = copy.deepcopy(self.encoder).to("cpu", torch.float32)
            maps = trunk(torch.zeros(2, *shape))
            if maps.ndim != 4:
                raise ValueError(
                    f"encoder gives {tuple(maps.shape)} for two images; maps of shape "
                    "(n, C, H, W) are required"
                )
            cells = MontageCells(trunk, self.overlap)
            width = maps.shape[1]
        else:
            name, hidden = self._architecture(shape)
            if name == "conv":
                trunk, (width, *_) = conv_trunk(shape, hidden, generator, smallest=4)
                cells = MontageCells(trunk, self.overlap)
            else:
                cells = BlockCells(shape, hidden, width, generator)
        project = dense_encoder((width,), [width], self.n_components, generator)
        return Jigsaw(cells, project, linear(width, 4, generator))

    def _loss_of_batch(self, fit, batch):
        cells, (n, *shape) = fit.module.cells, batch.x.shape
        order = fit.uniform(batch, 4).flatten().argsort()
        if isinstance(cells, MontageCells):
            corners = cells.corners(batch.x)
            parts = torch.stack(
                [
                    cells.halved(self._views(fit, replace(batch, x=corner), 1)[0], shape)
                    for corner in corners
                ]
            )
        else:
            parts = cells.tokens(self._views(fit, batch, 1)[0])
        parts = parts.flatten(0, 1)[order].unflatten(0, (4, n))
        h = cells.together(parts).flatten(0, 1)
        z = F.normalize(fit.module.project(h).float(), dim=1)
        weight = 1.0 if isinstance(cells, MontageCells) else 0.1
        return {
            "clustering": self.clustering_weight * contrast(z, order % n, self.temperature),
            "location": weight
            * self.location_weight
            * F.cross_entropy(fit.module.locate(h).float(), order // n),
        }

    def _attributes(self, fit):
        if isinstance(fit.module.cells, MontageCells):
            return {}
        return {"column_blocks_": [block.cpu().numpy() for block in fit.module.cells.blocks()]}


class Jigsaw(nn.Module):
    """Features of four parts together, their embedding, and where each belongs."""

    def __init__(self, cells, project, locate):
        super().__init__()
        self.cells, self.project, self.locate = cells, project, locate

    def encode(self, x):
        """Embedding of whole rows, in float32."""
        return F.normalize(self.project(self.cells.whole(x)).float(), dim=1)


class MontageCells(nn.Module):
    """Features of the quarters of montages, from a network's maps."""

    def __init__(self, trunk, overlap):
        super().__init__()
        self.trunk, self.overlap = trunk, overlap

    def corners(self, x):
        """The four corners of images, left above right."""
        height, width = (max(1, round((0.5 + self.overlap) * side)) for side in x.shape[2:])
        rows, columns = (slice(height), slice(-height, None)), (slice(width), slice(-width, None))
        return [x[:, :, row, column] for row in rows for column in columns]

    def halved(self, patch, shape):
        """A patch as large as a quarter of a montage."""
        size = [-(-side // 2) for side in shape[1:]]
        return F.interpolate(patch, size=size, mode="bilinear", align_corners=False)

    def together(self, parts):
        """Features of shape (4, n, width) of four quarters of n montages."""
        above, below = torch.cat([*parts[:2]], dim=3), torch.cat([*parts[2:]], dim=3)
        maps = self.trunk(torch.cat([above, below], dim=2))
        # A size that splits evenly.
        maps = F.interpolate(maps.float(), size=(8, 8), mode="bilinear", align_corners=False)
        cells = F.adaptive_avg_pool2d(maps, 2)
        return cells.flatten(2).permute(2, 0, 1)

    def whole(self, x):
        """Features of images cut up but not shuffled, as large as they were in training."""
        corners = self.corners(x)
        return self.together([self.halved(corner, x.shape[1:]) for corner in corners]).mean(dim=0)


class BlockCells(nn.Module):
    """Features of four blocks of columns that a dense network mixes."""

    def __init__(self, shape, hidden, width, generator):
        super().__init__()
        d = math.prod(shape)
        columns = torch.randperm(d, generator=generator)
        columns = columns.repeat(-(-max(4, d) // d))[: max(4, d)]
        self.register_buffer("columns", columns)
        tokenizers = [linear(len(block), width, generator) for block in self.blocks()]
        self.tokenizers = nn.ModuleList(tokenizers)
        self.mix = dense_encoder((4 * width,), hidden, 4 * width, generator)

    def blocks(self):
        """Columns of each block."""
        return self.columns.tensor_split(4)

    def tokens(self, x):
        """Blocks of rows, each as a vector: shape (4, n, width)."""
        x = x.flatten(1)
        pairs = zip(self.tokenizers, self.blocks(), strict=True)
        return torch.stack([token(x[:, block]) for token, block in pairs])

    def together(self, parts):
        """Features of shape (4, n, width) of four blocks that n rows hold."""
        mixed = self.mix(parts.transpose(0, 1).flatten(1)).unflatten(1, (4, -1))
        return parts + mixed.transpose(0, 1)

    def whole(self, x):
        return self.together(self.tokens(x)).mean(dim=0)
