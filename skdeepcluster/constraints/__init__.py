"""What users know beside the rows: pairs of rows, partial labels, and how to validate with them."""

from skdeepcluster.constraints._labels import IgnoredLabelsWarning, check_partial_labels
from skdeepcluster.constraints._mixin import ConstraintMixin, PairsMixin, PartialLabelMixin
from skdeepcluster.constraints._pairs import PairwiseConstraints
from skdeepcluster.constraints._queries import query_pairs
from skdeepcluster.constraints._rows import RowPairs
from skdeepcluster.constraints._scorers import (
    constraint_satisfaction,
    constraint_satisfaction_scorer,
    make_masked_scorer,
)
from skdeepcluster.constraints._search import constraint_search
from skdeepcluster.constraints._splits import ConstraintKFold, PartialLabelKFold

# Public names; the others serve the families.
__all__ = [
    "ConstraintKFold",
    "IgnoredLabelsWarning",
    "PairwiseConstraints",
    "PartialLabelKFold",
    "constraint_satisfaction",
    "constraint_satisfaction_scorer",
    "constraint_search",
    "make_masked_scorer",
    "query_pairs",
]

_INTERNAL = (ConstraintMixin, PairsMixin, PartialLabelMixin, RowPairs, check_partial_labels)
