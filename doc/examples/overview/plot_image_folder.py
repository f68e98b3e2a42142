"""
=============================================
A folder of images: ImageFolder and DEC
=============================================

Files on a disk are clustered without loading them first: :class:`~skdeepcluster.views.ImageFolder`
reads them when they are needed, and any deep estimator takes it as its rows.
"""

# %%
# A folder with 300 files, here made of scikit-learn's digits.
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from skdeepcluster import DEC
from skdeepcluster.displays import ClusterImageDisplay
from skdeepcluster.views import ImageFolder

root = Path(tempfile.mkdtemp())
digits = load_digits(n_class=4)
for i, pixels in enumerate(digits.images[:300]):
    Image.fromarray((pixels * 15).astype(np.uint8)).save(root / f"{i:04}.png")

# %%
# Gray images of one size; `size` would bring them to one.
folder = ImageFolder(root, mode="L")
print(len(folder), "images of shape", folder[0].shape)
dec = DEC(n_clusters=4, hidden_layer_sizes=(64,), pretrain_epochs=20, max_epochs=5, random_state=0)
labels = dec.fit_predict(folder)

# %%
# Exemplars show what each cluster is.
ClusterImageDisplay.from_estimator(dec, folder)

# %%
# The least certain images of each cluster show where it ends.
ClusterImageDisplay.from_estimator(dec, folder, kind="uncertain")

# %%
# The means of the clusters; a blurred one would be a mixed cluster. :func:`~skdeepcluster.report`
# puts all this on one page.
ClusterImageDisplay.from_estimator(dec, folder, kind="means")

# %%
# New files later: another folder, the same model.
print(dec.predict(ImageFolder(root, mode="L"))[:10])
