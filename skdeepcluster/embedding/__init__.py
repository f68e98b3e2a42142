"""Clusterers that learn an embedding with an autoencoder."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "autoencoder": ["AutoencoderClusterer"],
        "clam": ["ClAM"],
        "dcn": ["DCN"],
        "dec": ["DEC"],
        "depict": ["DEPICT"],
        "gldc": ["GLDC"],
        "hchc": ["HCHC"],
        "idec": ["IDEC"],
        "jule": ["JULE"],
        "tell": ["TELL"],
        "vade": ["VaDE"],
    },
)
