"""What all deep estimators share: from rows through the training loop to fitted attributes."""

import copy
import os
import warnings
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeepcluster import training as tr
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.base import Estimator, param
from skdeepcluster.deep._callbacks import Task
from skdeepcluster.deep._hooks import Hooks
from skdeepcluster.deep._identity import given_modules, global_generators, settings
from skdeepcluster.deep._random import seeded
from skdeepcluster.deep._rows import read_rows
from skdeepcluster.validation import caller_level
from skdeepcluster.validation._inputs import output_dtype


class DeepEstimator(Hooks, CallbackSupportMixin, Estimator):
    """Base of the estimators that train a network.

    Parameters
    ----------
    max_epochs : int, default=20
        Maximum number of epochs of the last stage.

    batch_size : int, default=256
        Number of rows in a step; with several processes, of all of them together.

    learning_rate : float, default=1e-3
        Learning rate of the optimizer.

    optimizer : {"adam", "adamw", "sgd"} or callable, default="adam"
        "sgd" has momentum 0.9. A callable takes parameters and ``lr=`` and returns a
        `torch.optim.Optimizer`.

    weight_decay : float, default=None
        Weight decay of all trained parameters: with "adam" and "sgd" a penalty on squares, with
        "adamw" a shrinkage in each step. By default the optimizer's own: 0.01 of "adamw", none of
        the others. A callable receives it as ``weight_decay=``, unless it is None.

    n_init : int, default=1
        Number of complete fits from different weights, of which the one with the lowest objective
        is kept.

    max_time : float, default=None
        Seconds after which training ends with a warning; the model can be used as it is.

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
        File that holds the state of the fit. An interrupted fit resumes when `fit` is called again
        with the same data and parameters, with the same result as without interruption. In a
        folder, which exists or whose name ends with a separator, each fit has a file of its own, as
        searches need.

    random_state : int, RandomState instance or None, default=None
        Determines weights and the order of the rows. An int makes results reproducible.

    verbose : int, default=0
        1 prints a line for each stage, and how long training may take if that is more than a
        minute.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network, for standardized rows.

    mean_ : ndarray of shape (n_features,)
        Mean that rows are centered with.

    scale_ : float
        Factor of the centered rows: one over their root mean variance.

    history_ : dict of str to dict of str to list of float
        For each stage, the value of each loss term in each epoch.

    loss_ : float
        The objective at the end, a mean over the training rows. Its negative is the `score`.

    n_epochs_ : int
        Epochs of the last stage.

    image_shape_ : tuple of int or None
        (C, H, W) where rows are images.

    n_features_in_ : int
        Number of features, or of pixels if rows are images.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where columns have names that are strings.
    """

    max_epochs: int = param(20, Interval(Integral, 0, None, closed="left"))
    batch_size: int = param(256, Interval(Integral, 1, None, closed="left"))
    learning_rate: float = param(1e-3, Interval(Real, 0, None, closed="neither"))
    optimizer: str | Callable[..., torch.optim.Optimizer] = param(
        "adam", StrOptions({"adam", "adamw", "sgd"}), callable
    )
    weight_decay: float | None = param(None, Interval(Real, 0, None, closed="left"), None)
    n_init: int = param(1, Interval(Integral, 1, None, closed="left"))
    max_time: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    device: str | torch.device = param("auto", "no_validation")
    precision: str = param("auto", StrOptions({"auto", "float32", "bfloat16"}))
    compile: bool = param(False, "boolean")
    checkpoint: str | os.PathLike | None = param(None, str, os.PathLike, None)
    random_state: int | np.random.RandomState | None = param(None, "random_state")
    verbose: int = param(0, "verbose")

    # -- fit ---------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **side):
        """Train the network on rows.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Passed to callbacks; used only by methods that document it.
        **side : dict
            Further information on the rows, for methods that document it.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        rows, shape = read_rows(self, self._as_rows(X), reset=True)
        self._check_rows(rows)
        weights = self._row_weights(rows.shape[0], side)
        if self._takes_missing and self._scales_rows and tr.has_missing(rows):
            standardize = tr.Standardizer.fit_known(rows, weights)
        elif self._scales_rows:
            n_means = shape[0] if self._common_means and len(shape) == 3 else None
            standardize = tr.Standardizer.fit(rows, n_means, weights)
        else:
            tr.check_finite(rows)
            standardize = tr.Standardizer.identity(rows)
        device = tr.resolve_device(self.device)
        samples = tr.Samples(rows, standardize, device, shape, weights=weights)
        with tr.available_threads():
            side = self._side(samples, X, y, **side)
            if weights is not None:
                side.rows["sample_weight"] = samples.weights
            plan = self._plan(samples, side)
        options = {"side": side, "plan": plan, "n_init": self.n_init, "path": self.checkpoint}
        fit = self._train((X, y), samples, self._build, self._stages(), **options)
        self._warn(fit.out_of_time)
        return self

    def _check_rows(self, rows):
        """Raise if there are too few rows."""

    def _continue_fit(self, X, y, stages, plan, **side):
        """Continue from the fitted model, with further stages on other rows or side information."""
        samples = self._samples_as_fitted(X, tr.resolve_device(self.device))
        with tr.available_threads():
            known = self._side(samples, X, y, **side) if side else tr.Side()

        def build(shape, plan, generator):
            return copy.deepcopy(self.module_)

        self._train((X, y), samples, build, stages, side=known, plan=plan)

    def _train(self, data, samples, build, stages, *, side, plan, n_init=1, path=None):
        """Run stages on rows and set the fitted attributes; returns the fit."""
        device = samples.device
        processes = tr.processes(device)
        seed = self._draw_seed()
        generator = torch.Generator().manual_seed(seed)
        root = self._init_callback_context(max_subtasks=len(stages) if n_init == 1 else n_init)
        batch_rows = min(len(samples), self.batch_size) // processes.size
        checkpoint = None
        if path is not None:
            modules = given_modules(self)
            found = settings(self, seed, modules)
            digest = tr.fingerprint(samples.rows, found, modules, side)
            checkpoint = tr.Checkpoint(path, digest, writes=processes.rank == 0)
        training = tr.Training(
            samples,
            generator=generator,
            global_generators=self._global_generators(device),
            side=side,
            plan=plan,
            processes=processes,
            precision_of=lambda module: tr.Precision(self.precision, device, module, batch_rows),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            weight_decay=self._weight_decay,
            compile=self.compile,
            max_time=self.max_time,
            checkpoint=checkpoint,
            log=self._log if self.verbose and processes.rank == 0 else None,
        )
        dtype = output_dtype(samples.rows.dtype)

        def fitted(fit):
            return self._fitted_attributes(fit, dtype)

        task = Task(root, self, *data, fitted)
        with (
            tr.available_threads(),
            torch.enable_grad(),
            task,
            tr.exact_convolutions(device),
            seeded(training.generators[1:], seed),
        ):
            try:
                fit = training.best_of(
                    n_init,
                    lambda: build(samples.shape, plan, generator),
                    stages,
                    self._read_out,
                    task,
                )
            except tr.NonFiniteLossError as error:
                self.module_, self.history_ = error.fit.module.eval(), error.fit.history
                raise
            for name, value in fitted(fit).items():
                setattr(self, name, value)
            task.end(fit)
        return fit

    @property
    def _weight_decay(self):
        """That of all trained parameters; None where a method's groups have their own."""
        return self.weight_decay

    def _draw_seed(self):
        """A number from `random_state`, the same in all processes of a fit."""
        processes = tr.processes(tr.resolve_device(self.device))
        return processes.agree(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _warn(self, out_of_time):
        """Warn of what went wrong."""
        if out_of_time:
            warnings.warn(
                f"{type(self).__name__} was stopped by max_time={self.max_time} before it "
                "converged; the model is usable, more time or fewer epochs would finish it.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def _fitted_attributes(self, fit, dtype):
        """All fitted attributes, or None while the model cannot predict."""
        if fit.read_out is not None:
            loss, labels, found, _ = fit.read_out
            found = found | {"loss_": loss} | ({} if labels is None else {"labels_": labels})
        elif fit.usable:
            found = self._attributes(fit)
        else:
            return None
        cast = {
            name: value.astype(dtype)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for name, value in found.items()
        }
        shape, standardize = fit.samples.shape, fit.samples.standardize
        return {
            "module_": fit.module.eval(),
            "mean_": standardize.mean,
            "scale_": standardize.scale,
            "history_": {name: terms for name, terms in fit.history.items() if terms},
            "n_epochs_": fit.epoch,
            "image_shape_": shape if len(shape) == 3 else None,
            "_row_shape": shape,
            **cast,
        }

    def _global_generators(self, device):
        """Torch's global generators, if the user's code may draw from them."""
        return global_generators(device) if self._uses_user_code() else []

    def _log(self, line):
        print(f"[{type(self).__name__}] {line}")

    # -- after fit ---------------------------------------------------------------------------

    def _new_samples(self, X):
        """New rows, read when they are needed."""
        check_is_fitted(self)
        return self._samples_as_fitted(X, next(self.module_.parameters()).device, load=False)

    def _samples_as_fitted(self, X, device, **options):
        """Other rows in the standardization of the fit."""
        rows, shape = read_rows(self, self._as_rows(X), reset=False)
        standardize = tr.Standardizer(self.mean_, self.scale_, self._takes_missing)
        return tr.Samples(rows, standardize, device, shape, **options)

    def _stream(self, X, function):
        """Concatenate function(rows) over new rows."""
        samples = self._new_samples(X)
        with tr.available_threads():
            parts = [part.cpu().numpy() for part in tr.map_blocks(function, samples)]
        return self._in_dtype_of(samples, np.concatenate(parts))

    @staticmethod
    def _in_dtype_of(samples, result):
        """Floats in the precision of the rows, all else as it is."""
        dtype = output_dtype(samples.rows.dtype)
        return result.astype(dtype) if result.dtype.kind == "f" else result

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_row_shape")

    def __getstate__(self):
        state = super().__getstate__()
        if "module_" in state:
            # It loads also where the device that trained it is missing.
            state = {**state, "module_": copy.deepcopy(state["module_"]).cpu()}
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._takes_missing
        return tags
