"""Deep and classical clustering methods as scikit-learn estimators.

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
    },
    "density": {
        "hdbscan": ["HDBSCAN"],
        "rare_cluster_search": ["RareClusterSearch"],
    },
    "discovery": {
        "balanced_kmeans": ["BalancedKMeans"],
        "latent_label_shift": ["LatentLabelShiftClustering"],
        "ncd_kmeans": ["NCDKMeans"],
        "ncd_spectral": ["NCDSpectralClustering"],
        "semi_supervised_kmeans": ["SemiSupervisedKMeans"],
        "split_merge_mixture": ["SplitMergeGaussianMixture"],
        "subclass_clustering": ["SubclassClustering"],
    },
    "ensemble": {"voting_clustering": ["VotingClustering"]},
    "explain": {"hamiltonian_cycle": ["HamiltonianCycleMap"]},
    "graph": {
        "degree_linkage": ["GraphDegreeLinkage"],
        "graphhash": ["GraphHash"],
        "landmark_spectral": ["LandmarkSpectral"],
        "leiden": ["Leiden"],
        "multicut": ["MulticutClustering"],
        "neighbor_clusterer": ["NeighborClusterer"],
        "neighbor_layout": ["NeighborLayout"],
        "smoothed": ["SmoothedGraphClustering"],
        "_subgraphs": ["Graph"],
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
        "medoid_silhouette": ["DynMSC", "FasterMSC"],
    },
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
        "clusterfit": ["ClusterFit"],
        "deepcluster": ["DeepCluster", "DeepClusterV2"],
        "deepercluster": ["DeeperCluster"],
        "gsimclr": ["GSimCLR"],
        "jigclu": ["JigClu"],
        "jule": ["JULE"],
        "mlcd": ["MLCD"],
        "odc": ["ODC"],
        "sela": ["SeLa"],
        "simclr": ["SimCLR"],
        "swav": ["SwAV"],
    },
    "semantic": {
        "contrastive_clustering": ["ContrastiveClustering"],
        "iic": ["IIC"],
        "p2ot": ["P2OT"],
        "scan": ["SCAN"],
        "sp2ot": ["SP2OT"],
        "temi": ["TEMI"],
        "turtle": ["TURTLE"],
    },
}

# Subpackages whose public names stay in their own namespace.
_SUBPACKAGES = ["assignment", "constraints", "displays", "metrics", "views"]

_FILES = {f"{family}.{file}": n for family, files in _METHODS.items() for file, n in files.items()}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _SUBPACKAGES, _FILES)

_moved.install()
