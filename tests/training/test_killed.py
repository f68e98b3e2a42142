"""Fits that are killed or find the disk full."""

import errno
import os
import subprocess
import sys

import pytest
import torch

from tests.training._resumed import (
    COMMON,
    PREAMBLE,
    a_file_after_every_epoch,  # noqa: F401
    assert_same_fit,
    build,
    data,
    same_weights_of_given_modules,  # noqa: F401
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


# Imports once; a fork for each fit. No thread has been started before a fork.
KILLER = """
import os, random, signal, time
name, folder, n_kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
path, out = folder + "/state", folder + "/result.npz"

def start(path, out):
    child = os.fork()
    if not child:
        try:
            torch.manual_seed(0)
            model = ESTIMATORS[name](path).fit(X)
            np.savez(out, labels=model.labels_, loss=model.loss_)
        finally:
            os._exit(0 if os.path.exists(out) else 1)
    return child

def finish(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

began = time.monotonic()
finish(start(None, folder + "/expected.npz"))
duration = time.monotonic() - began
expected = np.load(folder + "/expected.npz")
moments = random.Random(seed)
kills = ends = 0
while kills < n_kills or not ends:
    child = start(path, out)
    until = time.monotonic() + moments.uniform(0, 0.7 * duration)
    ended = 0
    while kills < n_kills and time.monotonic() < until and not ended:
        time.sleep(0.001)
        ended, status = os.waitpid(child, os.WNOHANG)
    if kills < n_kills and not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        continue
    if not ended:
        finish(child)
    found = np.load(out)
    assert np.array_equal(found["labels"], expected["labels"]), (kills, found["labels"])
    assert found["loss"] == expected["loss"], kills
    ends += 1
    os.remove(path)
    os.remove(out)
print(kills, "kills,", ends, "ends", *os.listdir(folder))
"""


def kill(name, folder, n_kills, seed=0):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", PREAMBLE + KILLER, name, folder, n_kills, seed]
    result = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{n_kills} kills")
    assert set(result.stdout.split()[4:]) <= {"expected.npz", "state.part"}


def test_killed_at_random_moments(tmp_path):
    kill("idec", tmp_path, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMON["ESTIMATORS"])
def test_killed_fifty_times_each(name, tmp_path):
    kill(name, tmp_path, 50)


# -- disks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["os.replace", "torch.save", "os.fsync"])
def test_disk_that_refuses_after_a_while(broken, tmp_path, monkeypatch):
    path = tmp_path / "state"
    expected = build("dec", None).fit(data())
    module, name = {"os": os, "torch": torch}[broken.split(".")[0]], broken.split(".")[1]
    works, calls = getattr(module, name), []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) > 3:
            raise (
                RuntimeError("PytorchStreamWriter failed writing file")
                if broken == "torch.save"
                else OSError(errno.ENOSPC, "No space left on device")
            )
        return works(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, full)
        with pytest.warns(RuntimeWarning, match="not be written.*the fit continues") as caught:
            model = build("dec", path).fit(data())
    assert len([w for w in caught if w.category is RuntimeWarning]) == 1
    assert_same_fit(model, expected)
    assert sorted(os.listdir(tmp_path)) == ["state"]
    # The file of before is whole, and the fit resumes from it.
    assert torch.load(path, weights_only=True)["stage"] < 3
    assert_same_fit(build("dec", path).fit(data()), expected)


def test_disk_that_is_really_full(tmp_path):
    """A limit on the size of files ends torch's own writer in the middle of a file."""
    resource = pytest.importorskip("resource")
    code = PREAMBLE + (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {resource.RLIM_INFINITY}))\n"
        "warnings.simplefilter('always')\n"
        "torch.manual_seed(0)\n"
        f"model = ESTIMATORS['dec']({str(tmp_path / 'state')!r}).fit(X)\n"
        "print(*model.labels_)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("could not be written") == 1
    expected = build("dec", None).fit(data())
    assert result.stdout.split() == [str(label) for label in expected.labels_]
    assert os.listdir(tmp_path) == []


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match="folder that does not exist"):
        build("dec", tmp_path / "nowhere" / "state").fit(data())
