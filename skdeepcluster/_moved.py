"""Old names of modules, which models stored by earlier versions and old imports still ask for."""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader

# Until the release after 0.1: old name and new.
_FOLDERS = {
    "embedding": "autoencoder",
    "interval": "partition",
    "selflabel": "selfsupervised",
}
_FILES = {
    "_encoder": "deep._encoder",
    "_kernels._hdbscan_tree": "_kernels._trees",
    "assignment._transport": "assignment.transport",
    "density._hdbscan": "density.hdbscan",
    "density._trees": "trees._trees",
    "embedding.jule": "selfsupervised.jule",
    "explain._hamiltonian": "explain.hamiltonian_cycle",
    "graph._degree_linkage": "graph.degree_linkage",
    "hierarchy._hierarchical_kmeans": "hierarchy.hierarchical_kmeans",
    "interval._interval": "partition.interval",
    "medoids._clara": "medoids.clara",
    "medoids._clarans": "medoids.clarans",
    "medoids._kmedoids": "medoids.kmedoids",
    "medoids._medoid_silhouette": "medoids.medoid_silhouette",
}
# Parameters and attributes by estimator: old name, new, and how the value follows.
_NAMES = {
    "ClAM": {
        "beta": ("temperature", lambda beta: beta if beta == "scale" else 1 / beta),
        "beta_": ("temperature_", lambda beta: 1 / beta),
        "n_steps": "inner_iter",
        "prototypes_": "decoded_centers_",
        "shared_mask_every": "shared_mask_interval",
    },
    "DCN": {"lloyd_interval": "update_interval"},
    "DeepCluster": {
        "prototype_labels_": "pseudo_labels_",
        "reassign_every": "update_interval",
    },
    "DeepClusterV2": {"kmeans_iter": "inner_iter", "prototype_labels_": "pseudo_labels_"},
    "DeeperCluster": {
        "prototype_labels_": "pseudo_labels_",
        "reassign_every": "update_interval",
    },
    "GSimCLR": {"guide_noise": "noise_std"},
    "HCHC": {"distances_": "cluster_distances_"},
    "HamiltonianCycleMap": {"distances_": "cluster_distances_"},
    "JULE": {"round_epochs": "update_interval"},
    "MLCD": {
        "positives_": "pseudo_labels_",
        "scale": ("temperature", lambda scale: 1 / scale),
    },
    "ODC": {"centroid_interval": "update_interval", "prototype_labels_": "pseudo_labels_"},
    "SeLa": {
        "n_relabels": "n_updates",
        "prototype_labels_": "pseudo_labels_",
        "sharpness": ("reg", lambda sharpness: 1 / sharpness),
    },
    "SwAV": {"epsilon": "reg", "sinkhorn_iter": "inner_iter"},
    "TELL": {"prototypes_": "decoded_centers_"},
}


def renamed(estimator, state):
    """The state of an estimator under today's names."""
    new = dict(state)
    for old, found in _NAMES.get(estimator, {}).items():
        if old in state:
            name, value = (found, lambda x: x) if isinstance(found, str) else found
            new[name] = value(new.pop(old))
    return new


def _new_name(name):
    """What a module below the package is called now, or None."""
    package, _, module = name.partition(".")
    if package != "skdeepcluster":
        return None
    folder, dot, file = module.partition(".")
    if module in _FILES:
        return f"skdeepcluster.{_FILES[module]}"
    if folder in _FOLDERS:
        return f"skdeepcluster.{_FOLDERS[folder]}{dot}{file}"
    return None


class _Moved(MetaPathFinder, Loader):
    """Gives the new module for an old name."""

    def find_spec(self, name, path, target=None):
        new = _new_name(name)
        return spec_from_loader(name, self, origin=new) if new else None

    def create_module(self, spec):
        module = import_module(spec.origin)
        warnings.warn(
            f"{spec.name} is {spec.origin} now. Import public names from skdeepcluster; models "
            "that were stored under the old name load, and are better stored anew.",
            FutureWarning,
            stacklevel=2,
        )
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has noted the old name.
        module.__spec__ = module.__spec__.loader_state


def install():
    """Look for old names.

    Before other finders: they would find an old file name in the new folder, and load it twice.
    """
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())
