"""What every method reaches, and what it begins with, on every data set: one resumable command.

Each run is a process of its own: a method on a set with a seed. It gives accuracy, normalized
mutual information and adjusted Rand index of the start, after the warm-up and of the end, seconds
of the fit and the largest memory of the process. Figures are appended to benchmarks/results, from
which `python doc/_generate.py` writes the page "reproduction" of the guide. A run whose figures are
there is skipped: stop the command at any time and start it again.

    python benchmarks/reproduce.py                                 all that is not yet measured
    python benchmarks/reproduce.py --data digits --estimators DEC IDEC --seeds 0 1 2
    python benchmarks/reproduce.py --quick                         digits, one seed, what is fast
    python benchmarks/reproduce.py --settings paper                the papers' recipes
    python benchmarks/reproduce.py --settings images --data usps   views of images
    python benchmarks/reproduce.py --umap PYTHON                   an interpreter with umap-learn
    python benchmarks/reproduce.py --busy                          no seconds: other work is running

The start of a method that places centers in an embedding are its initial labels; that of the others
is their network without any training, read out in the same way. To measure again,
delete the lines or name another file by --results. A run that takes longer than --limit seconds or
more than --memory megabytes is given up, and noted as such. Labels enter the scores alone.
"""

import argparse
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _common import FIELDS, LIBRARIES, ROOT, n_cores, processor, scores
from _sets import IMAGES, NAMES, read, square
from scipy.sparse import issparse
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from sklearn.utils import get_tags

import skdeepcluster
from skdeepcluster._discovery import all_estimators
from skdeepcluster.metrics import best_match

DEEP = ("autoencoder", "selfsupervised", "semantic", "subspace")
CLASSICAL = (
    "CLARA", "CLARANS", "FasterMSC", "GraphDegreeLinkage", "HDBSCAN", "ILASDP", "KMeansSDP",
    "KMedoids", "LandmarkSpectral", "Leiden", "MulticutClustering", "NeighborClusterer", "PPP",
    "SmoothedGraphClustering",
)  # fmt: skip
K_MEANS, LINKAGE, UMAP = "k-means", "degree linkage of unit rows", "umap-learn, k-means"
BASELINES = (K_MEANS, LINKAGE, UMAP)
# "paper" are the `paper_params` of the methods that have them, "images" the rows of sets of images
# as what they are, which get convolutions and views of images, for the methods that have views.
SETTINGS = ("default", "paper", "images")
# Without these a method is its network without any training.
EPOCHS = ("pretrain_epochs", "guide_epochs", "init_epochs", "warmup_steps", "max_epochs")
COMMAND = "python benchmarks/reproduce.py"
GIVEN_UP = "given up after, seconds"
MEASURES = ("accuracy", "NMI", "ARI")
# Where the largest class is more than so many times the smallest, accuracy is that of large ones:
# the mean recall of the classes is measured, too.
UNEQUAL = 5


class Stages:
    """A callback that scores the labels after the warm-up."""

    def __init__(self, y):
        self.y, self.found = y, {}

    def setup(self, estimator, context):
        """Required by the protocol."""

    def teardown(self, estimator, context):
        """Required by the protocol."""

    def on_fit_task_begin(self, estimator, context, *, X=None):
        """Required by the protocol."""

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        """Predict at the end of the stage that learns the initial labels."""
        if context.task_name == "initialize" and context.max_subtasks:
            self.found |= named("warm-up", self.y, fitted_estimator.predict(X))
        return False


def named(stage, y, labels):
    """Scores of labels by the names of their metrics."""
    values = dict(zip(MEASURES, scores(y, labels), strict=True))
    sizes = np.unique(y, return_counts=True)[1]
    if sizes.max() > UNEQUAL * sizes.min():
        values["mean recall"] = mean_recall(y, labels)
    return {f"{stage} {name}".strip(): value for name, value in values.items()}


def mean_recall(y, labels):
    """The mean over the classes of the share of a class that is in its cluster."""
    cluster_of = {known: cluster for cluster, known in best_match(y, labels).items()}
    return np.mean([np.mean(labels[y == c] == cluster_of.get(c)) for c in np.unique(y)])


