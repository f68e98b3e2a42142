"""A fit by several processes, as torchrun starts them; for one, every operation is the identity."""

import atexit
import multiprocessing

import torch
import torch.distributed as dist


class Processes:
    """Communication between the processes of one fit.

    Every process draws the same random numbers and holds the same model. Of each batch, and of each
    pass over all rows, it computes its own share; sums over rows are sums over processes.
    """

    rank, size = 0, 1

    def share(self, index):
        """This process's consecutive share of a batch."""
        return index

    def share_of_rows(self, n_rows):
        """The range of rows that this process computes on."""
        return 0, n_rows

    def sum(self, tensor):
        """Sum over the processes, in place."""
        return tensor

    def join_rows(self, own, n_rows):
        """All rows from each process's `share_of_rows`."""
        return own

    def agree(self, number):
        """The first process's value of an integer or a flag."""
        return number

    def wait(self):
        """Return when all processes have reached this point."""


class _Group(Processes):
    def __init__(self):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def share(self, index):
        return index.tensor_split(self.size)[self.rank]

    def share_of_rows(self, n_rows, rank=None):
        rank = self.rank if rank is None else rank
        return n_rows * rank // self.size, n_rows * (rank + 1) // self.size

    def sum(self, tensor):
        dist.all_reduce(tensor)
        return tensor

    def join_rows(self, own, n_rows):
        whole = own.new_empty((n_rows, *own.shape[1:]))
        for rank in range(self.size):
            begin, end = self.share_of_rows(n_rows, rank)
            if rank == self.rank:
                whole[begin:end] = own
            dist.broadcast(whole[begin:end], src=rank)
        return whole

    def agree(self, number):
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        agreed = torch.tensor([int(number)], device=device)
        dist.broadcast(agreed, src=0)
        return type(number)(agreed.item())

    def wait(self):
        dist.barrier()


def processes(device):
    """The processes of this fit: of torchrun, of the caller's process group, or only this one.

    Worker processes that a library starts inside a torchrun job fit alone.
    """
    if not dist.is_available() or multiprocessing.parent_process() is not None:
        return Processes()
    if not dist.is_initialized() and dist.is_torchelastic_launched():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return _Group() if dist.is_initialized() and dist.get_world_size() > 1 else Processes()
