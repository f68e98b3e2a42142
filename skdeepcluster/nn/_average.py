"""Teachers that follow a network slowly."""

import copy

import torch


def follower(module):
    """A copy of a network for targets: without gradient, and left to `follow`."""
    copied = copy.deepcopy(module).eval()
    return copied.requires_grad_(False)


@torch.no_grad()
def follow(teacher, student, momentum):
    """Move a teacher towards its student.

    Parameters
    ----------
    teacher : torch.nn.Module
        From `follower`.
    student : torch.nn.Module
    momentum : float
        Share of its weights that the teacher keeps; running statistics are taken over.
    """
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast.to(slow.dtype), 1 - momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
        slow.copy_(fast)
