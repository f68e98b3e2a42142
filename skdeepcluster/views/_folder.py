"""Images in a folder, read when they are needed."""

from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """Images in a folder and the folders below it, read one by one by Pillow.

    Deep estimators take it for `X`, in `fit` and in `predict`: images are then read batch by batch,
    or once and for all if they are small. It needs Pillow, and no torchvision.

    Parameters
    ----------
    root : str or Path
        The folder.

    size : tuple of int, default=None
        Height and width that images are brought to. None leaves them as they are; all must then
        have one size.

    mode : {"RGB", "L"}, default="RGB"
        Colors, or gray.

    Attributes
    ----------
    paths : list of Path
        Files with the ending of an image, in the order of their names.

    classes : list of str
        Names of the folders that images lie in, relative to `root`.

    targets : ndarray of shape (n_images,)
        The folder of each image, as an index of `classes`: known classes, if folders are such.

    See Also
    --------
    skdeepcluster.report : Shows them, with ``images=folder``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skdeepcluster.views import ImageFolder
    >>> root = Path(tempfile.mkdtemp())
    >>> for i in range(3):
    ...     Image.fromarray(np.full((8, 10), 80 * i, np.uint8)).save(root / f"{i}.png")
    >>> folder = ImageFolder(root, size=(4, 4), mode="L")
    >>> len(folder), folder[2].shape, int(folder[2].max())
    (3, (1, 4, 4), 160)
    """

    def __init__(self, root, *, size=None, mode="RGB"):
        self.root, self.size, self.mode = Path(root), size, mode
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root} is not a folder.")
        if mode not in ("RGB", "L"):
            raise ValueError(f"mode={mode!r} should be 'RGB' or 'L'.")
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"size={size!r} should be a height and a width.")
        self.paths = sorted(
            path
            for path in self.root.rglob("*")
            if path.suffix.lower() in SUFFIXES and path.is_file()
        )
        if not self.paths:
            raise ValueError(f"{self.root} has no images: no file ends in {', '.join(SUFFIXES)}.")
        folders = [str(path.parent.relative_to(self.root)) for path in self.paths]
        names, self.targets = np.unique(folders, return_inverse=True)
        self.classes = names.tolist()

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        """The image i, of shape (3, H, W) or (1, H, W), as bytes."""
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError("ImageFolder needs Pillow: pip install pillow") from error
        path = self.paths[i]
        try:
            with Image.open(path) as image:
                image = image.convert(self.mode)
                if self.size is not None:
                    image = image.resize(tuple(self.size)[::-1], Image.Resampling.BILINEAR)
        except OSError as error:
            raise ValueError(f"{path} cannot be read as an image ({error}).") from error
        pixels = np.asarray(image)
        return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0).copy()
