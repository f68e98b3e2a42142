"""Build the Cython kernels: every ``.pyx`` file of the package becomes an extension."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

MSVC = sys.platform == "win32"
# No -march=native: one wheel serves every machine of an architecture, and kernels that profit from
# wide vectors choose at run time (see _kernels/_simd.h).
COMPILE_ARGS = ["/O2"] if MSVC else ["-O3"]
OPENMP_CANDIDATES = (
    [(["/openmp"], [])]
    if MSVC
    else [(["-fopenmp"], ["-fopenmp"]), (["-Xpreprocessor", "-fopenmp"], ["-lomp"])]
)
OPENMP_PROGRAM = """
#include <omp.h>
int main(void) {
    int count = 0;
    #pragma omp parallel reduction(+:count)
    count += omp_get_num_threads() > 0;
    return count == 0;
}
"""


class BuildKernels(build_ext):
    """Translate and compile in parallel, with OpenMP where the compiler offers it.

    The translation happens here and not when this file is read, so that metadata and source
    distributions are made without it and contain none of its outputs.
    """

    def build_extensions(self):
        if not self.extensions:
            return
        translated = cythonize(
            self.extensions,
            # Worker processes need fork; elsewhere they would run this script again.
            nthreads=(self.parallel or 0) if sys.platform == "linux" else 0,
            build_dir=self.build_temp,
            force=self.force,
            compiler_directives={
                "language_level": 3,
                "boundscheck": False,
                "wraparound": False,
                "initializedcheck": False,
                "cdivision": True,
                "embedsignature": True,
            },
        )
        compile_args, link_args = self.probe_openmp()
        for extension, source in zip(self.extensions, translated, strict=True):
            vars(extension).update(vars(source))
            extension.extra_compile_args = [*source.extra_compile_args, *compile_args]
            extension.extra_link_args = [*source.extra_link_args, *link_args]
        super().build_extensions()

    def probe_openmp(self):
        """The first flags that compile and link a parallel program; none: kernels run serially."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "openmp.c")
            program.write_text(OPENMP_PROGRAM)
            for compile_args, link_args in OPENMP_CANDIDATES:
                try:
                    objects = self.compiler.compile(
                        [str(program)], output_dir=folder, extra_postargs=compile_args
                    )
                    self.compiler.link_executable(
                        objects, str(Path(folder, "openmp")), extra_postargs=link_args
                    )
                except (CompileError, LinkError):
                    continue
                return compile_args, link_args
        self.warn("the compiler has no OpenMP: the kernels will run on one thread")
        return [], []


def kernels():
    root = Path(__file__).parent
    for path in sorted(root.glob("skdeepcluster/**/*.pyx")):
        source = path.relative_to(root)
        yield Extension(
            ".".join(source.with_suffix("").parts),
            [str(source)],
            include_dirs=[np.get_include(), "skdeepcluster/_kernels"],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            extra_compile_args=COMPILE_ARGS,
        )


setup(
    ext_modules=list(kernels()),
    cmdclass={"build_ext": BuildKernels},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
