"""Threads of a fit: not more than the process may use, and a hint where others use them too."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.exceptions import EfficiencyWarning
from threadpoolctl import threadpool_limits
from torch import nn

from skdeepcluster import DEC, ClusterFit, SwAV
from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.training import _stage_run, _threads, available_threads
from skdeepcluster.training._threads import Pace
from tests.common import brief

X = np.random.RandomState(0).randn(60, 4)


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch):
    monkeypatch.setattr(Pace, "warned", False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


# -- the number of threads -----------------------------------------------------------------------


@pytest.mark.parametrize("processors, expected", [(1, 1), (2, 2), (64, 2)])
def test_threads_are_bounded_and_never_raised(processors, expected, two_threads, monkeypatch):
    monkeypatch.setattr(_threads, "cpu_count", lambda: processors)
    with available_threads():
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), available_threads():
        raise KeyError
    assert torch.get_num_threads() == 2


class Counting(nn.Linear):
    """Notes the number of threads that it is called with."""

    seen = set()

    def forward(self, x):
        self.seen.add(torch.get_num_threads())
        return super().forward(x)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("Method", [DEC, SwAV])
def test_fits_and_predictions_keep_to_them(Method, two_threads, monkeypatch):
    monkeypatch.setattr(_threads, "cpu_count", lambda: 1)
    model = brief(Method, 2, encoder=Counting(4, 3), hidden_layer_sizes=None)
    if Method is DEC:
        model.set_params(decoder=Counting(3, 4))
    calls = [
        lambda: model.fit(X),
        *(lambda n=n: getattr(model, n)(X) for n in ("predict", "score")),
    ]
    if Method is DEC:
        calls.append(lambda: model.inverse_transform(model.transform(X)))
    else:
        calls.append(lambda: model.partial_fit(X))
    for call in calls:
        Counting.seen.clear()
        call()
        assert Counting.seen == {1}
        assert torch.get_num_threads() == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_teachers_keep_to_them(two_threads, monkeypatch):
    monkeypatch.setattr(_threads, "cpu_count", lambda: 1)
    Counting.seen.clear()
    brief(ClusterFit, 2, teacher=Counting(4, 3)).fit(X)
    assert Counting.seen == {1}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_affinity_that_came_after_the_import_is_seen():
    program = (
        "import os, torch; torch.set_num_threads(3)\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from skdeepcluster.training import available_threads\n"
        "with available_threads(): print(torch.get_num_threads())\n"
        "print(torch.get_num_threads())"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.split() == [b"1", b"3"]


# -- the hint ------------------------------------------------------------------------------------


def notes(*epochs):
    """Messages about epochs of so many seconds and rows."""
    pace = Pace()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seconds, n_rows in epochs:
            pace.note(seconds, n_rows)
    assert all(issubclass(warning.category, EfficiencyWarning) for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "epochs",
    [
        [(100, 100), (490, 100), (20, 100)],
        [(1, 100), (9.9, 100)],  # slower, but short
        [(1, 10), (60, 1000)],  # as long as its rows make it
        [(1000, 100), (1, 100), (2, 100)],  # what comes first may be compiled
        [(1, 100), (0, 0), (1, 100)],
    ],
)
def test_nothing_is_said_of_what_is_no_slower(epochs):
    assert notes(*epochs) == []


def test_slow_epochs_are_named_once_in_a_process():
    (message,) = notes((1.9, 100), (2, 100), (15.2, 100), (60, 100))
    assert "took 15 s, 8 times" in message
    assert "OMP_WAIT_POLICY=PASSIVE" in message and "fewer threads" in message
    assert notes((1, 100), (60, 100)) == []


def test_a_policy_that_is_set_is_not_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    (message,) = notes((1, 100), (60, 100))
    assert "OMP_WAIT_POLICY" not in message and "fewer threads" in message


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_whose_steps_get_slow_says_so(monkeypatch):
    """By a clock on which a step lasts a second in the first epoch and 30 in the second."""
    clock = SimpleNamespace(now=0.0, calls=0)

    def tick():
        clock.calls += 1
        if clock.calls % 2 == 0:  # the end of a step
            clock.now += 1 if clock.calls <= 2 * 2 else 30
        return clock.now

    fake = SimpleNamespace(monotonic=_stage_run.time.monotonic, perf_counter=tick)
    monkeypatch.setattr(_stage_run, "time", fake)
    with pytest.warns(EfficiencyWarning, match="took 60 s, 30 times"):
        brief(DEC, 2, batch_size=32).fit(X)


# -- workers of joblib ---------------------------------------------------------------------------


def seen_in_a_worker(Module):
    """Numbers of threads of torch and of kernels in a fit, and those around it."""
    around = torch.get_num_threads(), effective_n_threads(None)
    model = brief(SwAV, 2, encoder=Module(4, 3), hidden_layer_sizes=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    after = torch.get_num_threads(), effective_n_threads(None)
    return Module.seen, around, after


class Both(nn.Linear):
    """Notes the numbers of threads that torch and kernels would use."""

    seen = set()

    def forward(self, x):
        type(self).seen.add((torch.get_num_threads(), effective_n_threads(None)))
        return super().forward(x)


def test_threads_of_joblib_use_one_each_and_leave_the_settings(two_threads):
    with threadpool_limits(limits=2, user_api="openmp"):
        before = torch.get_num_threads(), effective_n_threads(None)
        found = Parallel(2, backend="threading")(delayed(seen_in_a_worker)(Both) for _ in range(2))
        assert (torch.get_num_threads(), effective_n_threads(None)) == before
    for seen, around, after in found:
        assert seen == {(1, 1)}
        assert after == around


def test_the_main_thread_and_a_thread_of_the_user_keep_theirs(two_threads, monkeypatch):
    monkeypatch.setattr(_threads, "cpu_count", lambda: 2)
    with available_threads():
        assert torch.get_num_threads() == 2

    def program():
        torch.set_num_threads(2)
        with available_threads():
            return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(program).result() == 2


@pytest.mark.slow
def test_processes_of_joblib_keep_to_their_share():
    """Also where the parent has more threads, and every worker may see all processors."""
    program = """
import warnings
import numpy as np
from joblib import Parallel, delayed, parallel_config

def threads_in_a_fit():
    import torch
    from skdeepcluster import SwAV
    from tests.training.test_threads import Counting
    from tests.common import brief
    warnings.simplefilter("ignore")
    rows = np.random.RandomState(0).randn(60, 4)
    brief(SwAV, 2, encoder=Counting(4, 3), hidden_layer_sizes=None).fit(rows)
    return max(Counting.seen), torch.get_num_threads()

with parallel_config("loky", inner_max_num_threads=1):
    print(*Parallel(2)(delayed(threads_in_a_fit)() for _ in range(2)))
"""
    environment = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "2"}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True,
        env=environment,
    )  # fmt: skip
    assert found.stdout.strip() == "(1, 1) (1, 1)"
