"""Run numerical tests under what other processors would compute.

The libraries of NumPy and torch choose their algorithms, and with them the rounding, by the
processor; environment variables make them choose as if there were another. The package's own
kernels choose among sets of instructions too: they are built in a scratch copy for one set alone.
What this processor cannot do is left out, with a line that says so. Exit status 1 if a test fails.

    python tools/emulated_processors.py            all of them, some 15 minutes on two idle cores
    python tools/emulated_processors.py --short    libraries alone, few tests: less than a minute
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_features__ as FEATURES

ROOT = Path(__file__).resolve().parent.parent

# What each is told: OpenBLAS (NumPy, SciPy), torch's own loops, oneDNN and MKL (torch's products).
LIBRARIES = ("OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
PROCESSORS = {
    "this": {},
    "Prescott": dict(zip(LIBRARIES, ("Prescott", "default", "AVX2", "COMPATIBLE"), strict=True)),
    "Haswell": dict(zip(LIBRARIES, ("Haswell", "avx2", "AVX2", "AVX2,STRICT"), strict=True)),
    "Zen": dict(zip(LIBRARIES[:3], ("Zen", "avx2", "ALL"), strict=True)),
    "SkylakeX": dict(zip(LIBRARIES[::2], ("SkylakeX", "AVX512_CORE"), strict=True)),
}
# The names of setup.py's SKDEEPCLUSTER_SIMD.
KERNELS = ("default", "x86-64-v3", "x86-64-v4")
NEEDS = {
    "Haswell": "AVX2",
    "Zen": "AVX2",
    "SkylakeX": "AVX512_SKX",
    "x86-64-v3": "AVX2",
    "x86-64-v4": "AVX512_SKX",
}
THREADS = (1, 2)

TESTS = (
    "tests/algorithms",
    "tests/assignment",
    "tests/density/test_spanning.py",
    "tests/hierarchy/test_kmeans.py",
    "tests/kernels",
    "tests/medoids/test_distances.py",
    "tests/medoids/test_search.py",
    "tests/nn",
    "tests/training/test_independence.py",
    "tests/training/test_samples.py",
)
SHORT_PROCESSORS = (("Prescott", 2), ("Haswell", 1))
SHORT_TESTS = (
    "tests/medoids/test_distances.py",
    "tests/assignment/test_student_t.py",
    "tests/training/test_independence.py::test_a_row_gives_the_same_at_every_place",
)


def is_here(name):
    """Whether this processor has the instructions, with a line that says what is left out."""
    need = NEEDS.get(name)
    here = need is None or FEATURES.get(need, False)
    if not here:
        print(f"{name}: left out, this processor has no {need}", flush=True)
    return here


def environment(processor, n_threads):
    """The variables of a process on another processor."""
    usual = {key: value for key, value in os.environ.items() if key not in LIBRARIES}
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads)
    )
    return usual | threads | {"OMP_WAIT_POLICY": "PASSIVE"} | PROCESSORS[processor]


def passes(name, folder, processor, n_threads, tests):
    """Run tests in a checkout; what they say is shown where they fail."""
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(processor, n_threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = done.stdout.splitlines()
    print(f"{name}, {n_threads} threads: {lines[-1] if lines else 'no output'}", flush=True)
    if done.returncode:
        print(f"status {done.returncode}", *lines[-60:], sep="\n", flush=True)
    return not done.returncode


def build(level, folder):
    """A copy of the sources in which all kernels are of one set of instructions."""
    built = shutil.ignore_patterns("*.so", "__pycache__")
    for name in ("skdeepcluster", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=built)
    for name in ("setup.py", "pyproject.toml", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=folder,
        env=os.environ | {"SKDEEPCLUSTER_SIMD": level},
        check=True,
    )
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few tests on a few processors")
    parser.add_argument("--processors", nargs="*", choices=PROCESSORS, default=list(PROCESSORS))
    parser.add_argument("--kernels", nargs="*", choices=KERNELS, default=KERNELS)
    parser.add_argument("--tests", nargs="+", help="what pytest runs instead of the usual")
    options = parser.parse_args()
    tests = options.tests or (SHORT_TESTS if options.short else TESTS)

    with tempfile.TemporaryDirectory() as scratch:
        if options.short:
            runs = [(p, ROOT, p, t) for p, t in SHORT_PROCESSORS if is_here(p)]
        else:
            runs = [(p, ROOT, p, t) for p in options.processors if is_here(p) for t in THREADS]
            for level in filter(is_here, options.kernels):
                folder = Path(scratch, level)
                folder.mkdir()
                build(level, folder)
                runs += [(f"kernels of {level}", folder, "this", t) for t in THREADS]
        with ThreadPoolExecutor(2 if options.short else 1) as pool:
            results = list(pool.map(lambda run: passes(*run, tests), runs))
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
