"""Random views (augmentations) of a batch: of images in one resampling, of tables by noise, masks.

And what they are often of, images in a folder.
"""

import lazy_loader as _lazy

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "_draws": ["Draws", "Views"],
        "_folder": ["ImageFolder"],
        "_images": ["ImageViews"],
        "_masked": ["MaskedViews"],
        "_tabular": ["TabularViews"],
    },
)
__all__ = ["ImageFolder", "ImageViews", "MaskedViews", "TabularViews"]
