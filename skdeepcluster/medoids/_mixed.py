"""Tables of numbers, ranks and categories as numeric rows."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import fit_context
from skdeepcluster.base import Estimator, param
from skdeepcluster.validation import FLOATS, check_rows, is_missing


class MixedTableEncoder(TransformerMixin, Estimator):
    """Numeric rows of a mixed table.

    Columns of numbers and ranks are scaled, categories become indicators of one height. Subclasses
    have `_begin`, `_learn`, `_scaled` and `_of_categories`.

    Parameters
    ----------
    categorical : list of str or int, default=None
        Names, or indices, of the columns with categories. None means those of a data frame that are
        not numeric.

    ordinal : dict, default=None
        For each column of ranks, by name or index, its values from the lowest to the highest. None
        means none.

    Attributes
    ----------
    kinds_ : list of str
        Of each column "numeric", "categorical" or "ordinal".

    categories_ : list of list or None
        Of each column its values; None for numbers.

    shares_ : list of ndarray or None
        Of each column of categories their shares of the rows.
    """

    categorical: list | None = param(None, list, None)
    ordinal: dict | None = param(None, dict, None)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Read the scales and categories of the columns."""
        columns, names = self._columns(X, reset=True)
        p = len(columns)
        self.kinds_ = self._kinds(columns, names)
        self.categories_, self.shares_ = [None] * p, [None] * p
        self._begin(p)
        ordinal = dict(zip(map(self._index(names), self.ordinal or {}),
                           (self.ordinal or {}).values(), strict=True))  # fmt: skip
        for j, (kind, column) in enumerate(zip(self.kinds_, columns, strict=True)):
            known, present = _known(column)
            if kind == "categorical":
                values, counts = np.unique(known, return_counts=True)
                self.categories_[j] = values.tolist()
                self.shares_[j] = counts / max(counts.sum(), 1)
                continue
            if kind == "ordinal":
                self.categories_[j] = list(ordinal[j])
                numbers = np.arange(float(len(ordinal[j])))
                found = self._numbers(j, column)
                found = found[~np.isnan(found)]
            else:
                numbers = found = self._numbers(j, column)[present]
            self._learn(j, numbers, found)
        self._n_features_out = sum(
            1 if values is None or kind == "ordinal" else len(values) + 1
            for kind, values in zip(self.kinds_, self.categories_, strict=True)
        )
        return self

    def _columns(self, X, reset):
        """The columns of a table, and their names if it has some."""
        mixed = hasattr(X, "columns") and hasattr(X, "dtypes")
        object_rows = not hasattr(X, "dtype") or getattr(X.dtype, "kind", "f") in "OUS"
        if mixed or (object_rows and (self.categorical or self.ordinal)):
            names = [str(name) for name in X.columns] if mixed else None
            table = X if mixed else np.asarray(X, dtype=object)
            columns = [np.asarray(X[name]) for name in X.columns] if mixed else list(table.T)
            if not columns or not len(columns[0]):
                raise ValueError(f"Found array with {len(columns)} features and 0 sample(s).")
            if reset:
                self.n_features_in_, self._dtype = len(columns), np.dtype(np.float64)
                if names is not None:
                    self.feature_names_in_ = np.array(names, dtype=object)
            elif len(columns) != self.n_features_in_:
                raise ValueError(
                    f"X has {len(columns)} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input."
                )
            elif names is not None and names != list(getattr(self, "feature_names_in_", names)):
                raise ValueError(
                    "The feature names should match those that were passed during fit."
                )
            return columns, names
        dtype = FLOATS if reset else self._dtype
        X = check_rows(
            self, X, reset=reset, dtype=dtype, accept_sparse=False, ensure_all_finite="allow-nan"
        )
        if reset:
            self._dtype = X.dtype
        return list(X.T), None

    def _index(self, names):
        """A function from a name or index of a column to its index."""
        n = self.n_features_in_
        names = names if names is not None else list(getattr(self, "feature_names_in_", []))

        def index(column):
            if isinstance(column, str) and column in names:
                return list(names).index(column)
            if isinstance(column, (int, np.integer)) and -n <= column < n:
                return int(column) % n
            raise ValueError(f"X has no column {column!r}.")

        return index

    def _kinds(self, columns, names):
        index = self._index(names)
        ordinal = {index(column) for column in self.ordinal or {}}
        if self.categorical is not None:
            chosen = {index(column) for column in self.categorical}
        else:
            chosen = {j for j, column in enumerate(columns) if not _is_numeric(column)} - ordinal
        if both := chosen & ordinal:
            raise ValueError(f"Columns {sorted(both)} are both categorical and ordinal.")
        return [
            "ordinal" if j in ordinal else "categorical" if j in chosen else "numeric"
            for j in range(len(columns))
        ]

    def _numbers(self, j, column):
        """Numbers or ranks of a column, NaN where they are missing."""
        known, present = _known(column)
        found = np.full(len(column), np.nan)
        if self.kinds_[j] == "ordinal":
            rank = {value: i for i, value in enumerate(self.categories_[j])}
            unknown = sorted({str(value) for value in known.tolist() if value not in rank})
            if unknown:
                raise ValueError(f"Column {j} of ranks has other values: {unknown[:5]}.")
            found[present] = [rank[value] for value in known.tolist()]
            return found
        try:
            found[present] = known.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Column {j} is not numeric ({error}); name it in categorical.") from (
                error
            )
        return found

    def transform(self, X):
        """Numeric rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_outputs)
            One column for numbers and ranks; for categories one for each and one for unknown ones.
        """
        check_is_fitted(self)
        columns, _ = self._columns(X, reset=False)
        parts = []
        for j, (kind, column) in enumerate(zip(self.kinds_, columns, strict=True)):
            if kind == "categorical":
                parts.append(self._of_categories(self._indicators(j, column)))
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                parts.append(self._scaled(j, self._numbers(j, column))[:, np.newaxis])
        Z = np.concatenate(parts, axis=1)
        largest = np.finfo(self._dtype).max / 4
        return np.clip(Z, -largest, largest).astype(self._dtype)

    def _indicators(self, j, column):
        known, present = _known(column)
        number = {value: i for i, value in enumerate(self.categories_[j])}
        k = len(number)
        found = np.zeros((len(column), k + 1))
        at = [number.get(value, k) for value in known.tolist()]
        found[np.flatnonzero(present), at] = 1
        found[~present, :k] = self.shares_[j]
        return found

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of the rows; by default those of `fit`, or x0, x1, ...

        Returns
        -------
        names : ndarray of str
            Those of the rows, for categories with the value behind.
        """
        check_is_fitted(self)
        given = getattr(self, "feature_names_in_", None) if input_features is None else (
            np.asarray(input_features, dtype=object)
        )  # fmt: skip
        if given is None:
            given = [f"x{j}" for j in range(self.n_features_in_)]
        elif len(given) != self.n_features_in_:
            raise ValueError("input_features should have length equal to number of features")
        names = []
        for name, kind, values in zip(given, self.kinds_, self.categories_, strict=True):
            if kind == "categorical":
                names += [f"{name}_{value}" for value in values] + [f"{name}_unknown"]
            else:
                names.append(str(name))
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _is_numeric(column):
    return column.dtype.kind in "iuf" or (
        column.dtype.kind == "O"
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in _known(column)[0])
    )


def _known(column):
    """The values that are there, and which these are."""
    if column.dtype.kind == "f":
        present = ~np.isnan(column)
    elif column.dtype.kind == "O":
        present = np.array([not is_missing(value) for value in column.tolist()], dtype=bool)
    else:
        present = np.ones(len(column), bool)
    return column[present], present
