"""Functions of arrays that several methods stand on: no estimator, no torch."""
