"""The training loop."""

import math
import time
from types import SimpleNamespace

import torch

from skdeepcluster.training._fit import Fit
from skdeepcluster.training._stage import Batch, NonFiniteLossError
from skdeepcluster.training._threads import Pace


class Training:
    """Runs fits: restarts, stages, epochs, steps, and what surrounds them.

    Parameters
    ----------
    samples : Samples
    generator : torch.Generator
        On the CPU.
    lent : sequence of torch.Generator
        Global ones that a module draws from by itself.
    processes : Processes
    precision_of : callable (module) -> Precision
    batch_size : int
    learning_rate : float
    optimizer : {"adam", "adamw", "sgd"} or callable (parameters, lr) -> Optimizer
    compile : bool
    max_time : float or None
        Seconds.
    checkpoint : Checkpoint or None
    log : callable (str) or None
        Receives a line per stage.
    """

    def __init__(
        self, samples, *, generator, processes, precision_of, batch_size, learning_rate, optimizer,
        lent=(), compile=False, max_time=None, checkpoint=None, log=None,
    ):  # fmt: skip
        self.samples, self.generator, self.processes = samples, generator, processes
        self.generators = [generator, *lent]
        self.precision_of = precision_of
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.optimizer, self.compile = optimizer, compile
        self.deadline = None if max_time is None else time.monotonic() + max_time
        self.checkpoint, self.log = checkpoint, log or (lambda line: None)

    def best_of(self, n_init, build, stages, objective, tasks):
        """The best of several fits by the lowest objective.

        Parameters
        ----------
        n_init : int
        build : callable () -> torch.nn.Module
            A module with fresh weights from the generator.
        stages : callable () -> list of Stage
        objective : callable (fit) -> float
        tasks : Task
            Reports the progress of `n_init` runs, or of the stages of a single one.

        Returns
        -------
        fit : Fit
        """
        saved = self.checkpoint.load() if self.checkpoint else None
        self.processes.wait()
        first, best = (saved["restart"], saved["best"]) if saved else (0, None)
        for restart in range(first, n_init):
            fit = Fit(build().to(self.samples.device), self.samples, self)
            run = _Run(self, fit, stages(), saved, restart, best)
            saved = None
            if n_init == 1:
                run.go(tasks)
                return fit
            with tasks.sub(f"init {restart}", len(run.stages)) as task:
                run.go(task)
                task.end(fit)
            value = objective(fit)
            # A run that time cut short only counts where there is no other.
            if best is None or (value < best["objective"] and not fit.out_of_time):
                best = {"objective": value, **run.result()}
            if fit.out_of_time:
                break
        _restore(fit, best)
        return fit


def _restore(fit, saved):
    fit.module.load_state_dict(saved["module"])
    device = fit.device
    fit.state = SimpleNamespace(
        **{
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in saved["state"].items()
        }
    )
    fit.history = saved["history"]
    fit.epoch = saved["epoch"]


class _Run:
    """One fit's walk through its stages."""

    def __init__(self, training, fit, stages, saved, restart, best):
        self.training, self.fit, self.stages = training, fit, stages
        self.restart, self.best = restart, best
        self.saved = saved
        self.position = 0
        if saved:
            _restore(fit, saved)
            for generator, state in zip(training.generators, saved["generators"], strict=True):
                generator.set_state(state)
            self.position = saved["stage"]

    def go(self, tasks):
        for number, stage in enumerate(self.stages):
            if number < self.position:
                continue
            self.position = number
            with tasks.sub(stage.name, stage.epochs) as task:
                _StageRun(self, stage).go(task)

    def result(self):
        fit = self.fit
        return {
            "module": fit.module.state_dict(),
            "state": vars(fit.state),
            "history": fit.history,
            "epoch": fit.epoch,
        }

    def save(self, stage_run):
        """Write a checkpoint if one is due; always after the last epoch."""
        checkpoint = self.training.checkpoint
        last = stage_run.finished and self.position == len(self.stages) - 1
        if checkpoint and (last or checkpoint.due()):
            checkpoint.save(
                {
                    "restart": self.restart,
                    "best": self.best,
                    "stage": self.position,
                    "generators": [g.get_state() for g in self.training.generators],
                    "stage_run": stage_run.checkpointed(),
                    **self.result(),
                }
            )


