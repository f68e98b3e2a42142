"""Costs of transport on a device, and the passes over them."""

import numpy as np
import torch

from skdeepcluster.assignment.transport._costs import Costs


class DeviceCosts(Costs):
    """Rows of costs on a device: the same passes by its own operations."""

    def __init__(self, read, shape, sample, block_size, name):
        super().__init__(read, shape, sample, block_size, name)
        self.device = sample.device
        # Apple's devices have no double precision.
        self.real = torch.float32 if self.device.type == "mps" else torch.float64

    def block(self, begin, end):
        block = self.read(begin, end).detach()
        if block.shape != (end - begin, self.shape[1]):
            raise ValueError(
                f"{self.name}.block({begin}, {end}) has shape {tuple(block.shape)}; "
                f"{(end - begin, self.shape[1])} is required"
            )
        return block.to(self.real)

    def empty(self, *shape, dtype=np.float64):
        dtype = {"float32": torch.float32, "int64": torch.int64}.get(np.dtype(dtype).name)
        return torch.empty(shape, dtype=dtype or self.real, device=self.device)

    def hold(self, masses):
        return torch.as_tensor(masses, dtype=self.real, device=self.device)

    def give(self, array):
        return torch.as_tensor(array, device=self.device)

    def sums(self, g, reg, mass, rows, evaluate=False, **outputs):
        n_columns, padding = self.shape[1], len(g) - self.shape[1]
        g = self.hold(g)
        total, value = torch.zeros_like(g), g.new_zeros(())
        scale = g.new_tensor(0.0 if rows.exact else -torch.inf)
        for begin, end, block in self.blocks():
            e = g - torch.nn.functional.pad(block, (0, padding))
            if "labels" in outputs:
                outputs["labels"][begin:end] = e[:, :n_columns].argmax(1)
            m = e.amax(1)
            e = e.sub_(m[:, None]).div_(reg).exp_()
            log_w = mass[begin:end].log() - e.sum(1).log()
            if not rows.exact:
                log_w = rows.damping * log_w + (1 - rows.damping) * m / reg
                log_w = torch.minimum(log_w, (rows.cap + m) / reg)
                highest = torch.maximum(scale, log_w.amax())
                total *= (scale - highest).exp().nan_to_num(0.0)
                scale = highest
            total += (log_w - scale).exp().masked_fill(log_w == -torch.inf, 0.0) @ e
            potentials = reg * log_w - m
            if evaluate:
                has_mass = mass[begin:end] > 0
                value += mass[begin:end][has_mass] @ potentials[has_mass]
            if "potentials" in outputs:
                outputs["potentials"][begin:end] = potentials
            if "masses" in outputs:
                outputs["masses"][begin:end] = log_w.exp() * e[:, :n_columns].sum(1)
            if "plan" in outputs:
                outputs["plan"][begin:end] = log_w.exp()[:, None] * e[:, :n_columns]
        scale = float(scale) if scale > -torch.inf else 0.0
        return total.double().cpu().numpy(), scale, float(value)

    def log_sums(self, g, reg, potentials, columns):
        padding = len(g) - self.shape[1]
        g, columns = self.hold(g), torch.as_tensor(columns, device=self.device)
        total = g.new_full((len(columns),), -torch.inf)
        for begin, end, block in self.blocks():
            cost = torch.nn.functional.pad(block, (0, padding))[:, columns]
            logs = (g[columns] - cost + potentials[begin:end, None]) / reg
            total = torch.logaddexp(total, logs.logsumexp(0))
        return total.double().cpu().numpy()
