"""The number of torch's threads, and a warning if other processes compete for the cores."""

import contextlib
import math
import os
import warnings

import torch
from joblib import cpu_count
from sklearn.exceptions import EfficiencyWarning

# An epoch this many times as slow as the fastest one of its stage, and longer than this many
# seconds, exceeds the usual variation.
SLOWER, SECONDS = 5, 10


@contextlib.contextmanager
def available_threads():
    """A context in which torch has no more threads than the process has processors.

    torch counts the processors of the machine. The process may have fewer, by its affinity or by
    the quota of its container: threads beyond these wait for each other.
    """
    before = torch.get_num_threads()
    allowed = min(before, cpu_count())
    if allowed == before:
        yield
        return
    torch.set_num_threads(allowed)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Pace:
    """Times the epochs of a stage, and warns once per process if others slow them down."""

    warned = False

    def __init__(self):
        self.fastest = math.inf

    def note(self, seconds, n_rows):
        """Note the seconds that the steps of an epoch took, and their rows."""
        if not n_rows:
            return
        pace = seconds / n_rows
        if seconds > SECONDS and pace > SLOWER * self.fastest and not Pace.warned:
            Pace.warned = True
            passive = os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE"
            remedy = "" if passive else "set OMP_WAIT_POLICY=PASSIVE before Python starts, or "
            warnings.warn(
                f"The steps of an epoch took {seconds:.0f} s, {pace / self.fastest:.0f} times as "
                "long as those of the fastest one: other processes seem to use the same cores, "
                f"where threads that wait for each other lose most. Beside them, {remedy}use fewer "
                f"threads (torch.set_num_threads; now {torch.get_num_threads()}).",
                EfficiencyWarning,
                stacklevel=2,
            )
        self.fastest = min(self.fastest, pace)
