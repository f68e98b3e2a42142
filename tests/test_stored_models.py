"""Models that earlier versions stored."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import skdeepcluster

MODELS = sorted((Path(__file__).parent / "models").glob("*/*.pkl"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* is .* now. Import public names:FutureWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning"),
]


@pytest.mark.parametrize("file", MODELS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_stored_model_answers_as_it_did(file):
    stored = pickle.loads(file.read_bytes())
    assert type(stored["estimator"]) is getattr(skdeepcluster, file.stem)
    clone(stored["estimator"])  # has all parameters of today
    for method, expected in stored["outputs"].items():
        found = getattr(stored["estimator"], method)(stored["X"])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_models_of_every_estimator_are_stored():
    names = {file.stem for file in MODELS}
    assert {name for name in names if hasattr(skdeepcluster, name)} == names
    assert len(names) >= 32


def test_an_old_module_name_says_the_new_one(monkeypatch):
    monkeypatch.delitem(sys.modules, "skdeepcluster.embedding.idec", raising=False)
    with pytest.warns(FutureWarning, match="is skdeepcluster.autoencoder.idec now"):
        import skdeepcluster.embedding.idec as old
    from skdeepcluster.autoencoder import idec as new

    assert old is new
    assert new.__spec__.name == "skdeepcluster.autoencoder.idec"
