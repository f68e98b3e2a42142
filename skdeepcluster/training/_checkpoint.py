"""The state of an interrupted fit in a file."""

import hashlib
import os
import threading
import time
import warnings
import zlib

import numpy as np
import torch

from skdeepcluster.training._samples import _ranges, _statistics_rows
from skdeepcluster.validation import caller_level

# A checkpoint is written when the time since the last one exceeds this multiple of its cost.
COST_RATIO = 20
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def fingerprint(rows, settings, module=None, side=None):
    """A digest of data, settings and given weights, equal only for the same fit.

    Parameters
    ----------
    rows : row access as `source` gives it
    settings : dict
        Everything besides the data that determines the result.
    module : torch.nn.Module or None
        The user's modules, with their weights.
    side : Side or None
        Side information on the rows.
    """
    digest = hashlib.sha256()
    for name, value in sorted(settings.items()):
        # The repr of a large array leaves out its middle.
        value = value.tolist() if isinstance(value, np.ndarray) else value
        digest.update(f"{name}={value!r};".encode())
    digest.update(repr(rows.shape).encode())
    checksum = 0
    for begin, end in _ranges(0, rows.shape[0], _statistics_rows(rows.shape[1])):
        block = np.ascontiguousarray(rows.block(begin, end))
        checksum = zlib.crc32(block.view(np.uint8).reshape(-1), checksum)
    digest.update(f"{checksum}".encode())
    for name, tensor in module.state_dict().items() if module is not None else ():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    for name, values in side.digest() if side is not None else ():
        digest.update(name.encode())
        digest.update(values)
    return digest.hexdigest()


class Checkpoint:
    """A file that always holds one complete state: it is replaced atomically.

    Parameters
    ----------
    path : str or path-like
        A folder, which exists or whose name ends with a separator, holds a file for each fit, named
        by its fingerprint. "~" is the user's home.
    fingerprint : str
        Identifies the fit that the file belongs to.
    writes : bool, default=True
        Whether this process writes: only the first one of a fit.
    """

    def __init__(self, path, fingerprint, *, writes=True):
        path = os.path.expanduser(os.fspath(path))
        # The same fit may run twice at once, as that of a pipeline's first step does in a search.
        self.temporary = f"{path}.part"
        if path.endswith(_SEPARATORS) or os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
            path = os.path.join(path, f"{fingerprint}.pt")
            self.temporary = f"{path}.{os.getpid()}-{threading.get_ident()}.part"
        self.path, self.fingerprint, self.writes = path, fingerprint, writes
        self.cost = 0.0
        self.last = time.monotonic()
        self.failed = False

    def load(self):
        """The saved state, or None if there is none.

        Raises
        ------
        ValueError
            If the file is not a checkpoint, or one of other data or parameters.
        """
        folder = os.path.dirname(self.path) or "."
        if not os.path.isdir(folder):
            raise ValueError(f"checkpoint={self.path!r} lies in a folder that does not exist")
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            found = saved["fingerprint"]
        except FileNotFoundError:
            return None
        except Exception as error:
            raise ValueError(
                f"checkpoint={self.path!r} is not a readable checkpoint ({type(error).__name__}); "
                "remove the file or choose another path"
            ) from error
        if found != self.fingerprint:
            raise ValueError(
                f"checkpoint={self.path!r} belongs to a fit with other data or parameters; remove "
                "the file to start over, choose another path, or give a folder, which holds a file "
                "for each fit (a search has many)"
            )
        return saved

    def due(self):
        """Whether enough time has passed to write the next checkpoint."""
        return time.monotonic() - self.last >= COST_RATIO * self.cost

    def save(self, state):
        """Replace the file. If writing fails, the fit continues and the previous file remains."""
        if not self.writes:
            return
        begin = time.monotonic()
        try:
            with open(self.temporary, "wb") as file:
                torch.save({"fingerprint": self.fingerprint, **state}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.temporary, self.path)
        except (OSError, RuntimeError) as error:
            # torch reports a failed write of its archive as a RuntimeError.
            if os.path.exists(self.temporary):
                os.remove(self.temporary)
            if not self.failed:
                warnings.warn(
                    f"checkpoint={self.path!r} could not be written ({error}); the fit continues",
                    RuntimeWarning,
                    stacklevel=caller_level(),
                )
            self.failed = True
        self.last = time.monotonic()
        self.cost = self.last - begin
