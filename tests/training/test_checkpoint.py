"""Interrupted fits: killed, out of disk, continued, refused."""

import errno
import os
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepcluster import IDEC
from skdeepcluster.training import Checkpoint, fingerprint, source

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

# What the tests and the processes that they start have in common: a fit of about a second.
SETUP = """
import numpy as np
from torch import nn
from skdeepcluster import DCN, DEC, DEPICT, HCHC, IDEC, JULE, TELL, AutoencoderClusterer, ClAM, VaDE

X = np.random.RandomState(0).randn(300, 6)
X[:100] += 3
X[100:200, :3] -= 4
BRIEF = dict(
    n_clusters=3, hidden_layer_sizes=(16,), pretrain_epochs=8, max_epochs=8, tol=0, batch_size=64,
    random_state=0,
)
ESTIMATORS = {
    "dec": lambda path: DEC(**BRIEF, checkpoint=path, layerwise_epochs=2, noise=0.2),
    "idec": lambda path: IDEC(**BRIEF, checkpoint=path, n_init=3),
    "dcn": lambda path: DCN(**BRIEF, checkpoint=path, n_init=2, update_interval=3),
    "vade": lambda path: VaDE(**{n: v for n, v in BRIEF.items() if n != "tol"}, checkpoint=path),
    "tell": lambda path: TELL(**{n: v for n, v in BRIEF.items() if n != "tol"}, checkpoint=path),
    "depict": lambda path: DEPICT(**BRIEF, checkpoint=path),
    "hchc": lambda path: HCHC(**BRIEF, checkpoint=path, n_init=2),
    "jule": lambda path: JULE(
        3, hidden_layer_sizes=(16,), update_interval=5, n_init=2, random_state=0, checkpoint=path
    ),
    "clam": lambda path: ClAM(3, max_epochs=20, batch_size=64, random_state=0, checkpoint=path),
    "autoencoder": lambda path: AutoencoderClusterer(
        n_clusters=3, hidden_layer_sizes=(16,), max_epochs=20, validation_fraction=0.2,
        batch_size=64, random_state=0, checkpoint=path,
    ),
    "dropout": lambda path: DEC(
        **{**BRIEF, "hidden_layer_sizes": None}, checkpoint=path,
        encoder=nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)),
        decoder=nn.Linear(3, 6),
    ),
}
"""
PREAMBLE = (
    "import sys, warnings\nimport torch\n"
    + SETUP
    + "from skdeepcluster.training import _checkpoint\n"
    "_checkpoint.COST_RATIO = 0  # a file after every epoch\n"
    "warnings.simplefilter('ignore')\n"
    "torch.set_num_threads(1)\n"
)
COMMON = {}
exec(SETUP, COMMON)


@pytest.fixture(autouse=True)
def a_file_after_every_epoch(monkeypatch):
    monkeypatch.setattr("skdeepcluster.training._checkpoint.COST_RATIO", 0)


@pytest.fixture(autouse=True, scope="module")
def same_weights_of_given_modules():
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


def build(name, path):
    torch.manual_seed(0)  # for the weights of modules that stand for a user's
    return COMMON["ESTIMATORS"][name](path)


def data():
    return COMMON["X"]


def assert_same_fit(found, expected):
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    assert found.loss_ == expected.loss_
    assert found.n_epochs_ == expected.n_epochs_
    assert found.history_ == expected.history_
    for name, value in expected.module_.state_dict().items():
        assert torch.equal(found.module_.state_dict()[name], value), name


class Interruption(Exception):
    pass


@pytest.mark.parametrize("name", COMMON["ESTIMATORS"])
def test_a_fit_interrupted_after_any_file_goes_on(name, tmp_path, monkeypatch):
    """Stops after the 1st, 2nd, 4th, ... file, each time within one and the same fit."""
    expected = build(name, None).fit(data())
    path = tmp_path / "state"
    save, allowed = Checkpoint.save, [1]

    def interrupted(self, state):
        save(self, state)
        allowed[0] -= 1
        if not allowed[0]:
            raise Interruption

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    stops = 0
    for budget in (1, 2, 4, 8, 3, 10**9):
        allowed[0] = budget
        model = build(name, path)
        try:
            model.fit(data())
            break
        except Interruption:
            stops += 1
    assert stops >= 3
    assert_same_fit(model, expected)


@pytest.mark.parametrize("name", ["dec", "idec", "autoencoder"])
def test_a_finished_fit_is_not_trained_again(name, tmp_path, monkeypatch):
    first = build(name, tmp_path / "state").fit(data())
    monkeypatch.setattr("skdeepcluster.training._mover.Mover.move", None)
    assert_same_fit(build(name, tmp_path / "state").fit(data()), first)


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


# -- refusals ------------------------------------------------------------------------------------


def change(**params):
    return lambda model, X: (model.set_params(**params), X)


@pytest.mark.parametrize(
    "changed",
    [
        change(n_clusters=4),
        change(learning_rate=2e-3),
        change(random_state=1),
        change(tol=1e-5),
        change(hidden_layer_sizes=(17,)),
        change(optimizer=torch.optim.Adam),
        lambda model, X: (model, X + 1e-9),
        lambda model, X: (model, X[::-1].copy()),
        lambda model, X: (model, X[:-1]),
        lambda model, X: (model, X[:, :-1]),
        lambda model, X: (IDEC(**model.get_params()), X),
    ],
)
def test_other_data_or_parameters_are_refused(changed, tmp_path):
    path = tmp_path / "state"
    build("dec", path).fit(data())
    before = path.read_bytes()
    model, X = changed(build("dec", path), data())
    with pytest.raises(ValueError, match="checkpoint=.*other data or parameters; remove"):
        model.fit(X)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "params", [{"verbose": 1}, {"max_time": 1e6}, {"checkpoint": None}, {"device": "cpu"}]
)
def test_what_does_not_change_a_fit_is_not_asked_for(params, tmp_path, capsys):
    path = tmp_path / "state"
    first = build("dec", path).set_params(device="cpu").fit(data())
    again = build("dec", path).set_params(device="cpu").set_params(**params).fit(data())
    np.testing.assert_array_equal(first.labels_, again.labels_)


