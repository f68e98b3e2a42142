"""The number of torch's threads, and a warning if other processes compete for the cores."""

import contextlib
import math
import os
import threading
import warnings

import torch
from joblib import cpu_count
from joblib.parallel import get_active_backend
from sklearn.exceptions import EfficiencyWarning

from skdeepcluster._sklearn import threadpool_controller
from skdeepcluster.validation import caller_level

# An epoch this many times as slow as the fastest one of its stage, and longer than this many
# seconds, exceeds the usual variation.
SLOWER, SECONDS = 5, 10


@contextlib.contextmanager
def available_threads():
    """A context in which torch has no more threads than the process, or joblib's worker, may use.

    torch counts the processors of the machine. The process may have fewer, by its affinity or by
    the quota of its container: threads beyond these wait for each other. So do the threads of
    workers beside each other. A worker that is a process has its share from joblib, which sets it
    in the environment (`inner_max_num_threads`); one that is a thread has none from anyone, and
    uses itself alone, for torch and for kernels. What is set is restored.
    """
    alone = _is_worker_thread()
    before = torch.get_num_threads()
    allowed = 1 if alone else min(before, cpu_count())
    with contextlib.ExitStack() as stack:
        if alone:
            # OpenMP's limit belongs to the calling thread. BLAS's may be that of the process, and
            # is left to those who set it there.
            stack.enter_context(threadpool_controller().limit(limits=1, user_api="openmp"))
        if allowed != before:
            torch.set_num_threads(allowed)
            stack.callback(torch.set_num_threads, before)
        yield


def _is_worker_thread():
    """Whether the caller is one of several threads in which joblib runs tasks."""
    if threading.current_thread() is threading.main_thread():
        return False
    return bool(get_active_backend()[0].nesting_level)


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
                stacklevel=caller_level(),
            )
        self.fastest = min(self.fastest, pace)
