"""Functions of arrays that several methods share: no estimator, no torch."""
