"""The training loop, with a toy module."""

import contextlib
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from skdeepcluster.training import (
    Fit,
    NonFiniteLossError,
    Precision,
    ReadOut,
    Samples,
    Stage,
    Standardizer,
    Training,
    processes,
    resolve_device,
    source,
)

CPU = torch.device("cpu")


class Tasks:
    """Stands for scikit-learn's callbacks; stops the task that it is told to."""

    def __init__(self, name="root", log=None, stop=()):
        self.name, self.log, self.stop = name, [] if log is None else log, stop

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False

    def sub(self, name, max_subtasks):
        self.log.append(("begin", name, max_subtasks))
        return Tasks(name, self.log, self.stop)

    def end(self, fit):
        self.log.append(("end", self.name, fit.epoch))
        return self.name in self.stop


def linear(seed=0):
    layer = nn.utils.skip_init(nn.Linear, 2, 1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.uniform_(-1, 1, generator=generator)
    return layer


def loss(fit, batch):
    return (fit.module(batch.x) - batch.x.sum(dim=1, keepdim=True)).square().mean()


def run(
    stages, *, n=20, batch_size=5, build=linear, tasks=None, n_init=1, objective=None,
    max_time=None, optimizer="sgd", learning_rate=0.1, **options,
):  # fmt: skip
    X = np.random.RandomState(0).randn(n, 2)
    rows = source(X)
    training = Training(
        Samples(rows, Standardizer.identity(rows), CPU, (2,)),
        generator=torch.Generator().manual_seed(0),
        processes=processes(CPU),
        precision_of=lambda module: Precision("float32", CPU, module, 256),
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        max_time=max_time,
        **options,
    )
    read_out = lambda fit: ReadOut(objective(fit) if objective else 0.0, None, {})  # noqa: E731
    return training.best_of(n_init, build, stages, read_out, tasks or Tasks())


def test_order_of_the_hooks():
    calls = []

    def note(name, result=None):
        def hook(fit, batch=None):
            calls.append((name, fit.epoch, fit.step))
            return result

        return hook

    def noted_loss(fit, batch):
        calls.append(("loss", fit.epoch, fit.step))
        assert fit.module.training
        return loss(fit, batch)

    def begin(fit):
        calls.append(("begin", fit.epoch, fit.step))
        assert not fit.module.training

    stage = Stage(
        "a", noted_loss, 2, begin=begin, refresh=note("refresh"), every=3,
        after_backward=note("after_backward"), after_step=note("after_step"),
        end_epoch=note("end_epoch"),
    )  # fmt: skip
    run([stage], n=10)
    assert calls == [
        ("begin", 0, 0),
        ("refresh", 0, 0),
        ("loss", 0, 0), ("after_backward", 0, 0), ("after_step", 0, 1),
        ("loss", 0, 1), ("after_backward", 0, 1), ("after_step", 0, 2),
        ("end_epoch", 0, 2),
        ("loss", 1, 2), ("after_backward", 1, 2), ("after_step", 1, 3),
        ("refresh", 1, 3),
        ("loss", 1, 3), ("after_backward", 1, 3), ("after_step", 1, 4),
        ("end_epoch", 1, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "n, batch_size", [(20, 5), (21, 5), (22, 5), (6, 5), (5, 5), (4, 5), (9, 1)]
)
def test_refresh_comes_once_an_epoch_by_default(n, batch_size):
    """Also where the last row joins the batch before it."""
    at, epochs = [], []
    stage = Stage(
        "a", loss, 4, refresh=lambda fit: at.append((fit.epoch, fit.step)),
        end_epoch=lambda fit: epochs.append(fit.step),
    )  # fmt: skip
    run([stage], n=n, batch_size=batch_size)
    assert at == list(zip(range(4), [0, *epochs[:3]], strict=True))


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 10, 11])
def test_an_epoch_holds_each_row_once_and_never_a_lonely_one(n):
    seen = []

    def watched(fit, batch):
        assert torch.equal(batch.x, fit.samples.loaded[batch.index])
        seen.append(batch.index.tolist())
        return loss(fit, batch)

    run([Stage("a", watched, 2)], n=n)
    per_epoch = len(seen) // 2
    for epoch in (seen[:per_epoch], seen[per_epoch:]):
        assert sorted(sum(epoch, [])) == list(range(n))
        assert n == 1 or min(map(len, epoch)) > 1
    assert n < 5 or seen[:per_epoch] != seen[per_epoch:]


