"""Clusterers that train an encoder by labels that they make themselves."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "clusterfit": ["ClusterFit"],
        "deepcluster": ["DeepCluster", "DeepClusterV2"],
        "deepercluster": ["DeeperCluster"],
        "gsimclr": ["GSimCLR"],
        "jigclu": ["JigClu"],
        "mlcd": ["MLCD"],
        "odc": ["ODC"],
        "sela": ["SeLa"],
        "simclr": ["SimCLR"],
        "swav": ["SwAV"],
    },
)
