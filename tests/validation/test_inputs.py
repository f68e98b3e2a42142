"""What may be given as X: frames, lists of images, Datasets; and what is refused, with a remedy."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import make_blobs
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from skdeepcluster import DEC, IDEC, JULE, ClusterFit
from tests.common import brief

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def X():
    return make_blobs(40, n_features=5, centers=2, random_state=0)[0].astype(np.float32)


@pytest.fixture(scope="module")
def images():
    return np.random.RandomState(0).rand(40, 8, 6).astype(np.float32)


class Items(Dataset):
    """Items that a function gives."""

    def __init__(self, item, n=40):
        self.item, self.n = item, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.item(i)


def assert_same_fit(found, expected):
    """Equal in value and type."""
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def fitted(X, **params):
    model = brief(DEC, 2, **params).fit(X)
    return model.transform(X), model.predict_proba(X), model.cluster_centers_, model.labels_


# -- the type of the rows ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_type_of_the_output_is_that_of_the_values(dtype, X):
    X = X.astype(dtype)
    expected = fitted(X)
    assert expected[0].dtype == expected[1].dtype == expected[2].dtype == dtype
    tensor = torch.from_numpy(X)
    for given in [
        pd.DataFrame(X, columns=list("abcde")),
        pl.DataFrame(X),
        list(X),
        tensor,
        tensor.clone().requires_grad_(),
        list(tensor.clone().requires_grad_()),
        TensorDataset(tensor),
        Items(lambda i: tensor[i]),
        Items(lambda i: (tensor[i].clone().requires_grad_(), 1)),
    ]:
        assert_same_fit(fitted(given), expected)


def test_other_types_give_float64(X):
    whole = X.round()
    for given in [whole.astype(int), whole.astype(int).tolist(), torch.from_numpy(whole).long()]:
        assert brief(DEC, 2).fit(given).transform(given).dtype == np.float64


def test_bfloat16_is_as_its_float32(X):
    tensor = torch.from_numpy(X).bfloat16()
    expected = fitted(tensor.float().numpy())
    for given in [tensor, list(tensor), Items(lambda i: tensor[i])]:
        assert_same_fit(fitted(given), expected)


# -- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [(), (3,)])
def test_lists_of_images(channels, images):
    images = images if not channels else np.stack([images] * 3, axis=1)
    expected = fitted(images)
    for given in [
        list(images),
        tuple(images),
        [torch.from_numpy(image) for image in images],
        Items(lambda i: images[i]),
    ]:
        assert_same_fit(fitted(given), expected)
    model = brief(DEC, 2).fit(images.tolist())
    assert model.image_shape_ == (*(channels or (1,)), 8, 6)
    np.testing.assert_array_equal(model.labels_, expected[-1])


@pytest.mark.parametrize("mode, n_channels", [("L", 1), ("RGB", 3), ("RGBA", 4), ("P", 3)])
def test_pil_images(mode, n_channels, images):
    Image = pytest.importorskip("PIL.Image")
    pixels = np.random.RandomState(0).randint(0, 256, (40, 8, 6, 3), dtype=np.uint8)
    pictures = [Image.fromarray(picture).convert(mode) for picture in pixels]
    read = [picture.convert("RGB") if mode == "P" else picture for picture in pictures]
    array = np.stack([np.asarray(picture) for picture in read])
    array = array.transpose(0, 3, 1, 2) if n_channels > 1 else array
    expected = fitted(array)
    for given in [pictures, Items(lambda i: pictures[i]), Items(lambda i: (pictures[i], 7))]:
        assert_same_fit(fitted(given), expected)
        assert brief(DEC, 2).fit(given).image_shape_ == (n_channels, 8, 6)


@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_channels_that_are_last_are_refused(n_channels, images):
    last = np.stack([images] * n_channels, axis=-1)
    message = rf"shape \(8, 6, {n_channels}\) would be .*, of 8 channels of 6 x {n_channels} pixels"
    named = rf"{message}.*: pass X\.transpose\(0, 3, 1, 2\)"
    for given in (last, list(last), torch.from_numpy(last), Items(lambda i: last[i])):
        with pytest.raises(ValueError, match=named):
            brief(DEC, 2).fit(given)
    flat = last.reshape(40, -1)
    named = rf"{message}.*X\.reshape\(-1, 8, 6, {n_channels}\)\.transpose\(0, 3, 1, 2\)"
    with pytest.raises(ValueError, match=named):
        brief(DEC, 2, image_shape=(8, 6, n_channels)).fit(flat)
    # What the messages name is taken.
    first = brief(DEC, 2).fit(last.transpose(0, 3, 1, 2))
    again = brief(DEC, 2).fit(flat.reshape(-1, 8, 6, n_channels).transpose(0, 3, 1, 2))
    assert first.image_shape_ == (n_channels, 8, 6)
    with pytest.raises(ValueError, match=r"channels are last: pass X\.transpose\(0, 3, 1, 2\)"):
        first.predict(last)
    np.testing.assert_array_equal(first.labels_, again.labels_)
    model = brief(DEC, 2, image_shape=(8, 6, n_channels)).fit(last)
    assert model.image_shape_ == (8, 6, n_channels)


@pytest.mark.parametrize("shape", [(8, 4, 4), (16, 1, 1), (3, 6, 4), (1, 5, 3), (5, 6), (8, 3)])
def test_maps_of_features_are_no_images_with_channels_last(shape):
    model = brief(DEC, 2).fit(np.random.RandomState(0).rand(40, *shape))
    assert model.image_shape_[-2:] == shape[-2:]


# -- what is refused -----------------------------------------------------------------------------


class Stream(IterableDataset):
    def __iter__(self):
        return iter(np.ones((5, 2)))


class WithoutLength(Dataset):
    def __getitem__(self, i):
        return np.ones(2)


@pytest.mark.parametrize(
    "given, error, message",
    [
        (DataLoader(TensorDataset(torch.ones(4, 2))), TypeError, r"DataLoader; give its dataset"),
        (Stream(), TypeError, "Stream cannot be read in any order.*__getitem__"),
        (WithoutLength(), TypeError, "WithoutLength cannot be read in any order"),
        (Items(lambda i: {"image": np.ones(2)}), TypeError, "item 0 of Items is dict; items must"),
        (Items(lambda i: ({"image": np.ones(2)}, 1)), TypeError, "item 0 of Items is dict"),
        (Items(lambda i: ((np.ones(2), np.ones(2)), 1)), TypeError, "item 0 of Items is tuple"),
        (Items(lambda i: "a"), TypeError, "item 0 of Items is str"),
        (Items(lambda i: None), TypeError, "item 0 of Items is NoneType"),
        (Items(lambda i: np.ones(2) * 1j), TypeError, "is ndarray of complex128"),
        (Items(lambda i: np.ones(2 + i % 2)), ValueError, r"Items have different shapes, .*\(2,\)"),
        ([np.ones((4, 4)), np.ones((4, 5))] * 9, ValueError, r"\(4, 4\) and \(4, 5\)"),
        ([[1.0, 2.0], [1.0]] * 9, ValueError, "X have different shapes"),
        (np.ones((9, 2, 2, 2, 2)).tolist(), ValueError, r"shape \(9, 2, 2, 2, 2\); expected"),
        (np.full((9, 2), "2020", dtype="M8[D]"), ValueError, r"dtype datetime64\[D\]"),
        (np.ones((9, 2), dtype="m8[s]"), ValueError, r"dtype timedelta64\[s\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(given, error, message):
    with pytest.raises(error, match=message):
        brief(DEC, 2).fit(given)


@pytest.mark.parametrize("Estimator", [IDEC, JULE, ClusterFit])
def test_refused_by_every_family(Estimator):
    params = {"max_epochs": 1, "hidden_layer_sizes": (4,)}
    with pytest.raises(TypeError, match="DataLoader"):
        Estimator(2, **params).fit(DataLoader(TensorDataset(torch.ones(4, 2))))
    with pytest.raises(ValueError, match="column 'day'"):
        Estimator(2, **params).fit(pd.DataFrame({"a": [1.0, 2.0], "day": pd.Timestamp("2020")}))


def test_a_list_of_numbers_is_a_row():
    rows = np.random.RandomState(0).randn(40, 3)
    assert_same_fit(fitted(Items(lambda i: rows[i].tolist())), fitted(rows))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2020", periods=40).to_pydatetime(),
        pd.to_timedelta(np.arange(40), unit="h").to_pytimedelta(),
        ["north", "south"] * 20,
        [[1, 2]] * 40,
    ],
    ids=["dates", "durations", "words", "lists"],
)  # fmt: skip
def test_columns_without_numbers_are_named(frame, values, X):
    columns = {f"x{i}": column for i, column in enumerate(X.T)}
    model = brief(DEC, 2).fit(frame({**columns, "last": np.ones(40)}))
    for data in [{**columns, "last": list(values)}, {"last": list(values)}]:
        with pytest.raises(ValueError, match="column 'last' of X has dtype .*not numeric"):
            brief(DEC, 2).fit(frame(data))
    with pytest.raises(ValueError, match="column 'last'"):
        model.predict(frame({**columns, "last": list(values)}))


def test_dates_with_a_zone(X):
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame["day"] = pd.Timestamp("2020", tz="UTC")
    with pytest.raises(ValueError, match="column 'day'"):
        brief(DEC, 2).fit(frame)
    assert_same_fit(fitted(frame.drop(columns="day")), fitted(X))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_numbers_in_any_clothes_are_numbers(frame, X):
    exact = {f"x{i}": [Decimal(float(x)) for x in column.round(2)] for i, column in enumerate(X.T)}
    flags = [bool(x > 0) for x in X[:, 0]]
    expected = fitted(np.column_stack([X.round(2).astype(float), flags]))
    assert_same_fit(fitted(frame({**exact, "flag": flags})), expected)