def test_weights_of_given_modules_belong_to_the_fit(tmp_path):
    path = tmp_path / "state"
    build("dropout", path).fit(data())
    other = build("dropout", path)
    with torch.no_grad():
        other.encoder[0].weight[0, 0] += 1
    with pytest.raises(ValueError, match="other data or parameters"):
        other.fit(data())


def test_large_arrays_belong_to_the_fit():
    """Also where their repr leaves something out."""
    rows = source(np.zeros((3, 2)))
    init = np.zeros((150, 10))
    other = init.copy()
    other[75, 5] = 1e-12
    assert repr(init) == repr(other.round(3))
    assert fingerprint(rows, {"init": init}) == fingerprint(rows, {"init": init.copy()})
    assert fingerprint(rows, {"init": init}) != fingerprint(rows, {"init": other})


def test_fingerprint_sees_every_row(monkeypatch):
    monkeypatch.setattr("skdeepcluster.training._checkpoint._statistics_rows", lambda d: 7)
    X = np.random.RandomState(0).randn(50, 3)
    found = {fingerprint(source(X), {})}
    for row in range(50):
        changed = X.copy()
        changed[row, row % 3] += 1e-12
        found.add(fingerprint(source(changed), {}))
    assert len(found) == 51


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04", b"PK\x03\x04" + b"\0" * 300])
def test_garbage_is_refused_and_left_alone(content, tmp_path):
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable checkpoint.*; remove"):
        build("dec", path).fit(data())
    assert path.read_bytes() == content


def test_truncated_file_is_refused(tmp_path):
    path = tmp_path / "state"
    build("dec", path).fit(data())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        build("dec", path).fit(data())


def test_loading_executes_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"fingerprint": Trap()}, tmp_path / "state")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        build("dec", tmp_path / "state").fit(data())
    assert not (tmp_path / "sprung").exists()


# -- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_has_a_file_for_each_fit(n_jobs, tmp_path, monkeypatch):
    grid = {"max_epochs": [1, 3], "random_state": [0, 1]}
    plain = GridSearchCV(build("dec", None), grid, cv=2).fit(data())
    search = GridSearchCV(build("dec", f"{tmp_path}/fits/"), grid, cv=2, n_jobs=n_jobs)
    found = search.fit(data())
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert_same_fit(found.best_estimator_, plain.best_estimator_)
    files = os.listdir(tmp_path / "fits")
    assert len(files) == 2 * 4 + 1 and all(name.endswith(".pt") for name in files)
    monkeypatch.setattr("skdeepcluster.training._mover.Mover.move", None)
    assert_same_fit(
        clone(search).set_params(n_jobs=1).fit(data()).best_estimator_, plain.best_estimator_
    )


def test_the_same_fit_twice_at_once(tmp_path):
    expected = build("dec", None).fit(data())
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(build("dec", tmp_path).fit)(data()) for _ in range(4)
    )
    for model in found:
        assert_same_fit(model, expected)
    assert len(os.listdir(tmp_path)) == 1


def test_a_file_names_the_folder_as_the_remedy(tmp_path):
    search = GridSearchCV(
        build("dec", tmp_path / "state"), {"max_epochs": [1, 2]}, cv=2, error_score="raise"
    )
    with pytest.raises(ValueError, match="belongs to a fit with other data.*give a folder"):
        search.fit(data())


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    build("dec", "~/state").fit(data())
    build("dec", "~/fits/").fit(data())
    assert sorted(os.listdir(tmp_path)) == ["fits", "state"]
    with pytest.raises(ValueError, match="lies in a folder that does not exist"):
        build("dec", "~/missing/state").fit(data())


# -- time ----------------------------------------------------------------------------------------


def test_a_fit_that_ran_out_of_time_goes_on(tmp_path, monkeypatch):
    """With the same data and parameters but for the time that it may take."""
    path = tmp_path / "state"
    expected = build("dec", None).fit(data())
    calls = []

    def deadline(self):
        calls.append(1)
        self.fit.out_of_time |= len(calls) > 70
        return self.fit.out_of_time

    with monkeypatch.context() as patch:
        patch.setattr("skdeepcluster.training._stage_run.StageRun._time_is_up", deadline)
        early = build("dec", path).set_params(max_time=1e6).fit(data())
    assert len(early.history_["pretrain"]["reconstruction"]) < 13
    assert_same_fit(build("dec", path).fit(data()), expected)


def test_files_are_written_only_as_often_as_they_cost_little(tmp_path, monkeypatch):
    monkeypatch.setattr("skdeepcluster.training._checkpoint.COST_RATIO", 20)
    checkpoint = Checkpoint(tmp_path / "state", "mark")
    checkpoint.save({"stage": 0})
    assert checkpoint.cost > 0
    checkpoint.cost = 1e6
    assert not checkpoint.due()
    checkpoint.cost = 0
    assert checkpoint.due()
    silent = Checkpoint(tmp_path / "other", "mark", writes=False)
    silent.save({"stage": 0})
    assert os.listdir(tmp_path) == ["state"]


def test_no_checkpoint_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        build("dec", None).fit(data())
    assert os.listdir(tmp_path) == []
