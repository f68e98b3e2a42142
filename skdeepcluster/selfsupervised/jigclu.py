"""JigClu: patches of a batch are shuffled into montages, then clustered by image and located."""

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

    The patches of a batch of images are shuffled into montages of patches from several images. From
    the montages the network predicts which patches belong to one image, and the location of each
    patch in it. A step takes a single pass over as many images as the batch has. Rows of tables are
    cut into blocks of columns instead, which an encoder mixes after the shuffle. Pick it for an
    embedding when training time is short; clusters are found in the embedding only.

    With embeddings :math:`z_a` of length one and features :math:`h_a` of the :math:`N` patches
    :math:`a`, and :math:`P_a` the others of the same image, training minimizes

    .. math:: \min_\theta \; -\frac{w_c}{N} \sum_a \frac{1}{|P_a|} \sum_{b \in P_a} \log
        \frac{\exp(z_a^\top z_b / \tau)}{\sum_{c \ne a} \exp(z_a^\top z_c / \tau)}
        + \frac{w_l}{N} \sum_a \operatorname{CE}(F h_a, \text{place of } a) .

    Parameters
    ----------
    encoder : {"auto", "mlp", "conv"}, sequence of int or torch.nn.Module, default="auto"
        "auto" takes "conv" for images and "mlp", which mixes the blocks, for flat rows. A module
        takes images and returns maps of shape (n, C, H, W).

    n_components : int, default=128
        Width of the embedding, whose rows have length one.

    overlap : float, default=0.2
        Fraction of a side by which patches extend beyond the middle.

    temperature : float, default=0.3
        :math:`\tau`.

    clustering_weight : float, default=4.3
        Weight :math:`w_c`; 0.3 / 0.07 in the authors' code, for the published results.

    location_weight : float, default=1
        Weight :math:`w_l`; a tenth of it is used for tables, whose blocks are easily located.

    Attributes
    ----------
    column_blocks_ : list of ndarray
        Columns of each block, for tables.

    See Also
    --------
    SimCLR : Contrastive learning of whole rows.

    Notes
    -----
    Differences from the paper: patches overlap less, by 0.2 instead of 0.3, as small images have
    few pixels; patches are resized, and cropped at random only by the views; rows are embedded from
    the montage of their own patches, where the authors take the whole image; layers are normalized
    over channels or units instead of over the batch. The variant for tables is this package's own;
    the paper has images only.

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
            raise ValueError(f"JigClu cuts images into four patches; shape {shape} is too small")
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
            patches = torch.stack(
                [
                    cells.halved(self._views(fit, replace(batch, x=corner), 1)[0], shape)
                    for corner in corners
                ]
            )
        else:
            patches = cells.tokens(self._views(fit, batch, 1)[0])
        patches = patches.flatten(0, 1)[order].unflatten(0, (4, n))
        h = cells.mixed(patches).flatten(0, 1)
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
    """Features of four shuffled patches or blocks, their embedding, and their locations."""

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
        """The four corner patches of images, row by row."""
        height, width = (max(1, round((0.5 + self.overlap) * side)) for side in x.shape[2:])
        rows, columns = (slice(height), slice(-height, None)), (slice(width), slice(-width, None))
        return [x[:, :, row, column] for row in rows for column in columns]

    def halved(self, patch, shape):
        """A patch as large as a quarter of a montage."""
        size = [-(-side // 2) for side in shape[1:]]
        return F.interpolate(patch, size=size, mode="bilinear", align_corners=False)

    def mixed(self, patches):
        """Features of shape (4, n, width) of the quarters of n montages."""
        above, below = torch.cat([*patches[:2]], dim=3), torch.cat([*patches[2:]], dim=3)
        maps = self.trunk(torch.cat([above, below], dim=2))
        # A size that splits evenly.
        maps = F.interpolate(maps.float(), size=(8, 8), mode="bilinear", align_corners=False)
        cells = F.adaptive_avg_pool2d(maps, 2)
        return cells.flatten(2).permute(2, 0, 1)

    def whole(self, x):
        """Features of images whose patches are not shuffled, of the size used in training."""
        corners = self.corners(x)
        return self.mixed([self.halved(corner, x.shape[1:]) for corner in corners]).mean(dim=0)


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

    def mixed(self, blocks):
        """Features of shape (4, n, width) of the four blocks of n rows."""
        mixed = self.mix(blocks.transpose(0, 1).flatten(1)).unflatten(1, (4, -1))
        return blocks + mixed.transpose(0, 1)

    def whole(self, x):
        return self.mixed(self.tokens(x)).mean(dim=0)
