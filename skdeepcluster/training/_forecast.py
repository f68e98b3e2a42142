"""How long a fit may take, by the rate of its first batches."""

import time

import torch

# A shorter fit ends before anyone would read how long it takes.
LONG = 60
# The forecast comes after so many batches or seconds, whichever is first. The batch before them is
# not timed: memory is allocated in it, and code may be compiled.
BATCHES, SECONDS = 10, 5


class Forecast:
    """Says once how long training may take, where it will take more than a minute.

    Parameters
    ----------
    log : callable (str) or None
        Receives the line; None if nobody does, and nothing is timed.
    device : torch.device
    deadline : float or None
        When `max_time` is up, on the monotonic clock.
    """

    def __init__(self, log, device, deadline=None):
        self.log, self.device, self.deadline = log, device, deadline
        self.began, self.n_timed = None, -1

    def note(self, n_left):
        """Note that a batch is done, before at most `n_left` others."""
        if self.log is None:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.monotonic()
        if self.began is None:
            self.began = now
        self.n_timed += 1
        seconds = now - self.began
        if self.n_timed < 1 or (self.n_timed < BATCHES and seconds < SECONDS):
            return
        left = n_left * seconds / self.n_timed
        limited = self.deadline is not None and self.deadline - now < left
        left = max(self.deadline - now, 0.0) if limited else left
        if left >= LONG:
            reason = "max_time" if limited else f"{n_left:,} batches by the rate of the first ones"
            self.log(f"training takes up to {_spoken(left)} from here: {reason}")
        self.log = None


def _spoken(seconds):
    """A duration to two digits or so, as a person says it."""
    if seconds < 120:
        return f"{10 * round(seconds / 10)} s"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