@pytest.mark.parametrize("batch_size", [100, 10**30])
def test_batches_larger_than_the_data(batch_size):
    fit = run([Stage("a", loss, 1)], n=7, batch_size=batch_size)
    assert fit.step == 1


def test_rows_of_the_methods_own_choice():
    seen = []
    order = torch.tensor([3, 3, 1, 4, 3, 0, 2, 2])

    def watched(fit, batch):
        seen.extend(batch.index.tolist())
        return loss(fit, batch)

    refreshed = []
    stage = Stage(
        "a", watched, 2, batches=lambda fit: order, refresh=lambda fit: refreshed.append(fit.step)
    )
    fit = run([stage], batch_size=3)
    assert seen == order.tolist() * 2
    assert refreshed == [0, 3] and fit.step == 6


def test_refresh_and_end_of_epoch_end_a_stage():
    fit = run([Stage("a", loss, 9, refresh=lambda fit: fit.step >= 6, every=1)], n=20)
    assert fit.step == 6 and fit.epoch == 2 and len(fit.history["a"]["a"]) == 2
    fit = run([Stage("a", loss, 9, end_epoch=lambda fit: fit.epoch == 3)], n=20)
    assert fit.epoch == 4 and len(fit.history["a"]["a"]) == 4


def test_an_epoch_that_ends_before_its_first_step_is_none():
    fit = run([Stage("a", loss, 9, refresh=lambda fit: fit.epoch == 3)], n=20)
    assert fit.epoch == 3 == len(fit.history["a"]["a"])
    fit = run([Stage("a", loss, 9, refresh=lambda fit: True)])
    assert fit.epoch == 0 and fit.history["a"] == {}


def test_a_stage_without_epochs_only_begins():
    begun = []
    fit = run([Stage("a", loss, 0, begin=begun.append), Stage("b", loss, 1)])
    assert len(begun) == 1 and fit.history["a"] == {}


def test_schedule_runs_through_the_stage():
    rates, progress = [], []

    def schedule(share):
        progress.append(share)
        return 1 - share

    def note(fit, batch):
        rates.append(made[0].param_groups[0]["lr"])

    made = []

    def optimizer(parameters, lr):
        made.append(torch.optim.SGD(parameters, lr=lr))
        return made[0]

    stage = Stage("a", loss, 3, schedule=schedule, after_step=note, learning_rate=0.5)
    run([stage], n=21, optimizer=optimizer)
    steps = len(progress)
    assert steps == 12
    np.testing.assert_allclose(progress, np.arange(steps) / steps)
    np.testing.assert_allclose(rates, 0.5 * (1 - np.arange(steps) / steps))


def test_only_the_stages_parameters_move():
    def first_weight(module):
        return [module.bias]

    start = linear().state_dict()
    fit = run([Stage("a", loss, 1, parameters=first_weight)])
    assert torch.equal(fit.module.weight, start["weight"])
    assert not torch.equal(fit.module.bias, start["bias"])


def test_a_stage_without_gradients():
    def frozen():
        return linear().requires_grad_(False)

    steps = []
    fit = run(
        [Stage("a", loss, 2, after_step=lambda fit, batch: steps.append(fit.step))], build=frozen
    )
    assert steps == list(range(1, 9)) and len(fit.history["a"]["a"]) == 2