def estimators():
    """The classes of the estimators by their names, deep ones first."""
    deep, others = {}, {}
    for name, cls in all_estimators():
        if cls.__module__.split(".")[1] in DEEP:
            deep[name] = cls
        elif name in CLASSICAL:
            others[name] = cls
    return deep | others


def params_of(name, setting):
    """Parameters beside the defaults; None where a method has no such setting."""
    if setting == "default":
        return {}
    if setting == "images":
        cls = estimators().get(name)
        return {} if cls and "views" in cls().get_params() else None
    recipe = getattr(estimators().get(name), "paper_params", dict)
    return recipe() or None


def fit_estimator(cls, X, y, seed, params):
    """Scores of the start, after the warm-up and of the end, and seconds of the fit."""
    offered = cls().get_params()
    given = {"n_clusters": len(np.unique(y)), "random_state": seed}
    params = {name: value for name, value in given.items() if name in offered} | params
    if issparse(X) and not get_tags(cls()).input_tags.sparse:
        X = X.toarray()
    model, found = cls(**params), {}
    stages = Stages(y)
    if model.get_params().get("init_epochs"):
        model.set_callbacks(stages)
    began = time.perf_counter()
    model.fit(X)
    found["seconds"] = time.perf_counter() - began
    found |= named("", y, model.labels_) | stages.found
    if hasattr(model, "initial_labels_"):
        found |= named("start", y, model.initial_labels_)
    elif "max_epochs" in offered:
        start = cls(**params | {name: 0 for name in EPOCHS if name in offered})
        found |= named("start", y, start.fit(X).labels_)
    return found


def fit_baseline(name, X, y, seed):
    """Scores and seconds of a method that is not the package's, or of its rows scaled."""
    k, began = len(np.unique(y)), time.perf_counter()
    if name == LINKAGE:
        X = normalize(X)
        labels = skdeepcluster.GraphDegreeLinkage(k).fit_predict(X)
    else:
        if name == UMAP:
            from umap import UMAP as Layout

            X = Layout(n_components=10, min_dist=0, random_state=seed, n_jobs=1).fit_transform(X)
        labels = KMeans(k, n_init=10, random_state=seed).fit_predict(X)
    return {"seconds": time.perf_counter() - began} | named("", y, labels)


def run_one(job):
    """One run in this process: prints its figures as JSON."""
    limit = job["memory"] * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    X, y = read(job["data"])
    if job["name"] in BASELINES:
        found = fit_baseline(job["name"], X, y, job["seed"])
    else:
        params = params_of(job["name"], job["setting"])
        X = square(X) if job["setting"] == "images" else X
        found = fit_estimator(estimators()[job["name"]], X, y, job["seed"], params)
    found["peak MB"] = peak_memory()
    libraries = [*LIBRARIES, "umap"] if job["name"] == UMAP else LIBRARIES
    versions = {name: getattr(sys.modules.get(name), "__version__", None) for name in libraries}
    print(json.dumps({"found": found, "versions": {k: v for k, v in versions.items() if v}}))


