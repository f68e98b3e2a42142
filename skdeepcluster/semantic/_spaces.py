"""Several feature spaces of the same rows, as one table."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array


def joined_spaces(X):
    """One table and the widths of its spaces, from a list of tables; else X itself, and None.

    A list of rows or of numbers is no list of tables.
    """
    if not (isinstance(X, (list, tuple)) and X and all(getattr(Z, "ndim", 0) == 2 for Z in X)):
        return X, None
    tables = [check_array(Z, accept_sparse="csr", dtype="numeric") for Z in X]
    n_rows = sorted({Z.shape[0] for Z in tables})
    if len(n_rows) > 1:
        raise ValueError(
            f"X is a list of {len(tables)} spaces, which have {n_rows} rows; each space needs "
            "features of the same rows"
        )
    if any(map(sp.issparse, tables)):
        joined = sp.hstack(tables, format="csr")
    else:
        joined = np.hstack(tables)
    return joined, [Z.shape[1] for Z in tables]


def space_columns(spaces, n_features, names=None):
    """Indices of the features of each space.

    Parameters
    ----------
    spaces : list of slices, of arrays of indices or of lists of names
    n_features : int
    names : array of str, optional
        Names of the features.

    Returns
    -------
    columns : list of arrays of int64
    """
    columns = []
    for number, chosen in enumerate(spaces):
        where = f"spaces[{number}]={chosen!r}"
        if not isinstance(chosen, slice):
            chosen = np.atleast_1d(np.asarray(chosen))
            if chosen.dtype.kind in "UO":
                known = {} if names is None else {name: i for i, name in enumerate(names)}
                missing = [name for name in chosen.tolist() if name not in known]
                if missing:
                    raise ValueError(f"{where}: X has no feature named {missing[0]!r}")
                chosen = np.array([known[name] for name in chosen.tolist()])
            if chosen.dtype.kind not in "iub":
                raise ValueError(f"{where} is no slice, and holds no indices or names of features")
        try:
            found = np.arange(n_features)[chosen]
        except IndexError as error:
            raise ValueError(f"{where} does not fit {n_features} features: {error}") from None
        if not found.size:
            raise ValueError(f"{where} has no features; each space needs at least one")
        columns.append(found.astype(np.int64))
    if not columns:
        raise ValueError("spaces is empty; give one space or more, or None for a single one")
    return columns
