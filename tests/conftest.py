"""Settings that every test shares."""

import os

from hypothesis import settings

# Before anyone imports matplotlib, and for the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"

# A loaded machine is slow, not wrong: no deadlines. CI tries the same examples each time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
