"""Build the kernels: every ``.pyx`` file of the package becomes an extension.

They are compiled without ``-march=native``: one wheel serves every machine of an architecture, and
what profits from wide vectors chooses at run time (``_kernels/_simd.h``).
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError, PlatformError

# GCC's and Clang's way, and that of the Clang that macOS ships.
OPENMP_CANDIDATES = [
    (["-fopenmp"], ["-fopenmp"]),
    (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
]
# For debugging: every index is checked, and what is outside raises IndexError.
BOUNDS_CHECKS = os.environ.get("SKDEEPCLUSTER_BOUNDS_CHECKS") == "1"
# What Cython would put into each extension for its memoryviews.
SHARED = "skdeepcluster._kernels._cython_utility"
NO_COMPILER = """
skdeepcluster needs a C compiler, and none works here. To install one:
    Debian, Ubuntu    apt-get install build-essential python3-dev
    Fedora            dnf install gcc python3-devel
    macOS             xcode-select --install
    Windows           Build Tools for Visual Studio, with "Desktop development with C++"
    conda             conda install -c conda-forge c-compiler
Wheels need none.
"""
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

    def finalize_options(self):
        super().finalize_options()
        if self.inplace or self.editable_mode:
            # Not a temporary place: what has not changed is not built again.
            build = self.distribution.get_command_class("build")(self.distribution)
            build.finalize_options()
            self.build_lib, self.build_temp = build.build_platlib, build.build_temp

    def build_extensions(self):
        if not self.extensions:
            return
        self.check_compiler()
        translated = cythonize(
            self.extensions,
            # Worker processes need fork; elsewhere they would run this script again.
            nthreads=(self.parallel or 0) if sys.platform == "linux" else 0,
            build_dir=self.build_temp,
            shared_utility_qualified_name=SHARED,
            force=self.force,
            compiler_directives={
                "language_level": 3,
                "boundscheck": BOUNDS_CHECKS,
                "wraparound": False,
                "initializedcheck": BOUNDS_CHECKS,
                # None is no array and no tree, unless it is the default.
                "allow_none_for_extension_args": False,
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

    def check_compiler(self):
        """Say what to install where nothing can be compiled, before minutes of translation."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "nothing.c")
            program.write_text("int main(void) { return 0; }\n")
            try:
                self.compiler.compile([str(program)], output_dir=folder)
            except (CompileError, PlatformError) as error:
                raise CompileError(f"{error}\n{NO_COMPILER}") from error

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
    headers, sources = (
        sorted(str(path.relative_to(root)) for path in root.glob(f"skdeepcluster/**/*.{suffix}"))
        for suffix in ("h", "pyx")
    )
    return [Extension(SHARED, [SHARED.replace(".", os.sep) + ".c"])] + [
        Extension(
            source.removesuffix(".pyx").replace(os.sep, "."),
            [source],
            include_dirs=[np.get_include(), "skdeepcluster/_kernels"],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            # Debug symbols, which Python's own flags ask for, double the time of compiling.
            extra_compile_args=["-O3", "-g0"],
            depends=headers,
        )
        for source in sources
    ]


setup(
    ext_modules=kernels(),
    cmdclass={"build_ext": BuildKernels},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
