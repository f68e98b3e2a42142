"""Autoencoders: their networks, their training by reconstruction, and the inverse transform."""

import copy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param, parameters
from skdeepcluster.deep._encoder import EncoderMixin
from skdeepcluster.nn import RECONSTRUCTION_LOSSES, Autoencoder
from skdeepcluster.training import Stage, Standardizer, available_threads, map_blocks
from skdeepcluster.validation import check_weights

# Fraction of the entries that are set to zero in what each layer is pre-trained to restore.
_LAYERWISE_NOISE = 0.2


@parameters
class AutoencoderMixin(EncoderMixin):
    """An autoencoder, its reconstruction and the inverse transform of its embedding.

    Parameters
    ----------
    encoder : {"mlp", "conv"}, sequence of int or torch.nn.Module, default="mlp"
        Network from rows to the embedding. A sequence gives the widths of an mlp's hidden layers. A
        module is copied with its weights and needs a `decoder`.

    decoder : torch.nn.Module, default=None
        Network from the embedding back to rows; by default the encoder's mirror image.

    layerwise_epochs : int, default=0
        Epochs for which each layer of a dense encoder is first trained by itself to restore its
        input from a corrupted copy.

    noise : float, default=0
        Fraction of the entries of standardized rows that are set to zero, their mean, in the input
        of the reconstruction.
    """

    decoder: torch.nn.Module | None = param(None, torch.nn.Module, None)
    layerwise_epochs: int = param(0, Interval(Integral, 0, None, closed="left"))
    noise: float = param(0.0, Interval(Real, 0, 1, closed="left"))

    # Loss of the reconstruction.
    _loss = "mse"

    # -- networks ----------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        if isinstance(self.encoder, torch.nn.Module):
            encoder, decoder = self._given_networks(shape)
        else:
            encoder, decoder = self._networks(shape, generator)
            if self.decoder is not None:
                raise ValueError("decoder is given without an encoder module; give both or none")
        return Autoencoder(encoder, decoder, self._constraint)

    def _given_networks(self, shape):
        """Copies of the user's modules, tested on rows of zeros."""
        if self.decoder is None:
            raise ValueError("encoder is a module; give a decoder module for its codes too")
        encoder, decoder = (
            copy.deepcopy(module).to("cpu", torch.float32)
            for module in (self.encoder, self.decoder)
        )
        row = torch.zeros(2, *shape, dtype=torch.float32)
        with torch.no_grad():
            try:
                z = encoder.eval()(row)
                restored = decoder.eval()(z)
            except RuntimeError as error:
                raise ValueError(
                    f"encoder and decoder do not fit rows of shape {tuple(shape)}: {error}"
                ) from error
        if z.ndim != 2 or restored.shape != row.shape:
            raise ValueError(
                f"encoder gives codes of shape {tuple(z.shape)} for rows of shape "
                f"{tuple(row.shape)}, decoder gives {tuple(restored.shape)}; codes must be "
                "(n, n_components) and reconstructions must have the shape of the rows"
            )
        return encoder, decoder

    # -- weights of rows ---------------------------------------------------------------------

    def fit(self, X, y=None, sample_weight=None, **side):
        """Train the network on rows.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Passed to callbacks; used only by methods that document it.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in what is a mean over rows: the scale of the rows, the losses and
            `loss_`, targets, and the centers of the start. Only their ratios matter. Integers give
            the objective of rows that are repeated so many times; batches have as many rows as
            without. The graphs of ``init="neighbors"``, "spectral" and "linkage", the mixture of
            "mixture", pairs of rows and `score` have no weights.
        **side : dict
            Further information on the rows, for methods that document it.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, sample_weight=sample_weight, **side)

    def _row_weights(self, n_rows, side):
        given = side.pop("sample_weight", None)
        if given is None:
            return None
        weights = check_weights(given, n_rows, max(1, self._n_clusters_sought))
        if (weights == weights[0]).all():
            return None
        weights = weights / weights.max()
        return weights / weights.mean()

    # -- pre-training ------------------------------------------------------------------------

    def _autoencoder_parameters(self, module):
        """Parameters that the reconstruction trains."""
        return [*module.encoder.parameters(), *module.decoder.parameters()]

    def _pretraining(self, epochs, learning_rate=None, **options):
        """Stages of the reconstruction: each layer by itself if requested, then all together."""
        options["learning_rate"] = learning_rate
        stages = []
        if self.layerwise_epochs:
            name, hidden = self._architecture()
            if name != "mlp":
                raise ValueError(
                    f"layerwise_epochs={self.layerwise_epochs} needs a dense encoder, "
                    f"got encoder={self.encoder!r}"
                )
            n_layers = len(hidden) + 1
            stages = [self._layer_stage(i, n_layers, learning_rate) for i in range(n_layers)]
        stages.append(Stage("pretrain", self._reconstruct, epochs, **options))
        return stages

    def _reconstruct(self, fit, batch):
        restored = fit.module(self._corrupt(fit, batch, batch.x))[1]
        return {"reconstruction": self._batch_loss(batch, restored)}

    def _corrupt(self, fit, batch, x):
        if not (self.noise and fit.module.training):
            return x
        return _with_zeros(fit, batch, x, self.noise)

    def _reconstruction_loss(self, x, restored, rows=False, weights=None):
        """The mean loss, by weights of the rows if they are given, or that of each row."""
        return RECONSTRUCTION_LOSSES[self._loss](x, restored, rows, weights)

    def _batch_loss(self, batch, restored):
        """The mean loss of a batch."""
        return self._reconstruction_loss(batch.x, restored, weights=batch.weights)

    def _layer_stage(self, position, n_layers, learning_rate):
        """Denoising of one layer's input: the layer, and its mirror image in the decoder."""

        def pair(module):
            encoder = [m for m in module.encoder if isinstance(m, torch.nn.Linear)]
            decoder = [m for m in module.decoder if isinstance(m, torch.nn.Linear)]
            return encoder[:position], encoder[position], decoder[n_layers - 1 - position]

        def dropped(fit, batch, h):
            """As dropout does, what is left is larger: the stack of all layers has no noise."""
            return _with_zeros(fit, batch, h, _LAYERWISE_NOISE) / (1 - _LAYERWISE_NOISE)

        def loss(fit, batch):
            below, layer, mirror = pair(fit.module)
            h = batch.x.flatten(1)
            with torch.no_grad():
                for lower in below:
                    h = torch.relu(lower(h))
            corrupted = h
            if position:  # the rows themselves are not corrupted, as in the authors' script
                corrupted = dropped(fit, batch, h)
            code = layer(corrupted)
            if position < n_layers - 1:
                code = dropped(fit, batch, torch.relu(code))
            restored = mirror(code)
            if position:
                restored = torch.relu(restored)
            error = RECONSTRUCTION_LOSSES["mse"](h.float(), restored.float(), False, batch.weights)
            return {"reconstruction": error}

        return Stage(
            f"layer {position + 1}",
            loss,
            self.layerwise_epochs,
            learning_rate=learning_rate,
            parameters=lambda module: [p for m in pair(module)[1:] for p in m.parameters()],
        )

    # -- after fit ---------------------------------------------------------------------------

    def inverse_transform(self, Z):
        """Decode embeddings.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Points of the embedding, such as `cluster_centers_`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in the units of the training data, images flattened.
        """
        check_is_fitted(self)
        Z = check_array(Z, dtype=[np.float64, np.float32])
        if Z.shape[1] != self.n_components_:
            raise ValueError(
                f"Z has {Z.shape[1]} columns, but the embedding has {self.n_components_}"
            )
        device = next(self.module_.parameters()).device
        with torch.no_grad(), available_threads():
            rows = self.module_.decode(torch.tensor(Z, dtype=torch.float32, device=device))
        if self._loss == "bce":
            rows = rows.sigmoid()
        rows = Standardizer(self.mean_, self.scale_).inverse(rows.flatten(1).cpu().numpy())
        return rows.astype(Z.dtype)


def check_unit_interval(samples, choice, other):
    """Raise if entries are outside of [0, 1]."""
    for low_high in map_blocks(lambda x: torch.stack(x.flatten(1).aminmax(dim=1), 1), samples):
        if low_high.min() < 0 or low_high.max() > 1:
            raise ValueError(f"{choice} needs entries of X in [0, 1]; scale X or use {other}")


def _with_zeros(fit, batch, x, share):
    """Rows of which about this share of the entries is zero."""
    return x * (fit.uniform(batch, *x.shape[1:]) >= share)