def test_after_backward_sees_gradients_and_may_change_them():
    def freeze(fit, batch):
        assert fit.module.weight.grad.abs().sum() > 0
        fit.module.weight.grad.zero_()

    start = linear().state_dict()
    fit = run([Stage("a", loss, 2, after_backward=freeze)])
    assert torch.equal(fit.module.weight, start["weight"])
    assert not torch.equal(fit.module.bias, start["bias"])


def test_history_is_the_mean_over_rows_of_each_term():
    def two_terms(fit, batch):
        value = batch.index.float().mean()
        return {"one": value, "two": 2 * value + 0 * fit.module.bias.sum()}

    fit = run([Stage("a", two_terms, 3)], n=11, batch_size=4)
    np.testing.assert_allclose(fit.history["a"]["one"], [5] * 3, rtol=1e-6)
    np.testing.assert_allclose(fit.history["a"]["two"], [10] * 3, rtol=1e-6)


def test_weights_of_the_terms():
    def terms(fit, batch):
        return {"a": fit.module.bias.sum(), "b": fit.module.bias.sum()}

    start = linear().bias.item()
    fit = run([Stage("s", terms, 1, weights={"b": 2.0})], n=5, learning_rate=0.1)
    assert fit.module.bias.item() == pytest.approx(start - 0.1 * 3)
    fit = run([Stage("s", terms, 1, weights={"a": 0.0, "b": 0.0})], n=5, learning_rate=0.1)
    assert fit.module.bias.item() == pytest.approx(start)


def test_one_gradient_step_by_hand():
    fit = run([Stage("a", loss, 1)], n=8, batch_size=8, learning_rate=0.25)
    module = linear()
    loss(SimpleNamespace(module=module), SimpleNamespace(x=fit.samples.loaded)).backward()
    with torch.no_grad():
        for p in module.parameters():
            p -= 0.25 * p.grad
    for found, expected in zip(fit.module.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "sgd", lambda p, lr: torch.optim.RMSprop(p, lr=lr)]
)
def test_optimizers_learn(optimizer):
    fit = run([Stage("a", loss, 60)], optimizer=optimizer, learning_rate=0.05)
    losses = fit.history["a"]["a"]
    assert losses[-1] < 0.2 * losses[0]


# -- validation ----------------------------------------------------------------------------------


def test_the_best_epoch_by_held_out_loss_is_restored():
    kept = []

    def falls_then_rises(fit, batch):
        # A loss whose held-out value depends on the epoch alone.
        target = [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0][fit.epoch]
        if not fit.module.training:
            kept.append(fit.module.bias.item())
            return torch.tensor(target)
        return loss(fit, batch)

    stage = Stage("a", falls_then_rises, 8, validation_fraction=0.25, patience=3)
    fit = run([stage], n=20)
    assert fit.history["a"]["validation"] == [3, 2, 1, 2, 3, 4]
    assert fit.epoch == 6
    assert fit.module.bias.item() == kept[2]


def test_rows_held_out_are_never_trained_on():
    trained, validated = set(), set()

    def watched(fit, batch):
        (trained if fit.module.training else validated).update(batch.index.tolist())
        return loss(fit, batch)

    run([Stage("a", watched, 3, validation_fraction=0.3)], n=20)
    assert len(validated) == 6 and len(trained) == 14 and not trained & validated


@pytest.mark.parametrize("fraction", [1e-9, 0.5, 1 - 1e-9])
def test_extreme_validation_fractions_leave_a_row_on_each_side(fraction):
    fit = run([Stage("a", loss, 2, validation_fraction=fraction)], n=2)
    assert len(fit.history["a"]["validation"]) == 2


def test_nothing_to_hold_out():
    with pytest.raises(ValueError, match="validation_fraction=0"):
        run([Stage("a", loss, 2, validation_fraction=0.5)], n=1)


# -- time ----------------------------------------------------------------------------------------


