"""DeeperCluster."""

import numpy as np
import pytest

from skdeepcluster import DeeperCluster
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_fine_groups_lie_within_coarse_ones(X):
    model = brief(DeeperCluster, 4, n_super=3, n_prototypes=12).fit(X)
    n_sub = 4
    np.testing.assert_array_equal(model.sub_labels_ // n_sub, model.super_labels_)
    assert len(np.unique(model.super_labels_)) == 3


def test_one_coarse_group_without_rotations_is_deepcluster(X):
    model = brief(DeeperCluster, 4, n_super=1, n_prototypes=8).fit(X)
    assert max(model.history_["train"]["super"]) == 0
    assert not model.super_labels_.any()


def test_rotations_need_square_images(X):
    with pytest.raises(ValueError, match="square images"):
        brief(DeeperCluster, 4, rotations=True).fit(X)
    images = X[:, :6].reshape(-1, 2, 3)
    model = brief(DeeperCluster, 4).fit(images)
    assert model.module_.super_head.out_features == 4
    turned = brief(DeeperCluster, 4).fit(X[:, :4].reshape(-1, 2, 2))
    assert turned.module_.super_head.out_features == 16
