"""The contract of deep estimators: rows to a network, training, and the way back to labels."""