def test_time_ends_training_within_an_epoch_but_not_what_predictions_need():
    begun = []

    def slow(fit, batch):
        time.sleep(0.05)
        return loss(fit, batch)

    stages = [
        Stage("a", slow, 10**6),
        Stage("b", slow, 10**6, begin=begun.append, refresh=lambda fit: 1 / 0),
    ]
    began = time.monotonic()
    fit = run(stages, n=1000, batch_size=10, max_time=0.4)
    assert time.monotonic() - began < 3
    assert fit.out_of_time and len(begun) == 1
    assert not fit.module.training
    assert fit.history["b"] == {}


def test_time_that_suffices():
    assert not run([Stage("a", loss, 2)], max_time=3600).out_of_time


# -- losses that are not finite ------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite(value):
    state = []

    def breaks(fit, batch):
        if fit.epoch == 2:
            return loss(fit, batch) * value
        return loss(fit, batch)

    stage = Stage("second", breaks, 5, end_epoch=lambda fit: state.append(fit.module.bias.item()))
    with pytest.raises(NonFiniteLossError, match="'second', epoch 2.*learning_rate=0.1") as caught:
        run([Stage("first", loss, 1), stage])
    fit = caught.value.fit
    assert fit.module.bias.item() == state[-1]
    assert all(p.isfinite().all() for p in fit.module.parameters())
    assert isinstance(caught.value, ValueError)


def test_weights_that_one_last_step_spoiled():
    """The loss of the step itself was still finite."""

    def spoil(fit, batch):
        if fit.step == 8:
            with torch.no_grad():
                fit.module.bias.fill_(math.nan)

    with pytest.raises(NonFiniteLossError, match="weights") as caught:
        run([Stage("a", loss, 2, after_step=spoil)])
    assert all(p.isfinite().all() for p in caught.value.fit.module.parameters())


def test_output_that_is_not_finite():
    stage = Stage(
        "b", loss, 1, begin=lambda fit: fit.over_all_rows(lambda x: fit.module(x) * math.inf)
    )
    with pytest.raises(NonFiniteLossError, match="not finite"):
        run([Stage("a", loss, 1), stage])


# -- restarts and callbacks ----------------------------------------------------------------------


def test_the_best_restart_is_kept():
    values = iter([3.0, 1.0, 2.0])
    seeds = iter([0, 1, 2])
    found = []

    def objective(fit):
        found.append((fit.module.bias.item(), list(fit.history["a"]["a"]), fit.epoch))
        fit.state.mark = len(found)
        return next(values)

    def end_epoch(fit):
        return fit.epoch + 1 == [4, 2, 3][len(found)]

    stages = [Stage("a", loss, 9, end_epoch=end_epoch)]
    fit = run(stages, n_init=3, build=lambda: linear(next(seeds)), objective=objective)
    assert fit.module.bias.item() == found[1][0]
    assert fit.history["a"]["a"] == found[1][1]
    assert fit.epoch == 2


def test_tasks_tell_the_structure_of_the_fit():
    tasks = Tasks()
    run([Stage("a", loss, 2), Stage("b", loss, 1)], tasks=tasks)
    assert tasks.log == [
        ("begin", "a", 2),
        ("begin", "epoch", 0), ("end", "epoch", 0),
        ("begin", "epoch", 0), ("end", "epoch", 1),
        ("end", "a", 2),
        ("begin", "b", 1),
        ("begin", "epoch", 0), ("end", "epoch", 0),
        ("end", "b", 1),
    ]  # fmt: skip


def test_a_callback_ends_a_stage():
    fit = run([Stage("a", loss, 9), Stage("b", loss, 9)], tasks=Tasks(stop={"epoch"}))
    assert len(fit.history["a"]["a"]) == len(fit.history["b"]["b"]) == 1


