"""Fitted estimators meet rows of another kind than those they were fitted with.

Each number stands for one case: an estimator, a method, values, and the form in which these come.
The answer has to be that for the same values as an array of the fitted dtype, or an error that says
what is wrong. ``tools/fuzz.py`` runs many more cases, in processes of their own.
"""

import copy
import functools
import inspect
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from skdeepcluster._discovery import all_estimators
from tests.common import brief, data, known

# NClustersSearch hands rows on as they are, to scikit-learn's KMeans, whose answers are not ours;
# WeightCoclustering answers for no rows but those of the fit.
EXCEPT = ("NClustersSearch", "WeightCoclustering")
ESTIMATORS = {name: cls for name, cls in all_estimators() if name not in EXCEPT}
SMALL = {
    "n_components": 3, "n_prototypes": 4, "pretrain_epochs": 1, "max_epochs": 1,
    "hidden_layer_sizes": (4,),
}  # fmt: skip
FLOATS = ["f4", "f8"]
DTYPES = [*FLOATS, "f2", "i1", "u1", "i4", "i8", "u8", "?", "O", "c16", "U", "g"]
LAYOUTS = ["C", "F", "strided", "reversed", "read-only", "unaligned", "byte-swapped", "broadcast"]
SPARSE = [
    "csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "csc_array", "coo_array", "lil_array",
    "int64 indices", "unsorted", "duplicates", "explicit zeros",
]  # fmt: skip
TABLES = [
    "list", "tuple", "rows", "pandas", "pandas nullable", "polars", "torch", "torch with gradient",
    "torch bfloat16",
]  # fmt: skip
VALUES = [
    "normal", "training", "nan", "all nan", "inf", "-inf", "1e300", "1e30", "1e-300", "denormal",
    "constant", "zero", "large and small", "negative",
]  # fmt: skip
SHAPES = ["narrow", "wide", "no columns", "one column", "1d", "0d", "3d"]
REFITTING = ("fit_predict", "fit_transform")


def pick(rng, usual, others, share):
    """Most often the usual."""
    return usual if rng.random() > share else others[rng.integers(len(others))]


@functools.cache
def methods(Estimator):
    names = [
        name
        for name, function in inspect.getmembers(Estimator, inspect.isroutine)
        if not name.startswith("_")
        and "X" in inspect.signature(function).parameters
        and hasattr(small(Estimator), name)
    ]
    # What `fit` refuses, those refuse that call it.
    redundant = {"fit", "fit_transform" if "fit_predict" in names else ""}
    return [name for name in names if name not in redundant]


@functools.cache
def tags(name):
    return ESTIMATORS[name]().__sklearn_tags__().input_tags


def case(number):
    """What is tried under a number, as words."""
    rng = np.random.default_rng(number)
    name = list(ESTIMATORS)[rng.integers(len(ESTIMATORS))]
    names = methods(ESTIMATORS[name])
    forms = ["dense", "sparse"] if tags(name).sparse else ["dense"]
    container = [LAYOUTS, SPARSE, TABLES][rng.integers(3)]
    chosen = {
        "name": name,
        "fitted": FLOATS[rng.integers(2)],
        "form": forms[rng.integers(len(forms))],
        "method": names[rng.integers(len(names))],
        "values": pick(rng, "normal", VALUES, 0.5),
        "shape": pick(rng, "", SHAPES, 0.15),
        "n": int(rng.choice([0, 1, 2, 33, 64, 3000], p=[0.1, 0.15, 0.1, 0.3, 0.3, 0.05])),
        "dtype": pick(rng, FLOATS[rng.integers(2)], DTYPES, 0.5),
        "container": container[rng.integers(len(container))],
        "seed": number,
    }
    if chosen["method"] in (*REFITTING, "partial_fit"):
        chosen["n"] = min(chosen["n"], 100)
    return chosen


def training_rows(name, dtype="f8"):
    X = data(ESTIMATORS[name]())[:60].round(3)
    X[np.abs(X) < 1] = 0
    return X.astype(dtype)


def small(Estimator):
    return brief(Estimator, **known(Estimator, SMALL))


@functools.cache
def fitted(name, dtype, form):
    X = training_rows(name, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return small(ESTIMATORS[name]).fit(sp.csr_array(X) if form == "sparse" else X)


def values(kind, n, X, rng):
    """Rows of float64."""
    rows = X[rng.integers(len(X), size=n)].astype("f8")
    if kind != "training":
        rows = rows + rng.normal(size=rows.shape).round(3) * (rows != 0)
        if X.min() >= 0:
            rows = np.abs(rows)
    some = rng.random(rows.shape) < 0.1
    some.flat[:1] = True
    special = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf, "1e300": 1e300, "1e30": 1e30}
    if kind in special:
        rows[some] = special[kind]
    elif kind == "all nan":
        rows[:] = np.nan
    elif kind == "1e-300":
        rows *= 1e-300
    elif kind == "denormal":
        rows *= [1e-40, 1e-312][rng.integers(2)]
    elif kind == "constant":
        rows[:] = 1.5
    elif kind == "zero":
        rows[:] = 0
    elif kind == "large and small":
        rows *= 10.0 ** rng.integers(-30, 30, rows.shape)
    elif kind == "negative":
        rows = -np.abs(rows) - 1
    return rows


