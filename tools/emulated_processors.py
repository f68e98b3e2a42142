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
import os
import shutil
import subprocess
import sys
import tempfile
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
    *("tests/assignment", "tests/autoencoder", "tests/density", "tests/explain", "tests/graph"),
    *("tests/hierarchy", "tests/kernels", "tests/medoids", "tests/nn", "tests/partition"),
    *("tests/selfsupervised", "tests/training", "tests/views"),
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
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = done.stdout.splitlines()
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
    )
    return folder


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
