"""Scores to labels: soft assignments, their targets, and where the first centres stand."""

from skdeepcluster.assignment._kmeans import kmeans, replace_empty
from skdeepcluster.assignment._spectral import landmark_spectral
from skdeepcluster.assignment._student_t import sharpen, sharpening_loss, student_t

__all__ = [
    "kmeans",
    "landmark_spectral",
    "replace_empty",
    "sharpen",
    "sharpening_loss",
    "student_t",
]