def peak_memory():
    """The largest memory of this process in MB.

    On Linux `getrusage` would count the memory of the process that started this one, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(job, python, limit):
    """Figures and versions of a run in a process of its own; None where it failed."""
    command = [python, str(Path(__file__).resolve()), "--one", json.dumps(job)]
    began = time.perf_counter()
    given_up = {"skdeepcluster": skdeepcluster.__version__}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {GIVEN_UP: time.perf_counter() - began}, given_up
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        print(f"    failed: {last[0][:300]}", flush=True)
        memory = any(sign in done.stderr for sign in ("MemoryError", "enough memory"))
        return ({GIVEN_UP: time.perf_counter() - began}, given_up) if memory else None
    result = json.loads(done.stdout.splitlines()[-1])
    return result["found"], result["versions"]


def key_of(line):
    """What identifies a run: its method with the setting, data, seed and version."""
    return line["method"], line["data"], line["seed"], line["versions"].split(",")[0]


def stored(path):
    """Keys of the runs in a file; lines of a run that was not written whole are taken out."""
    if not path.exists():
        return set()
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    read_lines = list(csv.DictReader(lines))
    # The last figure of a run: without it the run was not written whole.
    found = {key_of(line) for line in read_lines if line["metric"] in ("peak MB", GIVEN_UP)}
    whole = lines[0] if lines else ""
    pairs = zip(lines[1:], read_lines, strict=True)
    whole += "".join(raw for raw, line in pairs if key_of(line) in found)
    if whole != text:
        path.write_text(whole)
    return found


def store(path, label, job, found, versions):
    """Append a run's figures in one write."""
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    head = (COMMAND, processor(), n_cores(), named, job["seed"], job["data"], label)
    last = [name for name in ("peak MB",) if name in found]
    names = [name for name in found if name not in last] + last
    begins = not path.exists() or not path.stat().st_size
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        rows = [(*head, name, f"{found[name]:.4g}") for name in names]
        writer.writerows([FIELDS, *rows] if begins else rows)
        file.flush()
        os.fsync(file.fileno())


def jobs(options, classes):
    """Label and job of each run, seeds last, so that all methods have some figures soon."""
    for seed in options.seeds:
        for data in options.data:
            for name in options.estimators:
                for setting in options.settings:
                    fixed = name in classes and "random_state" not in classes[name]().get_params()
                    if (fixed or name == LINKAGE) and seed != options.seeds[0]:
                        continue
                    if params_of(name, setting) is None:
                        continue
                    if setting == "images" and data not in IMAGES:
                        continue
                    label = name if setting == "default" else f"{name}, {setting}"
                    job = {"name": name, "data": data, "seed": seed, "setting": setting}
                    yield label, job | {"memory": options.memory}


def main():
    if sys.argv[1:2] == ["--one"]:
        run_one(json.loads(sys.argv[2]))
        return
    # The process of a run ends with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    classes = estimators()
    known = [*BASELINES, *classes]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--estimators", nargs="+", metavar="NAME", choices=known, default=known)
    parser.add_argument("--data", nargs="+", metavar="NAME", choices=NAMES, default=NAMES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["default"])
    parser.add_argument("--quick", action="store_true", help="digits, seed 0, three minutes a run")
    parser.add_argument("--limit", type=float, default=3600, help="seconds of a run")
    parser.add_argument("--memory", type=int, default=8000, help="megabytes of a run")
    parser.add_argument("--busy", action="store_true", help="seconds are not stored")
    parser.add_argument("--umap", metavar="PYTHON", default=sys.executable)
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results" / "reproduce.csv"
    )
    options = parser.parse_args()
    if options.quick:
        options.data, options.seeds, options.limit = ["digits"], [0], 180
    options.data = [name for name in options.data if read(name) is not None]
    if UMAP in options.estimators and not has_umap(options.umap):
        options.estimators = [name for name in options.estimators if name != UMAP]
    failed = []
    for label, job in jobs(options, classes):
        package = f"skdeepcluster {skdeepcluster.__version__}"
        if (label, job["data"], str(job["seed"]), package) in stored(options.results):
            continue
        python = options.umap if job["name"] == UMAP else sys.executable
        print(f"{job['data']}, {label}, seed {job['seed']}", flush=True)
        result = measure(job, python, options.limit)
        if result is None:
            failed.append(f"{job['data']}, {label}, seed {job['seed']}")
            continue
        if options.busy:
            result[0].pop("seconds", None)
        store(options.results, label, job, *result)
        print("    " + ", ".join(f"{k} {v:.3g}" for k, v in result[0].items()), flush=True)
    if failed:
        sys.exit("Failed: " + "; ".join(failed))


def has_umap(python):
    """Whether an interpreter has umap-learn; says what is left out otherwise."""
    asked = subprocess.run([python, "-c", "import umap"], capture_output=True)
    if asked.returncode:
        print(f"{UMAP} is left out: name an interpreter that has umap-learn by --umap.")
    return not asked.returncode


if __name__ == "__main__":
    main()
