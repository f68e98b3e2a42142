"""The training loop: restarts, and the stages of each."""

import time
from types import SimpleNamespace

import torch

from skdeepcluster.training._fit import Fit
from skdeepcluster.training._forecast import Forecast
from skdeepcluster.training._side import Side
from skdeepcluster.training._stage_run import StageRun


class Training:
    """Runs fits: restarts, stages, epochs and steps, with checkpoints and progress.

    Parameters
    ----------
    samples : Samples
    generator : torch.Generator
        On the CPU.
    global_generators : sequence of torch.Generator
        Torch's own, if the user's modules or functions may draw from them.
    processes : Processes
    precision_of : callable (module) -> Precision
    batch_size : int
    learning_rate : float
    optimizer : {"adam", "adamw", "sgd"} or callable (parameters, lr) -> Optimizer
    weight_decay : float or None
        None leaves the optimizer's own.
    compile : bool
    max_time : float or None
        Seconds.
    side : Side or None
    plan : SimpleNamespace
        What the method has decided before the network is built.
    checkpoint : Checkpoint or None
    log : callable (str) or None
        Receives a line per stage.
    """

    def __init__(
        self, samples, *, generator, processes, precision_of, batch_size, learning_rate, optimizer,
        weight_decay=None, global_generators=(), side=None, plan=None, compile=False, max_time=None,
        checkpoint=None, log=None,
    ):  # fmt: skip
        self.samples, self.generator, self.processes = samples, generator, processes
        self.side, self.plan = (side or Side()).to(samples.device), plan
        self.generators = [generator, *global_generators]
        self.precision_of = precision_of
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.optimizer, self.weight_decay, self.compile = optimizer, weight_decay, compile
        self.deadline = None if max_time is None else time.monotonic() + max_time
        self.checkpoint, self.log = checkpoint, log or (lambda line: None)
        self.forecast = Forecast(log, samples.device, self.deadline)
        self.n_init = 1

    def best_of(self, n_init, build, stages, read_out, tasks):
        """The best of several fits by the lowest loss, or criterion, read out.

        Parameters
        ----------
        n_init : int
        build : callable () -> torch.nn.Module
            A module with new weights from the generator.
        stages : list of Stage
        read_out : callable (fit) -> ReadOut
            Once for each fit, after its last stage.
        tasks : Task
            Reports the progress of `n_init` runs, or of the stages of a single one.

        Returns
        -------
        fit : Fit
            With its `read_out`.
        """
        self.n_init = n_init
        saved = self.checkpoint.load() if self.checkpoint else None
        self.processes.wait()
        first, best = (saved["restart"], saved["best"]) if saved else (0, None)
        found = None
        for restart in range(first, n_init):
            fit = Fit(build().to(self.samples.device), self.samples, self)
            run = _Run(self, fit, stages, saved, restart, best)
            saved = None
            if n_init == 1:
                run.go(tasks)
                fit.read_out = read_out(fit)
                return fit
            with tasks.sub(f"init {restart}", len(run.stages)) as task:
                run.go(task)
                task.end(fit)
            new = read_out(fit)
            value = new.loss if new.criterion is None else new.criterion
            # A run that max_time cut short counts only if there is no other.
            if best is None or (value < best["value"] and not fit.out_of_time):
                best, found = {"value": value, **run.result()}, new
            if fit.out_of_time:
                break
        _restore(fit, best)
        # A checkpoint has no read-out: that of a fit before an interruption is computed again.
        fit.read_out = found or read_out(fit)
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
    fit.usable = saved["usable"]


class _Run:
    """One fit's run through its stages."""

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
                StageRun(self, stage).go(task)

    def epochs_after(self):
        """Epochs after those of the present stage, at most: its fit's and further restarts'."""
        every = sum(stage.epochs for stage in self.stages)
        own = sum(stage.epochs for stage in self.stages[self.position + 1 :])
        return own + (self.training.n_init - self.restart - 1) * every

    def result(self):
        fit = self.fit
        return {
            "module": fit.module.state_dict(),
            "state": vars(fit.state),
            "history": fit.history,
            "epoch": fit.epoch,
            "usable": fit.usable,
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
