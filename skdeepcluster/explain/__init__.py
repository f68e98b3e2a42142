"""What clusters are like: layouts and descriptions of a clustering that is there."""

from skdeepcluster.explain._hamiltonian import HamiltonianCycleMap

__all__ = ["HamiltonianCycleMap"]
