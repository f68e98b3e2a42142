"""Mean teachers: exponential moving averages of a network's weights."""

import copy

import torch


def follower(module):
    """A copy of a network for targets: without gradient, updated by `follow`."""
    copied = copy.deepcopy(module).eval()
    return copied.requires_grad_(False)


@torch.no_grad()
def follow(teacher, student, momentum):
    """Update a teacher's weights towards those of its student.

    Parameters
    ----------
    teacher : torch.nn.Module
        From `follower`.
    student : torch.nn.Module
    momentum : float
        Weight of the teacher's own weights in the average; running statistics are copied.
    """
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast.to(slow.dtype), 1 - momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
        slow.copy_(fast)