class _StageRun:
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
        chosen = stage.parameters(fit.module) if stage.parameters else fit.module.parameters()
        self.parameters = [p for p in chosen if p.requires_grad]
        self.optimizer = self._make_optimizer() if self.parameters else None
        fit.optimizer = self.optimizer
        if saved:
            self._load(saved["stage_run"])
        elif stage.validation_fraction > 0:
            self._hold_out()
        loss = stage.loss
        if training.compile:
            loss = torch.compile(loss)

        finite = self._snapshot()
        for epoch in range(fit.epoch, stage.epochs):
            if self.finished or self._time_is_up():
                break
            fit.epoch, step = epoch, fit.step
            with task.sub("epoch", 0) as epoch_task:
                stop = self._epoch(loss)
                losses = {name: values[-1] for name, values in self.terms.items()}
                if not (all(map(math.isfinite, losses.values())) and _is_finite(fit.module)):
                    fit.module.load_state_dict(finite)
                    raise NonFiniteLossError(
                        "The loss or the weights that it led to are not finite in stage "
                        f"{stage.name!r}, epoch {epoch}: {losses}. "
                        f"Lower the learning rate (learning_rate={self._learning_rate()!r}) or "
                        "scale the features; the last finite model is kept.",
                        fit,
                    )
                finite = self._snapshot()
                if self.held_out is not None:
                    stop |= self._validate()
                if stage.end_epoch:
                    stop |= bool(stage.end_epoch(fit))
                stop |= epoch_task.end(fit)
            # A refresh that ends the stage may come before the first step of an epoch.
            fit.epoch += fit.step > step
            stop |= fit.epoch == stage.epochs
            if stop:
                self._end()
            if not fit.out_of_time:  # else within an epoch, where no fit could go on
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

    def _epoch(self, loss):
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
            if stage.schedule and self.optimizer is not None:
                progress = (fit.epoch + position / len(indices)) / stage.epochs
                for group in self.optimizer.param_groups:
                    group["lr"] = self._learning_rate() * stage.schedule(progress)
            began = time.perf_counter()
            terms = self._step(loss, batch, share)
            seconds += time.perf_counter() - began
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch.index)
            n_rows += len(batch.index)
            fit.step += 1
            if stage.after_step:
                stage.after_step(fit, batch)
        if fit.device.type == "cpu":
            self.pace.note(seconds, n_rows)
        if sums:
            values = torch.stack([*sums.values(), torch.tensor(n_rows, device=fit.device)])
            *values, n_rows = training.processes.sum(values.double()).tolist()
            for name, value in zip(sums, values, strict=True):
                self.terms.setdefault(name, []).append(value / n_rows)
        return stop

    def _indices(self):
        """Numbers of the rows of each batch of an epoch."""
        fit = self.fit
        if self.stage.rows:
            rows = self.stage.rows(fit)
            if isinstance(rows, list):
                return rows
        else:
            n_rows = len(fit.samples if self.kept is None else self.kept)
            rows = torch.randperm(n_rows, generator=fit.generator)
            rows = rows if self.kept is None else self.kept[rows]
        indices = list(rows.split(min(self.training.batch_size, max(1, len(rows)))))
        if len(indices) > 1 and len(indices[-1]) == 1:
            # Normalisation layers of a user's module cannot train on a single row.
            indices[-2:] = [torch.cat(indices[-2:])]
        return indices

    def _batches(self, indices):
        """The batches, with this process's share of each batch's rows."""
        fit = self.fit
        shares = [self.training.processes.share(index) for index in indices]
        batches = fit.samples.batches(shares)
        for whole, index, x in zip(indices, shares, batches, strict=True):
            fit._batch_index = whole
            yield Batch(index.to(fit.device), x), len(index) / len(whole)

    def _step(self, loss, batch, share):
        """Move the parameters; the detached terms of the loss."""
        fit, stage = self.fit, self.stage
        with fit.precision():
            terms = self._terms(loss, batch)
        terms = {name: term.float() for name, term in terms.items()}
        total = self._total(terms)
        if self.optimizer is not None:
            self.optimizer.zero_grad(set_to_none=True)
            if len(batch.index):
                total.backward()
            self._reduce_gradients(share)
            if stage.after_backward:
                stage.after_backward(fit, batch)
            self.optimizer.step()
        if not len(batch.index):  # this process's share of a small batch
            return {name: torch.zeros_like(term) for name, term in terms.items()}
        return {name: term.detach() for name, term in terms.items()}

    def _terms(self, loss, batch):
        """The named terms of a loss; a single one has the stage's name."""
        terms = loss(self.fit, batch)
        return {self.stage.name: terms} if isinstance(terms, torch.Tensor) else terms

    def _total(self, terms):
        return sum(self.stage.weights.get(name, 1.0) * term for name, term in terms.items())

    def _reduce_gradients(self, share):
        """Gradients of the whole batch, and running statistics of layers that keep them."""
        if self.training.processes.size == 1:
            return
        buffers = [b for b in self.fit.module.buffers() if b.is_floating_point()]
        for p in self.parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        tensors = [*(p.grad for p in self.parameters), *buffers]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self.training.processes.sum(flat.mul_(share))
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def _make_optimizer(self):
        optimizer, lr = self.training.optimizer, self._learning_rate()
        if callable(optimizer):
            return optimizer(self.parameters, lr=lr)
        fused = {"fused": self.fit.device.type in ("cpu", "cuda")}
        if optimizer == "sgd":
            return torch.optim.SGD(self.parameters, lr=lr, momentum=0.9, **fused)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
        return kind(self.parameters, lr=lr, **fused)

    def _learning_rate(self):
        return self.stage.learning_rate or self.training.learning_rate

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
        """Keep the best epoch by the held-out loss; True when patience is at its end."""
        fit, stage = self.fit, self.stage
        fit.module.eval()
        total = 0.0
        indices = self.held_out.split(min(self.training.batch_size, len(self.held_out)))
        for index, x in zip(indices, fit.samples.batches(indices), strict=True):
            fit._batch_index = index
            terms = self._terms(stage.loss, Batch(index.to(fit.device), x))
            total += float(self._total(terms)) * len(index)
        fit.module.train()
        total /= len(self.held_out)
        self.terms.setdefault("validation", []).append(total)
        if total < self.best_loss:
            self.best_loss, self.best_module, self.stale = total, self._snapshot(), 0
        else:
            self.stale += 1
        return self.stale >= stage.patience

    def checkpointed(self):
        """What a checkpoint needs to go on within the stage."""
        return {
            "finished": self.finished,
            "epoch": self.fit.epoch,
            "step": self.fit.step,
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "held_out": self.held_out,
            "kept": self.kept,
            "best": (self.best_loss, self.best_module, self.stale),
        }

    def _load(self, saved):
        fit = self.fit
        self.finished, fit.epoch, fit.step = saved["finished"], saved["epoch"], saved["step"]
        if self.optimizer and saved["optimizer"]:
            self.optimizer.load_state_dict(saved["optimizer"])
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
