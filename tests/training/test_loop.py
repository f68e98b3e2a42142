"""The training loop, with a toy module."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skdeepcluster.training import Stage
from tests.training._toy import linear, loss, run


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


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.RMSprop])
def test_weight_decay_reaches_the_optimizer(optimizer):
    options = {"optimizer": optimizer, "learning_rate": 0.05}
    plain = run([Stage("a", loss, 20)], **options)
    decayed = run([Stage("a", loss, 20)], weight_decay=0.5, **options)
    (mover,) = decayed.optimizers
    assert mover.param_groups[0]["weight_decay"] == 0.5
    sizes = [sum(p.square().sum() for p in fit.module.parameters()) for fit in (decayed, plain)]
    assert sizes[0] < sizes[1]


def test_groups_with_a_decay_of_their_own_keep_it():
    def groups(module):
        return [{"params": [*module.parameters()], "weight_decay": 0.25}]

    fit = run([Stage("a", loss, 1, parameters=groups)], weight_decay=0.5)
    assert fit.optimizers[0].param_groups[0]["weight_decay"] == 0.25