def shaped(rows, shape):
    return {
        "": rows,
        "narrow": rows[:, :-1],
        "wide": np.hstack([rows, rows[:, :1]]),
        "no columns": rows[:, :0],
        "one column": rows[:, :1],
        "1d": rows.ravel(),
        "0d": np.array(rows.flat[0] if rows.size else 0.0),
        "3d": rows.reshape(*rows.shape, 1),
    }[shape]


def laid_out(rows, layout):
    if layout == "F":
        return np.asfortranarray(rows)
    if layout == "strided":
        wide = np.zeros((*rows.shape[:-1], 2 * rows.shape[-1]), rows.dtype)
        wide[..., ::2] = rows
        return wide[..., ::2]
    if layout == "reversed":
        return rows[::-1].copy()[::-1]
    if layout == "read-only":
        rows = rows.copy()
        rows.flags.writeable = False
        return rows
    if layout == "unaligned" and rows.dtype.kind != "O":
        memory = np.empty(rows.nbytes + 1, np.uint8)
        unaligned = memory[1:].view(rows.dtype).reshape(rows.shape)
        unaligned[...] = rows
        return unaligned
    if layout == "byte-swapped":
        return rows.astype(rows.dtype.newbyteorder("S"))
    if layout == "broadcast" and len(rows):
        # The same row throughout, without memory of its own for each.
        return np.broadcast_to(rows[:1], rows.shape)
    return rows


def as_sparse(rows, kind):
    if kind in ("int64 indices", "unsorted", "duplicates", "explicit zeros"):
        X = sp.csr_array(rows)
        if kind == "int64 indices":
            X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
        elif kind == "unsorted":
            for begin, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
                X.indices[begin:end] = X.indices[begin:end][::-1].copy()
                X.data[begin:end] = X.data[begin:end][::-1].copy()
            X.has_sorted_indices = False
        else:
            X = X.tocoo()
            row, column, data = X.row, X.col, X.data
            extra = np.zeros_like(data)
            if kind == "explicit zeros":
                row, column = row[:1].repeat(3), column[:1].repeat(3)
                extra = extra[:1].repeat(3)
                X = sp.coo_array(X)
            both = (
                np.concatenate([data, extra]),
                (np.concatenate([X.row, row]), np.concatenate([X.col, column])),
            )
            X = sp.coo_array(both, shape=rows.shape)
            if kind == "duplicates":
                # Not by `tocsr`, which would sum them.
                order = np.argsort(X.row, kind="stable")
                starts = np.searchsorted(X.row[order], np.arange(len(rows) + 1))
                X = sp.csr_array((X.data[order], X.col[order], starts), shape=rows.shape)
        return X
    return getattr(sp, kind)(rows)


def as_table(rows, kind):
    if kind == "list":
        return rows.tolist()
    if kind == "tuple":
        return tuple(map(tuple, rows.tolist())) if rows.ndim > 1 else tuple(rows.ravel().tolist())
    if kind == "rows":
        return list(rows)
    if kind.startswith("pandas"):
        table = pd.DataFrame(rows)
        return table.convert_dtypes() if kind == "pandas nullable" else table
    if kind == "polars":
        return pl.DataFrame(rows)
    X = torch.from_numpy(np.ascontiguousarray(rows))
    if kind == "torch bfloat16" and rows.dtype.kind != "c":
        return X.to(torch.bfloat16)
    return X.requires_grad_() if kind == "torch with gradient" else X


def build(chosen):
    """The rows in their form, and the same values as a float64 array, or None if they are none."""
    rng = np.random.default_rng([chosen["seed"], 1])
    rows = values(chosen["values"], chosen["n"], training_rows(chosen["name"]), rng)
    rows = shaped(rows, chosen["shape"])
    dtype, kind = np.dtype(chosen["dtype"]), chosen["container"]
    with np.errstate(all="ignore"):
        rows = rows.astype(dtype)
    if dtype.kind == "O" and rows.size and rng.random() < 0.3:
        rows.flat[0] = [None, "word", [1], 10**400][rng.integers(4)]
    if kind in LAYOUTS:
        X = laid_out(rows, kind)
    else:
        X = (as_sparse if kind in SPARSE else as_table)(rows, kind)
    if dtype.kind == "c":
        return X, None
    if kind == "torch bfloat16":
        rows = X.to(torch.float64).numpy()
    elif kind == "broadcast":
        rows = np.array(X)
    # Frames and sparse matrices make tables of vectors.
    rows = rows.reshape(getattr(X, "shape", rows.shape))
    try:
        return X, rows.astype("f8")
    except (TypeError, ValueError, OverflowError):
        return X, None


