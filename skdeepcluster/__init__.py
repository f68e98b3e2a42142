"""Deep and classical clustering methods as scikit-learn estimators.

Importing the package imports no family and thus no torch: a name is resolved when it is first used.
"""

import lazy_loader as _lazy

__version__ = "0.1.0.dev0"

# Each family and its public names: the one place where a method is made public.
_FAMILIES = {
    "density": ["HDBSCAN"],
    "embedding": [
        "AutoencoderClusterer",
        "ClAM",
        "DCN",
        "DEC",
        "DEPICT",
        "GLDC",
        "HCHC",
        "IDEC",
        "JULE",
        "TELL",
        "VaDE",
    ],
    "explain": ["HamiltonianCycleMap"],
    "graph": ["GraphDegreeLinkage"],
    "hierarchy": ["HierarchicalKMeans", "balanced_sample"],
    "interval": ["IntervalClustering"],
    "medoids": ["CLARA", "CLARANS", "DynMSC", "FasterMSC", "KMedoids"],
    "selflabel": [
        "ClusterFit",
        "DeepCluster",
        "DeepClusterV2",
        "DeeperCluster",
        "GSimCLR",
        "JigClu",
        "MLCD",
        "ODC",
        "SeLa",
        "SimCLR",
        "SwAV",
    ],
}

# Subpackages whose public names stay in their own namespace.
_SUBPACKAGES = ["assignment", "displays", "metrics", "views"]

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _SUBPACKAGES, _FAMILIES)
