"""One stage of a fit: its epochs, its batches and when it ends."""

import math
import time

import torch

from skdeepcluster.training._batches import Items
from skdeepcluster.training._mover import Mover
from skdeepcluster.training._stage import Batch, NonFiniteLossError
from skdeepcluster.training._threads import Pace


class StageRun:
    """One stage: its epochs and steps."""

    def __init__(self, run, stage):
        self.run, self.stage = run, stage
        self.fit, self.training = run.fit, run.training
        self.terms = self.fit.history.setdefault(stage.name, {})
        self.held_out = self.kept = None
        self.best_loss, self.best_module, self.stale = float("inf"), None, 0
        self.finished = False
        self.pace = Pace()

    def go(self, task):
        fit, stage, training = self.fit, self.stage, self.training
        saved, self.run.saved = self.run.saved, None
        began = time.monotonic()
        fit.epoch = fit.step = 0
        fit.module.train()
        if saved is None and stage.begin:
            fit.module.eval()
            stage.begin(fit)
            fit.module.train()
        self.movers = [Mover(step, stage.name, fit, training) for step in stage.steps]
        fit.optimizers = [mover.optimizer for mover in self.movers if mover.optimizer]
        if saved:
            self._load(saved["stage_run"])
        elif stage.validation_fraction > 0:
            self._hold_out()
        elif stage.compares_start:
            self.best_loss, self.best_module = stage.criterion(fit), self._snapshot()
        finite = self._snapshot()
        for epoch in range(fit.epoch, stage.epochs):
            if self.finished or self._time_is_up():
                break
            fit.epoch, step = epoch, fit.step
            with task.sub("epoch", 0) as epoch_task:
                stop = self._epoch()
                losses = {name: values[-1] for name, values in self.terms.items()}
                if not (all(map(math.isfinite, losses.values())) and _is_finite(fit.module)):
                    fit.module.load_state_dict(finite)
                    raise NonFiniteLossError(
                        "The loss or the weights that it led to are not finite in stage "
                        f"{stage.name!r}, epoch {epoch}: {losses}. "
                        "Lower the learning rate (learning_rate="
                        f"{self.movers[0].learning_rate!r}) or scale the features; the last finite "
                        "model is kept.",
                        fit,
                    )
                finite = self._snapshot()
                if self.held_out is not None:
                    stop |= self._validate()
                if stage.criterion:
                    self._keep_if_better("criterion", stage.criterion(fit))
                if stage.end_epoch:
                    stop |= bool(stage.end_epoch(fit))
                stop |= epoch_task.end(fit)
            # A refresh that ends the stage may come before the first step of an epoch.
            fit.epoch += fit.step > step
            stop |= fit.epoch == stage.epochs
            if stop:
                self._end()
            if not fit.out_of_time:  # else within an epoch, from which no fit could resume
                self.run.save(self)
            if stop:
                break
        if not self.finished:
            self._end()
        fit.module.eval()
        if stage.epochs:
            training.log(self._line(time.monotonic() - began))
        task.end(fit)

    def _end(self):
        self.finished = True
        if self.best_module is not None:
            self.fit.module.load_state_dict(self.best_module)

    def _epoch(self):
        """One pass over the rows; True when the refresh ends the stage."""
        fit, stage, training = self.fit, self.stage, self.training
        sums, n_rows, seconds, stop = {}, 0, 0.0, False
        indices = self._indices()
        for position, (batch, share) in enumerate(self._batches(indices)):
            due = fit.step % stage.every == 0 if stage.every else position == 0
            if stage.refresh and due and stage.refresh(fit):
                stop = True
                break
            if self._time_is_up():
                stop = True
                break
            progress = (fit.epoch + position / len(indices)) / stage.epochs
            began = time.perf_counter()
            terms = {}
            for mover in self.movers:
                if stage.schedule:
                    mover.slow_down(stage.schedule(progress))
                terms |= mover.move(batch, share, progress)
            seconds += time.perf_counter() - began
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
            n_rows += len(batch)
            fit.step += 1
            if stage.after_step:
                stage.after_step(fit, batch)
            n_epochs = stage.epochs - fit.epoch + self.run.epochs_after()
            training.forecast.note(n_epochs * len(indices) - position - 1)
        if fit.device.type == "cpu":
            self.pace.note(seconds, n_rows)
        if sums:
            values = torch.stack([*sums.values(), torch.tensor(n_rows, device=fit.device)])
            *values, n_rows = training.processes.sum(values.double()).tolist()
            for name, value in zip(sums, values, strict=True):
                self.terms.setdefault(name, []).append(value / n_rows)
        return stop

    def _indices(self):
        """The rows of each batch of an epoch, or its items."""
        fit = self.fit
        if self.stage.batches:
            rows = self.stage.batches(fit)
            if isinstance(rows, list):
                return rows
        else:
            n_rows = len(fit.samples if self.kept is None else self.kept)
            rows = torch.randperm(n_rows, generator=fit.generator)
            rows = rows if self.kept is None else self.kept[rows]
        indices = list(rows.split(min(self.training.batch_size, max(1, len(rows)))))
        if len(indices) > 1 and len(indices[-1]) == 1:
            # Normalization layers of a user's module cannot train on a single row.
            indices[-2:] = [torch.cat(indices[-2:])]
        return indices

    def _batches(self, indices):
        """The batches, each with the fraction of its items that this process has."""
        fit = self.fit
        items = [index if isinstance(index, Items) else Items(index) for index in indices]
        shares = [whole.take(fit.processes.share(torch.arange(len(whole)))) for whole in items]
        read = fit.samples.batches([share.index.flatten() for share in shares])
        for whole, share, x in zip(items, shares, read, strict=True):
            fit._batch_index = whole.index
            yield self._batch(share, x), len(share) / len(whole)

    def _batch(self, items, x):
        index = items.index.to(self.fit.device)
        known = {name: values.to(self.fit.device) for name, values in items.known.items()}
        side = self.fit.side.take(index, **known)
        return Batch(index, x.unflatten(0, index.shape) if index.ndim > 1 else x, side)

    def _time_is_up(self):
        deadline, fit = self.training.deadline, self.fit
        if deadline is not None and not fit.out_of_time:
            fit.out_of_time = self.training.processes.agree(time.monotonic() > deadline)
        return fit.out_of_time

    def _snapshot(self):
        return {name: value.clone() for name, value in self.fit.module.state_dict().items()}

    def _hold_out(self):
        n = len(self.fit.samples)
        if n < 2:
            raise ValueError(
                f"n_samples={n} cannot be split to hold out rows; set validation_fraction=0"
            )
        n_held_out = min(n - 1, max(1, round(self.stage.validation_fraction * n)))
        order = torch.randperm(n, generator=self.fit.generator)
        self.held_out, self.kept = order[:n_held_out], order[n_held_out:]

    @torch.no_grad()
    def _validate(self):
        """Keep the best epoch by the held-out loss; True when patience is exhausted."""
        fit, stage, mover = self.fit, self.stage, self.movers[0]
        fit.module.eval()
        total = 0.0
        indices = self.held_out.split(min(self.training.batch_size, len(self.held_out)))
        for index, x in zip(indices, fit.samples.batches(indices), strict=True):
            fit._batch_index = index
            terms = mover.terms(self._batch(Items(index), x))
            total += float(mover.total(terms, fit.epoch / stage.epochs)) * len(index)
        fit.module.train()
        self._keep_if_better("validation", total / len(self.held_out))
        return self.stale >= stage.patience

    def _keep_if_better(self, name, value):
        """Note a value by which epochs are compared, and the weights if it is the lowest."""
        self.terms.setdefault(name, []).append(value)
        if value < self.best_loss:
            self.best_loss, self.best_module, self.stale = value, self._snapshot(), 0
        else:
            self.stale += 1

    def checkpointed(self):
        """State that a checkpoint needs to resume within the stage."""
        return {
            "finished": self.finished,
            "epoch": self.fit.epoch,
            "step": self.fit.step,
            "optimizers": [optimizer.state_dict() for optimizer in self.fit.optimizers],
            "held_out": self.held_out,
            "kept": self.kept,
            "best": (self.best_loss, self.best_module, self.stale),
        }

    def _load(self, saved):
        fit = self.fit
        self.finished, fit.epoch, fit.step = saved["finished"], saved["epoch"], saved["step"]
        for optimizer, state in zip(fit.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.held_out, self.kept = saved["held_out"], saved["kept"]
        self.best_loss, self.best_module, self.stale = saved["best"]

    def _line(self, seconds):
        losses = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.terms.items())
        return f"{self.stage.name}: {self.fit.epoch} epochs, {seconds:.1f} s, {losses}"


def _is_finite(module):
    """Whether all weights are; a last step can spoil them after a finite loss."""
    # A sum in float64 is finite just when its terms are, and costs a tenth of asking each.
    return all(
        math.isfinite(p.detach().sum(dtype=torch.float64).item()) for p in module.parameters()
    )
