#!/bin/sh
# Builds the kernels with checks and runs the tests that use them.
#
#     tools/sanitizers.sh [bounds|address|thread|all] [test path ...]
#
# bounds: Cython's checks of every index (SKDEEPCLUSTER_BOUNDS_CHECKS=1); where code without the
# interpreter finds one outside, it says so on standard error only, which fails too. address: AddressSanitizer and UndefinedBehaviorSanitizer. thread: ThreadSanitizer, with an OpenMP
# runtime of a few lines in the place of libgomp, whose barriers the sanitizer does not see
# (tools/_openmp_for_tsan.c). Needs GCC. The package is built in a folder of its own and
# removed after; hypothesis tries few examples, as all runs many times slower.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
which=${1:-all}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- tests/kernels tests/medoids tests/partition tests/density tests/graph \
    tests/hierarchy tests/explain
python=${PYTHON:-$root/.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Tests of memory and speed see the sanitizer's, and processes of their own are not what is tested.
skipped="not memory and not loaded and not imports and not faster and not scikit_learn_checks"

# sanitize FLAGS PRELOADED ENVIRONMENT TEST...: builds with the flags and runs the tests.
sanitize() {
    flags=$1
    preloaded=$2
    environment=$3
    shift 3
    copy=$scratch/source
    rm -rf "$copy"
    mkdir "$copy"
    cp -r "$root/skdeepcluster" "$root/tests" "$root/setup.py" "$root/pyproject.toml" "$copy"
    find "$copy" -name "*.so" -delete
    touch "$copy/README.rst" "$copy/LICENSE"
    cd "$copy"
    # shellcheck disable=SC2086
    env CFLAGS="-g -O1 -fno-omit-frame-pointer $flags" LDFLAGS="$flags" $environment \
        "$python" setup.py -q build_ext --inplace > "$scratch/build.log" 2>&1 ||
        { tail -50 "$scratch/build.log"; exit 1; }
    cat > "$copy/conftest.py" << 'PYTHON'
from hypothesis import settings

settings.register_profile("sanitizers", max_examples=10, deadline=None, database=None)
settings.load_profile("sanitizers")
PYTHON
    present=$(for path in "$@"; do [ -e "$path" ] && echo "$path"; done)
    # shellcheck disable=SC2086
    env LD_PRELOAD="$preloaded" PYTHONPATH="$copy" PYTHONMALLOC=malloc OPENBLAS_NUM_THREADS=1 \
        CI= $environment "$python" -m pytest -q -p no:cacheprovider -p no:unraisableexception \
        -s -k "$skipped" $present 2> "$scratch/errors.log" ||
        { status=$?; cat "$scratch/errors.log" >&2; exit $status; }
    cat "$scratch/errors.log" >&2
    if grep -q "Exception ignored in" "$scratch/errors.log"; then
        echo "sanitizers: an exception could not be raised where it occurred" >&2
        exit 1
    fi
    cd "$root"
}

bounds() {
    sanitize "" "" "SKDEEPCLUSTER_BOUNDS_CHECKS=1" "$@"
}

library() {
    gcc -print-file-name="lib$1.so"
}

address() {
    # Python keeps memory to the end on purpose.
    sanitize "-fsanitize=address,undefined -fno-sanitize-recover=undefined" \
        "$(library asan) $(library ubsan)" \
        "ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1" "$@"
}

thread() {
    gcc -shared -fPIC -O1 -g -fsanitize=thread "$root/tools/_openmp_for_tsan.c" \
        -o "$scratch/openmp.so" -lpthread
    # Only what is built here is watched: numpy's and scipy's own threads are not.
    sanitize "-fsanitize=thread" "$(library tsan) $scratch/openmp.so" \
        "TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:exitcode=66" "$@"
}

case $which in
    bounds) bounds "$@" ;;
    address) address "$@" ;;
    thread) thread "$@" ;;
    all)
        bounds "$@"
        address "$@"
        thread "$@"
        ;;
    *)
        echo "usage: $0 [bounds|address|thread|all] [test path ...]" >&2
        exit 2
        ;;
esac
echo "sanitizers: nothing found"
