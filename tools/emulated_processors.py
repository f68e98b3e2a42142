<<<<<<< HEAD
"""Run numerical tests under what other processors would compute.

The libraries of NumPy and torch choose their algorithms, and with them the rounding, by the
processor; environment variables make them choose as if there were another. The package's own
kernels choose among sets of instructions too: they are built in a scratch copy for one set alone.
What this processor cannot do is left out, with a line that says so. Exit status 1 if a test fails.

    python tools/emulated_processors.py            all of them, some 15 minutes on two idle cores
    python tools/emulated_processors.py --short    libraries alone, few tests: less than a minute
"""

import argparse
=======
"""Run the numerical tests as if on other processors.

The libraries behind numpy and torch, and our own kernels, choose code by the processor's
instruction sets, and round differently with each. They can be told to take another choice:

    python tools/emulated_processors.py                  all choices, with one thread and with two
    python tools/emulated_processors.py --short          two choices that differ most, few tests
    python tools/emulated_processors.py tests/medoids    all choices, other tests

What the machine cannot run is skipped with a line that says so. Our own kernels choose when they
are loaded: for each of their levels a copy of the package is built in a temporary folder.
"""

import argparse
import concurrent.futures
>>>>>>> numerics
import os
import shutil
import subprocess
import sys
import tempfile
<<<<<<< HEAD
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
=======
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What a setting needs of the processor, in the words of /proc/cpuinfo.
AVX2 = {"avx2", "fma", "bmi2"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
SETTINGS = [
    ({}, set()),
    ({"OPENBLAS_CORETYPE": "Prescott"}, set()),
    ({"OPENBLAS_CORETYPE": "Haswell"}, AVX2),
    ({"OPENBLAS_CORETYPE": "Zen"}, AVX2),
    ({"OPENBLAS_CORETYPE": "SkylakeX"}, AVX512),
    ({"ATEN_CPU_CAPABILITY": "default"}, set()),
    ({"ATEN_CPU_CAPABILITY": "avx2"}, AVX2),
    ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, set()),
    ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, AVX2),
    ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, AVX512),
    ({"MKL_CBWR": "COMPATIBLE"}, set()),
    ({"MKL_CBWR": "AVX2,STRICT"}, AVX2),
]
LEVELS = [(1, set()), (3, AVX2), (4, AVX512)]
SHORT_SETTINGS = [
    {
        "OPENBLAS_CORETYPE": "Prescott",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OMP_NUM_THREADS": "1",
    },
    {
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OMP_NUM_THREADS": "2",
    },
]
SHORT_TESTS = [
    "tests/kernels/test_distance.py",
    "tests/kernels/test_products.py",
    "tests/medoids/test_distances.py",
    "tests/training/test_independence.py",
    "tests/training/test_samples.py",
    "tests/test_common.py::test_what_a_row_gets_depends_on_no_other",
]
TESTS = [
    *("tests/assignment", "tests/density", "tests/embedding", "tests/explain", "tests/graph"),
    *("tests/hierarchy", "tests/interval", "tests/kernels", "tests/medoids", "tests/nn"),
    *("tests/selflabel", "tests/training", "tests/views"),
]
# Tests of speed, of processes and of scikit-learn's rules tell nothing new of numbers.
OMITTED = "not distributed and not memory and not faster and not imports and not scikit_learn"


def processor():
    """The flags of the processor, or nothing where they cannot be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def run(settings, tests, folder=ROOT):
    """Run tests under some environment variables; whether they passed, and a report."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(folder)} | settings
    if int(environment["OMP_NUM_THREADS"]) == 1 and tests != SHORT_TESTS:
        command += ["--numprocesses", "auto"]
    done = subprocess.run(
        [*command, "-k", OMITTED, *tests],
        cwd=folder,
        env=environment,
>>>>>>> numerics
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = done.stdout.splitlines()
<<<<<<< HEAD
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
=======
    shown = lines[-1:] if done.returncode == 0 else lines[-40:]
    return done.returncode == 0, "\n".join([words(settings), *shown])


def words(settings):
    return " ".join(f"{name}={value}" for name, value in settings.items())


def built(folder, level):
    """A copy of the package whose kernels have one level, however wide the processor is."""
    for name in ("skdeepcluster", "tests"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    for name in ("setup.py", "pyproject.toml", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    flags = f"{os.environ.get('CFLAGS', '')} -DFORCED_LEVEL={level}"
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"CFLAGS": flags},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
>>>>>>> numerics
    )
    return folder


<<<<<<< HEAD
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
=======
def short(flags):
    able = [s for s in SHORT_SETTINGS if s["OPENBLAS_CORETYPE"] == "Prescott" or flags >= AVX2]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield from pool.map(lambda settings: run(settings, SHORT_TESTS), able)


def full(flags, tests):
    for settings, needed in SETTINGS:
        if needed <= flags:
            for n_threads in "12":
                yield run(settings | {"OMP_NUM_THREADS": n_threads}, tests)
        else:
            print(f"{words(settings)}\nskipped: the processor lacks {sorted(needed - flags)}")
    for level, needed in LEVELS:
        if needed <= flags:
            with tempfile.TemporaryDirectory() as folder:
                copy = built(Path(folder), level)
                for n_threads in "12":
                    print(f"kernels of level {level}:")
                    yield run({"OMP_NUM_THREADS": n_threads}, tests, copy)
        else:
            print(f"kernels of level {level}\nskipped: lacks {sorted(needed - flags)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two settings and few tests")
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    flags = processor()
    passed = True
    for well, report in short(flags) if options.short else full(flags, options.tests):
        print(report, flush=True)
        passed &= well
    return not passed


if __name__ == "__main__":
    sys.exit(main())
>>>>>>> numerics
