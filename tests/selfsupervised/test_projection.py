"""Projection heads, which the losses see and the embedding does not."""

import numpy as np
import pytest
import torch

from skdeepcluster import DeepClusterV2, GSimCLR, SimCLR, SwAV
from tests.common import brief, each_class

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
with_heads = each_class([SimCLR, GSimCLR, SwAV, DeepClusterV2])


@with_heads
def test_the_loss_sees_the_head_and_the_embedding_does_not(Estimator, X):
    model = brief(Estimator, 4, n_projected=5, n_components=12).fit(X)
    Z = model.transform(X)
    assert Z.shape == (len(X), 12)
    if hasattr(model, "prototypes_"):
        assert model.prototypes_.shape[-1] == 5
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    untrained = brief(Estimator, 4, n_projected=5, n_components=12, max_epochs=0).fit(X)
    pairs = zip(
        model.module_.projection.parameters(),
        untrained.module_.projection.parameters(),
        strict=True,
    )
    assert all((after != before).any() for after, before in pairs)
    with torch.no_grad():
        for parameter in model.module_.projection.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(model.transform(X), Z)


@with_heads
def test_without_a_head_the_network_has_none(Estimator, X):
    assert not hasattr(brief(Estimator, 4).fit(X).module_, "projection")


@with_heads
def test_the_head_changes_what_is_learned(Estimator, X):
    plain, headed = (
        brief(Estimator, 4, n_projected=n_projected).fit(X) for n_projected in (None, 5)
    )
    assert np.abs(plain.transform(X) - headed.transform(X)).max() > 0.01


def test_a_stream_goes_on_with_the_head(X):
    model = brief(SwAV, 4, n_projected=5).fit(X[:128])
    before = model.module_.projection[1].weight.clone()
    model.partial_fit(X[128:])
    assert (model.module_.projection[1].weight != before).any()
    assert model.prototypes_.shape[1] == 5


def test_widths_that_are_none(X):
    with pytest.raises(ValueError, match="'n_projected' parameter"):
        brief(SimCLR, 4, n_projected=0).fit(X)
