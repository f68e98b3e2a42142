"""Compiled hot loops: arrays in, arrays out, no knowledge of estimators or their parameters."""
