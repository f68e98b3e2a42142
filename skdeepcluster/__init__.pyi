from skdeepcluster import assignment as assignment
from skdeepcluster import constraints as constraints
from skdeepcluster import displays as displays
from skdeepcluster import metrics as metrics
from skdeepcluster import views as views
from skdeepcluster.autoencoder.autoencoder import AutoencoderClusterer as AutoencoderClusterer
from skdeepcluster.autoencoder.clam import ClAM as ClAM
from skdeepcluster.autoencoder.dcn import DCN as DCN
from skdeepcluster.autoencoder.dec import DEC as DEC
from skdeepcluster.autoencoder.depict import DEPICT as DEPICT
from skdeepcluster.autoencoder.gldc import GLDC as GLDC
from skdeepcluster.autoencoder.hchc import HCHC as HCHC
from skdeepcluster.autoencoder.idec import IDEC as IDEC
from skdeepcluster.autoencoder.tell import TELL as TELL
from skdeepcluster.autoencoder.vade import VaDE as VaDE
from skdeepcluster.constrained.constrained_kmeans import ConstrainedKMeans as ConstrainedKMeans
from skdeepcluster.constrained.laplacian_prototypes import (
    LaplacianPrototypeClustering as LaplacianPrototypeClustering,
)
from skdeepcluster.constrained.rgca import RGCA as RGCA
from skdeepcluster.constrained.saca import SACA as SACA
from skdeepcluster.constrained.volmax_dcc import VolMaxDCC as VolMaxDCC
from skdeepcluster.density.hdbscan import HDBSCAN as HDBSCAN
from skdeepcluster.density.rare_cluster_search import RareClusterSearch as RareClusterSearch
from skdeepcluster.discovery.balanced_kmeans import BalancedKMeans as BalancedKMeans
from skdeepcluster.discovery.dynamic_memory import DynamicClusterMemory as DynamicClusterMemory
from skdeepcluster.discovery.dynamic_subspace_embedding import (
    DynamicSubspaceEmbedding as DynamicSubspaceEmbedding,
)
from skdeepcluster.discovery.global_local_adapter import GlobalLocalAdapter as GlobalLocalAdapter
from skdeepcluster.discovery.latent_label_shift import (
    LatentLabelShiftClustering as LatentLabelShiftClustering,
)
from skdeepcluster.discovery.loss_gate import correct_labels as correct_labels
from skdeepcluster.discovery.loss_gate import loss_gate as loss_gate
from skdeepcluster.discovery.loss_gated import LossGatedClusterer as LossGatedClusterer
from skdeepcluster.discovery.metric_learning import (
    MetricLearningClusterer as MetricLearningClusterer,
)
from skdeepcluster.discovery.ncd_kmeans import NCDKMeans as NCDKMeans
from skdeepcluster.discovery.ncd_spectral import NCDSpectralClustering as NCDSpectralClustering
from skdeepcluster.discovery.one_vs_all import one_vs_all_labels as one_vs_all_labels
from skdeepcluster.discovery.pbn import PBN as PBN
from skdeepcluster.discovery.semi_supervised_kmeans import (
    SemiSupervisedKMeans as SemiSupervisedKMeans,
)
from skdeepcluster.discovery.split_merge_mixture import (
    SplitMergeGaussianMixture as SplitMergeGaussianMixture,
)
from skdeepcluster.discovery.subclass_clustering import SubclassClustering as SubclassClustering
from skdeepcluster.discovery.subclass_contrastive import SubclassContrastive as SubclassContrastive
from skdeepcluster.discovery.transport_aligner import (
    OptimalTransportAligner as OptimalTransportAligner,
)
from skdeepcluster.discovery.unbalanced_atlas import UnbalancedAtlas as UnbalancedAtlas
from skdeepcluster.ensemble.voting_clustering import VotingClustering as VotingClustering
from skdeepcluster.explain.hamiltonian_cycle import HamiltonianCycleMap as HamiltonianCycleMap
from skdeepcluster.graph._subgraphs import Graph as Graph
from skdeepcluster.graph.deepwalk import DeepWalk as DeepWalk
from skdeepcluster.graph.degree_linkage import GraphDegreeLinkage as GraphDegreeLinkage
from skdeepcluster.graph.graphhash import GraphHash as GraphHash
from skdeepcluster.graph.hypertrack import HyperTrack as HyperTrack
from skdeepcluster.graph.landmark_spectral import LandmarkSpectral as LandmarkSpectral
from skdeepcluster.graph.leiden import Leiden as Leiden
from skdeepcluster.graph.m3s import M3S as M3S
from skdeepcluster.graph.multicut import MulticutClustering as MulticutClustering
from skdeepcluster.graph.neighbor_clusterer import NeighborClusterer as NeighborClusterer
from skdeepcluster.graph.neighbor_layout import NeighborLayout as NeighborLayout
from skdeepcluster.graph.pamc import PamC as PamC
from skdeepcluster.graph.private import PrivateGraphClustering as PrivateGraphClustering
from skdeepcluster.graph.scgc import SCGC as SCGC
from skdeepcluster.graph.smoothed import SmoothedGraphClustering as SmoothedGraphClustering
from skdeepcluster.graph.tgc import TGC as TGC
from skdeepcluster.graph.weight_coclustering import WeightCoclustering as WeightCoclustering
from skdeepcluster.graph.weighted_flow_diffusion import (
    WeightedFlowDiffusion as WeightedFlowDiffusion,
)
from skdeepcluster.hierarchy._linkage import from_linkage as from_linkage
from skdeepcluster.hierarchy._linkage import to_scipy_linkage as to_scipy_linkage
from skdeepcluster.hierarchy._sampling import balanced_sample as balanced_sample
from skdeepcluster.hierarchy.fair_hierarchy import FairHierarchy as FairHierarchy
from skdeepcluster.hierarchy.hierarchical_kmeans import HierarchicalKMeans as HierarchicalKMeans
from skdeepcluster.medoids.clara import CLARA as CLARA
from skdeepcluster.medoids.clarans import CLARANS as CLARANS
from skdeepcluster.medoids.gower_encoder import GowerEncoder as GowerEncoder
from skdeepcluster.medoids.kmedoids import KMedoids as KMedoids
from skdeepcluster.medoids.kprototypes_encoder import KPrototypesEncoder as KPrototypesEncoder
from skdeepcluster.medoids.medoid_silhouette import DynMSC as DynMSC
from skdeepcluster.medoids.medoid_silhouette import FasterMSC as FasterMSC
from skdeepcluster.mixture.magmaclust import MagmaClust as MagmaClust
from skdeepcluster.overview._report import report as report
from skdeepcluster.overview._suggest import suggest as suggest
from skdeepcluster.partition.ila_sdp import ILASDP as ILASDP
from skdeepcluster.partition.interval import IntervalClustering as IntervalClustering
from skdeepcluster.partition.kmeans_sdp import KMeansSDP as KMeansSDP
from skdeepcluster.partition.ppp import PPP as PPP
from skdeepcluster.selection.cluster_data_selection import (
    ClusterDataSelection as ClusterDataSelection,
)
from skdeepcluster.selection.n_clusters_search import NClustersSearch as NClustersSearch
from skdeepcluster.selfsupervised.cluster_aware_dino import ClusterAwareDINO as ClusterAwareDINO
from skdeepcluster.selfsupervised.clusterfit import ClusterFit as ClusterFit
from skdeepcluster.selfsupervised.deepcluster import DeepCluster as DeepCluster
from skdeepcluster.selfsupervised.deepcluster import DeepClusterV2 as DeepClusterV2
from skdeepcluster.selfsupervised.deepercluster import DeeperCluster as DeeperCluster
from skdeepcluster.selfsupervised.gsimclr import GSimCLR as GSimCLR
from skdeepcluster.selfsupervised.image_volume import ImageVolumeClustering as ImageVolumeClustering
from skdeepcluster.selfsupervised.jigclu import JigClu as JigClu
from skdeepcluster.selfsupervised.jule import JULE as JULE
from skdeepcluster.selfsupervised.mlcd import MLCD as MLCD
from skdeepcluster.selfsupervised.odc import ODC as ODC
from skdeepcluster.selfsupervised.sela import SeLa as SeLa
from skdeepcluster.selfsupervised.sigma import SIGMA as SIGMA
from skdeepcluster.selfsupervised.simclr import SimCLR as SimCLR
from skdeepcluster.selfsupervised.swav import SwAV as SwAV
from skdeepcluster.semantic.cdc import CDC as CDC
from skdeepcluster.semantic.contrastive_clustering import (
    ContrastiveClustering as ContrastiveClustering,
)
from skdeepcluster.semantic.divclust import DivClust as DivClust
from skdeepcluster.semantic.iic import IIC as IIC
from skdeepcluster.semantic.p2ot import P2OT as P2OT
from skdeepcluster.semantic.scan import SCAN as SCAN
from skdeepcluster.semantic.sp2ot import SP2OT as SP2OT
from skdeepcluster.semantic.temi import TEMI as TEMI
from skdeepcluster.semantic.turtle import TURTLE as TURTLE
from skdeepcluster.subspace.cpp import CPP as CPP
from skdeepcluster.subspace.mlc import MLC as MLC

__version__: str
__all__: list[str]
