"""When training ends, and which of its weights are kept."""

import math
import time

import pytest
import torch

from skdeepcluster.training import NonFiniteLossError, Stage
from tests.training._toy import Tasks, linear, loss, run

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