def test_log_has_a_line_for_each_stage_with_epochs():
    lines = []
    run([Stage("a", loss, 2), Stage("none", loss, 0), Stage("b", loss, 1)], log=lines.append)
    assert [line.split(":")[0] for line in lines] == ["a", "b"]
    assert "2 epochs" in lines[0]


# -- passes over all rows ------------------------------------------------------------------------


def test_over_all_rows():
    fit = run([Stage("a", loss, 1)], n=1100)
    fit.module.train()
    whole = fit.over_all_rows(lambda x: (fit.module(x), assert_eval(fit))[0])
    assert fit.module.training and not whole.requires_grad
    torch.testing.assert_close(whole, fit.module(fit.samples.loaded))
    labels = fit.over_all_rows(lambda x: x[:, 0] > 0)
    assert labels.dtype == torch.bool and labels.shape == (1100,)


def assert_eval(fit):
    assert not fit.module.training


def test_label_change():
    fit = run([Stage("a", loss, 1)])
    assert fit.label_change(torch.tensor([0, 1, 2, 3])) == 1
    assert fit.label_change(torch.tensor([0, 1, 2, 3])) == 0
    assert fit.label_change(torch.tensor([0, 1, 0, 0])) == 0.5


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_random_numbers_come_from_the_generator(kind):
    drawn = []

    def noisy(fit, batch):
        drawn.append(getattr(fit, kind)(batch, 3))
        assert drawn[-1].shape == (len(batch.index), 3)
        return loss(fit, batch)

    before = torch.get_rng_state()
    for _ in range(2):
        run([Stage("a", noisy, 1)])
    assert torch.equal(torch.get_rng_state(), before)
    first, second = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    assert all(map(torch.equal, first, second))
    if kind == "uniform":
        assert 0 <= torch.cat(first).min() and torch.cat(first).max() < 1
    else:
        assert torch.cat(first).min() < 0


# -- devices -------------------------------------------------------------------------------------


def test_devices():
    assert resolve_device("cpu") == CPU == resolve_device(CPU)
    assert resolve_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", None, 3.5])
def test_device_that_is_not_there(device):
    with pytest.raises(ValueError, match="device=.*not available.*device='auto'"):
        resolve_device(device)


def test_precision():
    small, large = nn.Linear(2, 2), nn.Linear(1000, 1000)
    assert isinstance(Precision("float32", CPU, large, 256)(), contextlib.nullcontext)
    assert Precision("auto", CPU, small, 256).name == "float32"
    with Precision("bfloat16", CPU, small, 256)():
        assert small(torch.zeros(1, 2)).dtype == torch.bfloat16
    assert small(torch.zeros(1, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    "has, expected",
    [
        ({}, "float32"),
        ({"_is_amx_tile_supported": False, "_is_avx512_bf16_supported": False}, "float32"),
        ({"_is_amx_tile_supported": True, "_is_avx512_bf16_supported": False}, "bfloat16"),
        ({"_is_amx_tile_supported": False, "_is_avx512_bf16_supported": True}, "bfloat16"),
        ({"_is_avx512_bf16_supported": True}, "bfloat16"),
    ],
)
def test_automatic_precision_goes_by_the_instructions_of_the_processor(has, expected, monkeypatch):
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)
        if probe in has:
            monkeypatch.setattr(torch.cpu, probe, lambda probe=probe: has[probe], raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    large, small = nn.Linear(1000, 1000), nn.Linear(100, 100)
    assert Precision("auto", CPU, large, 256).name == expected
    assert Precision("auto", CPU, large, 100).name == "float32"
    assert Precision("auto", CPU, small, 256).name == "float32"
    assert Precision("float32", CPU, large, 256).name == "float32"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert Precision("auto", CPU, large, 256).name == "float32"


def test_fit_describes_itself():
    fit = run([Stage("a", loss, 1)])
    assert isinstance(fit, Fit) and fit.device == CPU
    assert fit.seed() != fit.seed()