def snapshot(X):
    if sp.issparse(X):
        return X.copy().toarray()
    if isinstance(X, torch.Tensor):
        return X.detach().clone().to(torch.float64).numpy()
    # As objects NaN would not equal NaN.
    return [repr(X)] if isinstance(X, (list, tuple)) or np.array(X).dtype == object else np.array(X)


def call(model, method, X):
    """The answer, or None and what was wrong."""
    try:
        answer = getattr(model, method)(X)
    except (ValueError, TypeError) as error:
        assert str(error).strip(), f"{type(error).__name__} without a message"
        return None, error
    return answer, None


def ordinary(chosen, X):
    """Whether what is right as an array has to be taken in this form."""
    if isinstance(X, torch.Tensor) and X.dtype not in (torch.float32, torch.float64):
        return False
    # SciPy's only sparse arrays of three dimensions have no other format.
    taken = chosen["container"] not in SPARSE or (tags(chosen["name"]).sparse and X.ndim == 2)
    return taken and chosen["dtype"] in (*FLOATS, "f2", "i1", "u1", "i4", "i8", "?")


def same(one, other, dtype):
    if getattr(other, "dtype", np.dtype("f8")).kind in "iub":
        np.testing.assert_array_equal(one, other)
        return
    # Some transformers keep the type of the rows and not that of the fit.
    dtypes = {np.dtype(dtype), np.asarray(one).dtype, np.asarray(other).dtype}
    tol = 1e-4 if np.dtype("f4") in dtypes else 1e-7
    one = np.asarray(one, np.asarray(other).dtype)
    scale = np.abs(other)[np.isfinite(other)].max(initial=0)
    np.testing.assert_allclose(one, other, rtol=tol, atol=tol * scale)


def check(number):
    """Try a case: AssertionError, or any but ValueError and TypeError, where it goes wrong."""
    chosen = case(number)
    method, dtype = chosen["method"], chosen["fitted"]
    try:
        X, plain = build(chosen)
        before = snapshot(X)
    except Exception:  # noqa: BLE001
        return "not built"  # the library of the form has no such thing
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if method in REFITTING:
            return check_fit(chosen, X, plain)
        model = fitted(chosen["name"], dtype, chosen["form"])
        if method == "partial_fit":
            return check_partial_fit(chosen, copy.deepcopy(model), X)
        answer, error = call(model, method, X)
        np.testing.assert_array_equal(snapshot(X), before, "X was changed")
        if plain is None:
            assert error is not None, "took what is not a table of numbers"
            return "refused"
        expected, refusal = call(model, method, plain.astype(dtype))
        if refusal is not None and error is None:
            # Too large for the fitted type, and not for the one of the rows, which some keep.
            expected, refusal = call(model, method, plain)
            assert refusal is None, f"answered what is refused as an array: {refusal}"
        if refusal is not None:
            return "refused"
        if error is not None:
            assert not ordinary(chosen, X), f"refused what it takes as an array: {error!r}"
            return "refused"
        same(answer, expected, dtype)
        return "answered"


def check_fit(chosen, X, plain):
    method = chosen["method"]
    answer, error = call(small(ESTIMATORS[chosen["name"]]), method, X)
    if plain is None:
        assert error is not None, "took what is not a table of numbers"
    if error is not None:
        return "refused"
    if chosen["container"] in SPARSE:
        assert len(answer) == X.shape[0]
        return "answered"
    expected = [call(small(ESTIMATORS[chosen["name"]]), method, plain.astype(f))[0] for f in FLOATS]
    expected = [one for one in expected if one is not None]
    assert expected, "fitted what is refused as an array"
    for one in expected[:-1]:
        try:
            same(answer, one, "f4")
        except AssertionError:
            continue
        return "answered"
    same(answer, expected[-1], "f4")
    return "answered"


def check_partial_fit(chosen, model, X):
    rows = training_rows(chosen["name"], chosen["fitted"])

    def labels():
        return model.predict(rows) if hasattr(model, "predict") else model.labels_

    before = labels()
    _, error = call(model, "partial_fit", X)
    after = labels()
    if error is not None:
        np.testing.assert_array_equal(after, before, "a refused batch changed the model")
        return "refused"
    assert after.shape == before.shape
    return "answered"


@pytest.mark.parametrize("block", range(10))
def test_other_rows_are_answered_like_those_of_the_fit_or_refused(block):
    outcomes = []
    for number in range(block * 30, block * 30 + 30):
        try:
            outcomes.append(check(number))
        except Exception as error:
            error.add_note(f"case {number}: {case(number)}")
            raise
    assert "answered" in outcomes
    assert "refused" in outcomes


def test_a_number_is_always_the_same_case():
    assert case(17) == case(17)
    one, other = build(case(4))[1], build(case(4))[1]
    np.testing.assert_array_equal(one, other)
