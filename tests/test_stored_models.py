"""Models that earlier versions stored."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import skdeepcluster
from skdeepcluster._discovery import all_estimators

MODELS = sorted((Path(__file__).parent / "models").glob("*/*.pkl"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* is .* now. Import public names:FutureWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning"),
]


@pytest.mark.parametrize("file", MODELS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_stored_model_answers_as_it_did(file):
    if (file.parent.name, file.stem) == ("0.1.0.dev0", "HDBSCAN"):
        with pytest.raises(ValueError, match="stored by skdeepcluster 0.1.0.dev0.*that version"):
            pickle.loads(file.read_bytes())
        return
    stored = pickle.loads(file.read_bytes())
    assert type(stored["estimator"]) is getattr(skdeepcluster, file.stem)
    clone(stored["estimator"])  # has all parameters of today
    for method, expected in stored["outputs"].items():
        found = getattr(stored["estimator"], method)(stored["X"])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_models_of_every_estimator_are_stored():
    current = {file.stem for file in MODELS if file.parent.name == skdeepcluster.__version__}
    assert current == {name for name, _ in all_estimators()}


def test_an_old_module_name_says_the_new_one(monkeypatch):
    monkeypatch.delitem(sys.modules, "skdeepcluster.embedding.idec", raising=False)
    with pytest.warns(FutureWarning, match="is skdeepcluster.autoencoder.idec now"):
        import skdeepcluster.embedding.idec as old
    from skdeepcluster.autoencoder import idec as new

    assert old is new
    assert new.__spec__.name == "skdeepcluster.autoencoder.idec"
