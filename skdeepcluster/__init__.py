"""Deep and classical clustering methods as scikit-learn estimators.

Every method is used like KMeans:

    from skdeepcluster import NeighborClusterer
    labels = NeighborClusterer(n_clusters=10, random_state=0).fit_predict(X)

Where to begin: suggest(X) names three methods to try, NClustersSearch finds the number of clusters,
report(estimator, X) writes a page about the result. help(skdeepcluster.DEC) describes a method.

Importing the package imports no family and thus no torch: a name is resolved when it is first used.
"""

import lazy_loader as _lazy

from skdeepcluster import _moved

__version__ = "0.1.0.dev1"

# Each family, its files and their public names: the one place where a method is made public.
_METHODS = {
    "autoencoder": {
        "autoencoder": ["AutoencoderClusterer"],
        "clam": ["ClAM"],
        "dcn": ["DCN"],
        "dec": ["DEC"],
        "depict": ["DEPICT"],
        "gldc": ["GLDC"],
        "hchc": ["HCHC"],
        "idec": ["IDEC"],
        "tell": ["TELL"],
        "vade": ["VaDE"],
    },
    "constrained": {
        "constrained_kmeans": ["ConstrainedKMeans"],
        "laplacian_prototypes": ["LaplacianPrototypeClustering"],
        "rgca": ["RGCA"],
        "saca": ["SACA"],
        "volmax_dcc": ["VolMaxDCC"],
    },
    "density": {
        "hdbscan": ["HDBSCAN"],
        "rare_cluster_search": ["RareClusterSearch"],
    },
    "discovery": {
        "balanced_kmeans": ["BalancedKMeans"],
        "dynamic_memory": ["DynamicClusterMemory"],
        "dynamic_subspace_embedding": ["DynamicSubspaceEmbedding"],
        "global_local_adapter": ["GlobalLocalAdapter"],
        "latent_label_shift": ["LatentLabelShiftClustering"],
        "loss_gate": ["correct_labels", "loss_gate"],
        "loss_gated": ["LossGatedClusterer"],
        "metric_learning": ["MetricLearningClusterer"],
        "ncd_kmeans": ["NCDKMeans"],
        "ncd_spectral": ["NCDSpectralClustering"],
        "one_vs_all": ["one_vs_all_labels"],
        "pbn": ["PBN"],
        "semi_supervised_kmeans": ["SemiSupervisedKMeans"],
        "split_merge_mixture": ["SplitMergeGaussianMixture"],
        "subclass_clustering": ["SubclassClustering"],
        "subclass_contrastive": ["SubclassContrastive"],
        "transport_aligner": ["OptimalTransportAligner"],
        "unbalanced_atlas": ["UnbalancedAtlas"],
    },
    "ensemble": {"voting_clustering": ["VotingClustering"]},
    "explain": {"hamiltonian_cycle": ["HamiltonianCycleMap"]},
    "graph": {
        "deepwalk": ["DeepWalk"],
        "degree_linkage": ["GraphDegreeLinkage"],
        "graphhash": ["GraphHash"],
        "hypertrack": ["HyperTrack"],
        "landmark_spectral": ["LandmarkSpectral"],
        "leiden": ["Leiden"],
        "m3s": ["M3S"],
        "multicut": ["MulticutClustering"],
        "neighbor_clusterer": ["NeighborClusterer"],
        "neighbor_layout": ["NeighborLayout"],
        "pamc": ["PamC"],
        "private": ["PrivateGraphClustering"],
        "smoothed": ["SmoothedGraphClustering"],
        "scgc": ["SCGC"],
        "_subgraphs": ["Graph"],
        "tgc": ["TGC"],
        "weight_coclustering": ["WeightCoclustering"],
        "weighted_flow_diffusion": ["WeightedFlowDiffusion"],
    },
    "hierarchy": {
        "fair_hierarchy": ["FairHierarchy"],
        "hierarchical_kmeans": ["HierarchicalKMeans"],
        "_linkage": ["from_linkage", "to_scipy_linkage"],
        "_sampling": ["balanced_sample"],
    },
    "medoids": {
        "clara": ["CLARA"],
        "clarans": ["CLARANS"],
        "gower_encoder": ["GowerEncoder"],
        "kmedoids": ["KMedoids"],
        "kprototypes_encoder": ["KPrototypesEncoder"],
        "medoid_silhouette": ["DynMSC", "FasterMSC"],
    },
    "mixture": {"magmaclust": ["MagmaClust"]},
    "overview": {
        "_report": ["report"],
        "_suggest": ["suggest"],
    },
    "partition": {
        "interval": ["IntervalClustering"],
        "ila_sdp": ["ILASDP"],
        "kmeans_sdp": ["KMeansSDP"],
        "ppp": ["PPP"],
    },
    "selection": {
        "cluster_data_selection": ["ClusterDataSelection"],
        "n_clusters_search": ["NClustersSearch"],
    },
    "selfsupervised": {
        "cluster_aware_dino": ["ClusterAwareDINO"],
        "clusterfit": ["ClusterFit"],
        "deepcluster": ["DeepCluster", "DeepClusterV2"],
        "deepercluster": ["DeeperCluster"],
        "gsimclr": ["GSimCLR"],
        "image_volume": ["ImageVolumeClustering"],
        "jigclu": ["JigClu"],
        "jule": ["JULE"],
        "mlcd": ["MLCD"],
        "odc": ["ODC"],
        "sela": ["SeLa"],
        "sigma": ["SIGMA"],
        "simclr": ["SimCLR"],
        "swav": ["SwAV"],
    },
    "semantic": {
        "cdc": ["CDC"],
        "contrastive_clustering": ["ContrastiveClustering"],
        "divclust": ["DivClust"],
        "iic": ["IIC"],
        "p2ot": ["P2OT"],
        "scan": ["SCAN"],
        "sp2ot": ["SP2OT"],
        "temi": ["TEMI"],
        "turtle": ["TURTLE"],
    },
    "subspace": {
        "cpp": ["CPP"],
        "mlc": ["MLC"],
    },
}

# Subpackages whose public names stay in their own namespace.
_SUBPACKAGES = ["assignment", "constraints", "displays", "metrics", "views"]

_FILES = {f"{family}.{file}": n for family, files in _METHODS.items() for file, n in files.items()}


def _attach(package, submodules=None, submod_attrs=None):
    """lazy_loader's attach, whose names say what to install where PyTorch is missing."""
    resolve, dir_, all_ = _lazy.attach(package, submodules, submod_attrs)

    def getattr_(name):
        try:
            return resolve(name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ImportError(
                f"{package}.{name} needs PyTorch, which is not installed. For the CPU: "
                "pip install torch --index-url https://download.pytorch.org/whl/cpu. "
                "The classical methods work without it."
            ) from error

    return getattr_, dir_, all_


__getattr__, __dir__, __all__ = _attach(__name__, _SUBPACKAGES, _FILES)

# For help(skdeepcluster), which is long after that.
__doc__ += "\nEverything public, by family:\n\n" + "".join(
    f"    {family}: {', '.join(name for names in files.values() for name in names)}\n"
    for family, files in _METHODS.items()
)

_moved.install()
