"""Random numbers outside of the fit's own generator: global generators."""

import contextlib
import threading

# Held while a fit uses torch's global generators.
_LOCK = threading.RLock()


@contextlib.contextmanager
def seeded(generators, seed):
    """Seed global generators, and restore them afterwards; only one fit at a time uses them."""
    if not generators:
        yield
        return
    with _LOCK:
        before = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)
