"""What every deep clusterer is and does."""

import contextlib
import copy
import os
import threading
import warnings
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import dataclass_transform

import numpy as np
import scipy.sparse as sp
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

import skdeepcluster
from skdeepcluster._callbacks import Task
from skdeepcluster._docstrings import complete_docstring
from skdeepcluster._inputs import (
    as_image_shape,
    check_columns,
    flat_rows,
    has_channels_last,
    is_on_disk,
    output_dtype,
)

# Parameters that decide how long a fit takes and what it says, and nothing of its result.
_WITHOUT_EFFECT = {"checkpoint", "max_time", "verbose", "compile"}
# Held while a fit has torch's global generators.
_LENDING = threading.RLock()


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
@dataclass(kw_only=True, eq=False, repr=False)
class DeepClusterer(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Base of the clusterers that train a network.

    A subclass declares its parameters as annotated class attributes with defaults: the constructor,
    which only stores them, is made from these, and the descriptions of inherited parameters and
    attributes join the docstring. It then says what is learned (`_build`), by which stages
    (`_stages`), and how an embedding becomes labels (`_encode`, `_log_proba`).

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    max_epochs : int, default=20
        Most epochs of the clustering stage.

    batch_size : int, default=256
        Rows in a step. Under several processes, of all of them together.

    learning_rate : float, default=1e-3
        Learning rate of the optimiser.

    optimizer : {"adam", "adamw", "sgd"} or callable, default="adam"
        "sgd" has momentum 0.9. A callable takes parameters and ``lr=`` and returns a
        `torch.optim.Optimizer`.

    n_init : int, default=1
        Number of complete fits from different weights, of which the one with the lowest objective
        is kept.

    max_time : float, default=None
        Seconds after which training ends with the model as it is and a warning.

    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA device if there is one.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Width of the matrix products in training; "auto" takes bfloat16 for networks large enough to
        gain where the processor has instructions for it (AMX or AVX512-BF16 of Intel and AMD, or a
        GPU's). Elsewhere bfloat16 is many times slower than float32. Predictions are always made in
        float32.

    compile : bool, default=False
        Whether to compile the training steps with `torch.compile`.

    checkpoint : str or path-like, default=None
        File that keeps the state of the fit. An interrupted fit goes on when `fit` is called again
        with the same data and parameters, and ends as if nothing had happened. In a folder, which
        is there or whose name ends with a separator, each fit has a file of its own, as searches
        need.

    random_state : int, RandomState instance or None, default=None
        Decides weights and the order of the rows. An int makes results reproducible.

    verbose : int, default=0
        1 prints a line for each stage.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row.

    module_ : torch.nn.Module
        The trained network, for standardised rows.

    mean_ : ndarray of shape (n_features,)
        Mean that rows are centred with.

    scale_ : float
        Factor of the centred rows: one over their root mean variance.

    history_ : dict of str to dict of str to list of float
        For each stage, the value of each loss term in each epoch.

    loss_ : float
        The objective at the end, a mean over the training rows. Its negative is the `score`.

    n_epochs_ : int
        Epochs of the clustering stage.

    image_shape_ : tuple of int or None
        (C, H, W) where rows are images.

    n_features_in_ : int
        Number of features; of pixels, if rows are images.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where columns have names that are strings.
    """

    n_clusters: int = field(default=8, kw_only=False)
    max_epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 1e-3
    optimizer: object = "adam"
    n_init: int = 1
    max_time: float | None = None
    device: object = "auto"
    precision: str = "auto"
    compile: bool = False
    checkpoint: object = None
    random_state: object = None
    verbose: int = 0

    _parameter_constraints = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [StrOptions({"adam", "adamw", "sgd"}), callable],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "device": "no_validation",
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        dataclass(cls, kw_only=True, eq=False, repr=False)
        if cls.__doc__:
            cls.__doc__ = complete_docstring(cls, DeepClusterer)

    # -- what a method says ------------------------------------------------------------------

    def _build(self, shape, generator):
        """A module with weights from the generator, for rows of a shape."""
        raise NotImplementedError

    def _stages(self):
        """The stages of the fit, in order."""
        raise NotImplementedError

    def _encode(self, module, x):
        """Embedding of standardised rows."""
        return module.encode(x)

    def _assess(self, module, samples):
        """The objective over all rows, a mean, and their labels."""
        raise NotImplementedError

    def _objective(self, fit):
        """What restarts are chosen by, lower being better."""
        return self._assess(fit.module, fit.samples)[0]

    def _conclude(self, fit):
        """After the last stage: the objective and the labels of the training rows."""
        fit.loss, fit.labels = self._assess(fit.module, fit.samples)
        fit.require_finite(fit.loss)

    def _learned(self, fit):
        """Fitted attributes beside the common ones; None while predictions are not possible."""
        return {}

    def _centers_and_scales(self):
        """Whether rows are centred and scaled before they meet the network."""
        return True

    # Whether the pixels of a channel are centred with one mean, and not each with its own.
    _common_means = False

    def _n_means(self, shape):
        """Parts of a row, of equal size, that are centred with one mean each; None for entries."""
        return shape[0] if self._common_means and len(shape) == 3 else None

    def _check_samples(self, samples):
        """Raise where the objective is not defined for the rows."""

    # -- fit ---------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the embedding and the clusters.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Never used for training; passed to callbacks.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        from skdeepcluster import training as tr

        rows, shape = self._rows(X, reset=True)
        if rows.shape[0] < self._n_clusters_sought():
            raise ValueError(
                f"n_samples={rows.shape[0]} should be >= n_clusters={self._n_clusters_sought()}."
            )
        if self._centers_and_scales():
            standardize = tr.Standardizer.fit(rows, self._n_means(shape))
        else:
            tr.check_finite(rows)
            standardize = tr.Standardizer.identity(rows)

        def build(generator):
            return self._build(shape, generator)

        with tr.available_threads():
            ended = self._train(
                X, y, rows, shape, standardize, build, self._stages, self.n_init, self.checkpoint
            )
        self._warn(ended)
        return self

    def _train(self, X, y, rows, shape, standardize, build, stages, n_init, path=None):
        """Set what the stages learn on rows, from the module that `build` makes.

        Returns whether `max_time` ended them.
        """
        import torch

        from skdeepcluster import training as tr

        device = tr.resolve_device(self.device)
        samples = tr.Samples(rows, standardize, device, shape)
        self._check_samples(samples)
        processes = tr.processes(device)
        batch_rows = min(len(samples), self.batch_size) // processes.size
        seed = self._draw_seed()
        generator = torch.Generator().manual_seed(seed)
        root = self._init_callback_context(max_subtasks=len(stages()) if n_init == 1 else n_init)
        checkpoint = None
        if path is not None:
            checkpoint = tr.Checkpoint(
                path,
                tr.fingerprint(rows, *self._identity(seed)),
                writes=processes.rank == 0,
            )
        training = tr.Training(
            samples,
            generator=generator,
            lent=self._lent_generators(device),
            processes=processes,
            precision_of=lambda module: tr.Precision(self.precision, device, module, batch_rows),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            compile=self.compile,
            max_time=self.max_time,
            checkpoint=checkpoint,
            log=self._log if processes.rank == 0 else None,
        )
        dtype = output_dtype(rows.dtype)

        def fitted(fit):
            return self._fitted_attributes(fit, shape, dtype)

        task = Task(root, self, X, y, fitted)
        with (
            torch.enable_grad(),
            task,
            tr.exact_convolutions(device),
            seeded(training.generators[1:], seed),
        ):
            try:
                fit = training.best_of(
                    n_init,
                    lambda: build(generator),
                    stages,
                    self._objective,
                    task,
                )
                self._conclude(fit)
            except tr.NonFiniteLossError as error:
                self.module_, self.history_ = error.fit.module.eval(), error.fit.history
                raise
            for name, value in fitted(fit).items():
                setattr(self, name, value)
            task.end(fit)
        return fit.out_of_time

    def _go_on(self, X, y, stage):
        """A stage more, on other rows, from what was fitted."""
        from skdeepcluster import training as tr

        rows, shape = self._rows(X, reset=False)
        standardize = tr.Standardizer(self.mean_, self.scale_)

        def fitted(generator):
            return copy.deepcopy(self.module_)

        with tr.available_threads():
            self._train(X, y, rows, shape, standardize, fitted, lambda: [stage], n_init=1)

    def _draw_seed(self):
        """A number from `random_state`, the same in all processes of a fit."""
        from skdeepcluster import training as tr

        processes = tr.processes(tr.resolve_device(self.device))
        return processes.agree(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _n_clusters_sought(self):
        return self.n_clusters

    def _warn(self, out_of_time):
        """Say what went wrong."""
        if out_of_time:
            warnings.warn(
                f"{type(self).__name__} was stopped by max_time={self.max_time} before it "
                "converged; the model is usable, more time or fewer epochs would finish it.",
                ConvergenceWarning,
                stacklevel=3,
            )
        n_found = len(np.unique(self.labels_[self.labels_ >= 0]))
        if n_found < self._n_clusters_sought():
            warnings.warn(
                f"{type(self).__name__} found {n_found} clusters, fewer than n_clusters="
                f"{self.n_clusters}: rows may repeat, or clusters died out; try another "
                "random_state, a lower learning_rate or fewer clusters.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _fitted_attributes(self, fit, shape, dtype):
        learned = self._learned(fit)
        if learned is None:
            return None
        cast = {
            name: value.astype(dtype)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for name, value in learned.items()
        }
        if hasattr(fit, "labels"):
            cast |= {"loss_": fit.loss, "labels_": fit.labels}
        return {
            "module_": fit.module.eval(),
            "mean_": fit.samples.standardize.mean,
            "scale_": fit.samples.standardize.scale,
            "history_": {name: terms for name, terms in fit.history.items() if terms},
            "n_epochs_": fit.epoch,
            "image_shape_": shape if len(shape) == 3 else None,
            "_row_shape": shape,
            **cast,
        }

    def _identity(self, seed):
        """What else than the data decides a fit: settings, and weights that the user gave."""
        settings = {
            "estimator": type(self).__name__,
            "version": skdeepcluster.__version__,
            "random_state": None if self.random_state is None else seed,
        }
        for name, value in self.get_params(deep=False).items():
            if name not in settings and name not in _WITHOUT_EFFECT:
                settings[name] = getattr(value, "__qualname__", value)
        modules = self._given_modules()
        settings |= {name: repr(module) for name, module in modules.items()}
        return settings, modules

    def _given_modules(self):
        """Parameters that are modules of the user's."""
        import torch

        params = self.get_params(deep=False)
        return torch.nn.ModuleDict(
            {name: value for name, value in params.items() if isinstance(value, torch.nn.Module)}
        )

    def _draw_outside(self):
        """Whether modules or functions of the user's take part."""
        return len(self._given_modules()) > 0

    def _lent_generators(self, device):
        """Torch's global generators, if something of the user's may draw from them."""
        import torch

        if not self._draw_outside():
            return []
        if device.type != "cuda":
            return [torch.default_generator]
        index = torch.cuda.current_device() if device.index is None else device.index
        return [torch.default_generator, torch.cuda.default_generators[index]]

    def _log(self, line):
        if self.verbose:
            print(f"[{type(self).__name__}] {line}")

    # -- input -------------------------------------------------------------------------------

    def _rows(self, X, *, reset):
        """Row access to checked input, and the shape of a row for the network."""
        from skdeepcluster import training as tr

        given = getattr(self, "image_shape", None)
        if tr.is_dataset(X):
            rows = tr.source(X)
            item = rows.item_shape if len(rows.item_shape) > 1 else None
            if reset:
                self.n_features_in_ = rows.shape[1]
            elif rows.shape[1] != self.n_features_in_:
                raise ValueError(
                    f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input."
                )
        else:
            X, item = flat_rows(X)
            check_columns(X)
            on_disk = not sp.issparse(X) and is_on_disk(X)
            X = validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr",
                dtype="numeric",
                # Rows on disk are checked where they are first read.
                ensure_all_finite=not on_disk,
            )
            if X.dtype.kind == "O":  # decimals of a polars frame
                X = check_array(X, dtype=np.float64)
            if X.dtype.kind not in "biuf":
                raise ValueError(f"X has dtype {X.dtype}, which is not numeric; give numbers")
            rows = tr.source(X)
        item = as_image_shape(item)
        if not reset:
            if item is not None and len(self._row_shape) == 3 and item != self._row_shape:
                raise ValueError(
                    f"X has images of shape {item}, but {type(self).__name__} is expecting images "
                    f"of shape {self._row_shape} as input."
                )
            return rows, self._row_shape
        given = as_image_shape(given)
        if None not in (item, given) and item != given:
            raise ValueError(
                f"image_shape={self.image_shape!r}, but X has images of shape {item}; leave "
                "image_shape=None or give X that shape."
            )
        image_shape = item or given
        if image_shape is not None and np.prod(image_shape) != rows.shape[1]:
            raise ValueError(
                f"image_shape={self.image_shape!r} has {np.prod(image_shape)} pixels, but rows of "
                f"X have {rows.shape[1]} features; give the shape (C, H, W) or (H, W) of an image."
            )
        # Whoever gives images and their shape too knows it.
        if image_shape is not None and None in (item, given) and has_channels_last(image_shape):
            warnings.warn(
                f"Images of shape {image_shape} are taken as (C, H, W), of {image_shape[0]} "
                "channels. If the channels are last, transpose them: X.transpose(0, 3, 1, 2). If "
                f"they are not, images X together with image_shape={image_shape} confirm it.",
                stacklevel=4,
            )
        return rows, image_shape or (rows.shape[1],)

    def _samples(self, X):
        """New rows, read as they are needed."""
        from skdeepcluster import training as tr

        check_is_fitted(self)
        rows, shape = self._rows(X, reset=False)
        standardize = tr.Standardizer(self.mean_, self.scale_)
        device = next(self.module_.parameters()).device
        return tr.Samples(rows, standardize, device, shape, load=False)

    def _stream(self, X, function):
        """Concatenate function(rows) over new rows."""
        from skdeepcluster import training as tr

        samples = self._samples(X)
        with tr.available_threads():
            parts = [part.cpu().numpy() for part in tr.map_blocks(function, samples)]
        result = np.concatenate(parts)
        dtype = output_dtype(samples.rows.dtype)
        return result.astype(dtype) if result.dtype.kind == "f" else result

    # -- after fit ---------------------------------------------------------------------------

    def transform(self, X):
        """Embed rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The embedding, in float32 for float32 rows and in float64 otherwise.
        """
        return self._stream(X, lambda x: self._encode(self.module_, x))

    def score(self, X, y=None):
        """Opposite of the objective on rows: higher is better.

        It compares fits of one model. Across numbers of clusters, widths of the embedding or
        networks it misleads: use a scorer of `skdeepcluster.metrics` there.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        score : float
            The negative mean over the rows of what `fit` minimises in its last stage.
        """
        from skdeepcluster import training as tr

        samples = self._samples(X)
        with tr.available_threads():
            return -self._assess(self.module_, samples)[0]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_row_shape")

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        state = super().__getstate__()
        if "module_" in state:
            # Loads where the device that trained it is missing.
            state = {**state, "module_": copy.deepcopy(state["module_"]).cpu()}
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def seeded_clone(estimator, seed):
    """An unfitted copy that leaves nothing to chance: each `random_state` that is None is set."""
    estimator = clone(estimator)
    unset = sorted(
        name
        for name, value in estimator.get_params().items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )
    # Two of a kind, such as random projections side by side, shall not be the same.
    return estimator.set_params(**{name: seed + i for i, name in enumerate(unset)})


@contextlib.contextmanager
def seeded(generators, seed):
    """Seed global generators, and leave them as they were; one fit at a time has them."""
    if not generators:
        yield
        return
    with _LENDING:
        before = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)
