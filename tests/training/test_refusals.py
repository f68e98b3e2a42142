"""Files of another fit, truncated files and garbage are refused."""

import os

import numpy as np
import pytest
import torch

from skdeepcluster import IDEC
from skdeepcluster.training import fingerprint, source
from tests.training._resumed import (
    a_file_after_every_epoch,  # noqa: F401
    build,
    data,
    same_weights_of_given_modules,  # noqa: F401
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


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
