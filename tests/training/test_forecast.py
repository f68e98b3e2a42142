"""What `verbose` says of the time that a fit will take, by a clock of the test's own."""

from types import SimpleNamespace

import numpy as np
import pytest

from skdeepcluster import DEC
from skdeepcluster.training import Stage, _forecast
from skdeepcluster.training._forecast import Forecast
from tests.common import brief
from tests.training._toy import CPU, loss, run

X = np.random.RandomState(0).randn(60, 4)


def clock(monkeypatch, seconds):
    """A clock on which each look takes so many seconds, the first batch a minute."""
    looks = [0.0]

    def monotonic():
        looks.append(looks[-1] + (seconds if len(looks) > 1 else 60))
        return looks[-1]

    monkeypatch.setattr(_forecast, "time", SimpleNamespace(monotonic=monotonic))
    return looks


def lines_of(n_batches, n_left, **options):
    lines = []
    forecast = Forecast(lines.append, CPU, **options)
    for position in range(n_batches):
        forecast.note(n_left - position)
    return lines


def test_long_fits_say_so_once_and_early(monkeypatch):
    looks = clock(monkeypatch, 0.1)
    lines = lines_of(500, 10_010)
    assert lines == [
        "training takes up to 17 min from here: 10,000 batches by the rate of the first ones"
    ]
    # The first batch, ten others, and nothing is timed later.
    assert len(looks) == 1 + 11


def test_slow_batches_are_not_waited_for(monkeypatch):
    looks = clock(monkeypatch, 20)
    (line,) = lines_of(3, 1001)
    assert line.startswith("training takes up to 5.6 h from here: 1,000 batches")
    assert len(looks) == 1 + 2


def test_nothing_is_said_of_short_fits(monkeypatch):
    clock(monkeypatch, 0.1)
    assert lines_of(11, 10 + 599) == []
    assert lines_of(11, 10 + 601) != []
    assert lines_of(3, 100_000) == []  # over before anything is known


def test_max_time_bounds_it(monkeypatch):
    clock(monkeypatch, 0.1)
    (line,) = lines_of(11, 10_000, deadline=61 + 300)
    assert line == "training takes up to 5 min from here: max_time"
    clock(monkeypatch, 0.1)
    assert lines_of(11, 10_000, deadline=61 + 30) == []


@pytest.mark.parametrize(
    "seconds, spoken", [(61, "60 s"), (96, "100 s"), (150, "2 min"), (9000, "2.5 h")]
)
def test_durations(seconds, spoken):
    assert _forecast._spoken(seconds) == spoken


def test_the_loop_counts_what_is_left(monkeypatch):
    """Of 4 batches an epoch: 11 are done; stages of 3, 5 and 7 epochs, and two more restarts."""
    noted = []
    note = Forecast.note
    monkeypatch.setattr(Forecast, "note", lambda self, n: (noted.append(n), note(self, n)))
    clock(monkeypatch, 100)
    lines = []
    stages = [Stage("a", loss, 3), Stage("b", loss, 5), Stage("c", loss, 7)]
    run(stages, n_init=3, log=lines.append)
    assert noted == list(range(3 * 15 * 4 - 1, -1, -1))
    assert lines[0].startswith("training takes up to 4.9 h from here: 178 batches")
    assert sum("from here" in line for line in lines) == 1


def test_verbose_prints_it_and_changes_no_result(monkeypatch, capsys):
    quiet = brief(DEC, 2, batch_size=8, max_epochs=4, random_state=0).fit(X)
    assert capsys.readouterr().out == ""
    clock(monkeypatch, 30)
    talking = brief(DEC, 2, batch_size=8, max_epochs=4, random_state=0, verbose=1).fit(X)
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("[DEC] training takes up to ") and "from here" in first
    assert not any("from here" in line for line in others)
    np.testing.assert_array_equal(quiet.transform(X), talking.transform(X))


def test_without_verbose_the_clock_is_left_alone(monkeypatch):
    looks = clock(monkeypatch, 30)
    brief(DEC, 2, batch_size=8, random_state=0).fit(X)
    assert looks == [0.0]
