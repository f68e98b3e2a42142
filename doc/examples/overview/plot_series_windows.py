"""
==========================================================
Time series: windows, a distance of your own, and KMedoids
==========================================================

A long series is cut into windows. Which windows are alike is for a distance to say, and
:class:`~skdeepcluster.KMedoids` takes any, as a matrix: ``metric="precomputed"``.
"""

# %%
# A machine that works in three ways in turn.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import KMedoids
from skdeepcluster.displays import SilhouetteDisplay

rng = np.random.default_rng(0)
time = np.arange(50)
modes = rng.integers(3, size=120)
shapes = [np.sin(time / 3), np.sign(np.sin(time / 5)), time / 25 - 1]
series = np.concatenate(
    [np.roll(shapes[mode], rng.integers(50)) + rng.normal(0, 0.3, 50) for mode in modes]
)
windows = series.reshape(-1, 50)

# %%
# A window may begin anywhere in its cycle, so the distance of two is the least over all shifts: one
# minus the largest circular correlation, by Fourier transforms.
windows = (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)
spectra = np.fft.rfft(windows)
correlation = np.fft.irfft(spectra[:, np.newaxis] * spectra.conj(), n=50).max(axis=2) / 50
distances = np.maximum(1 - (correlation + correlation.T) / 2, 0)
np.fill_diagonal(distances, 0)

model = KMedoids(3, metric="precomputed", n_init=5, random_state=0).fit(distances)
print("agreement with the modes:", round(adjusted_rand_score(modes, model.labels_), 2))
plain = KMedoids(3, n_init=5, random_state=0).fit(windows)
print("by the plain distance:", round(adjusted_rand_score(modes, plain.labels_), 2))

# %%
# The medoids are windows that happened.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for label, window in enumerate(windows[model.medoid_indices_]):
    axes[0].plot(window + 4 * label, label=str(label))
axes[0].set(yticks=[], xlabel="time", title="medoids")
SilhouetteDisplay.from_estimator(model, distances, metric="precomputed", ax=axes[1])
plt.show()
