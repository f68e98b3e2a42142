"""One step on a batch: a loss, its gradients, and the update of the parameters."""

import torch


class Mover:
    """Runs a stage's `Step`.

    Parameters
    ----------
    step : Step
    name : str
        Name of the stage, and of a loss that is a single term.
    fit : Fit
    training : Training
    """

    def __init__(self, step, name, fit, training):
        self.step, self.name, self.fit, self.training = step, name, fit, training
        self.loss = torch.compile(step.loss) if training.compile else step.loss
        self.learning_rate = step.learning_rate or training.learning_rate
        chosen = step.parameters(fit.module) if step.parameters else fit.module.parameters()
        groups = [_trained(group) for group in chosen]
        self.parameters = [
            p
            for group in groups
            for p in (group["params"] if isinstance(group, dict) else [group])
            if p.requires_grad
        ]
        self.optimizer = self._optimizer(groups) if self.parameters else None
        self.rates = (
            [group["lr"] for group in self.optimizer.param_groups] if self.optimizer else []
        )

    def _optimizer(self, groups):
        optimizer, lr = self.training.optimizer, self.learning_rate
        named = [group for group in groups if isinstance(group, dict)]
        chosen = named if named else [p for p in groups if p.requires_grad]
        decay = self.training.weight_decay
        options = {} if decay is None else {"weight_decay": decay}
        if callable(optimizer):
            return optimizer(chosen, lr=lr, **options)
        options["fused"] = self.fit.device.type in ("cpu", "cuda")
        if optimizer == "sgd":
            return torch.optim.SGD(chosen, lr=lr, momentum=0.9, **options)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
        return kind(chosen, lr=lr, **options)

    def slow_down(self, factor):
        """Set the learning rates to a multiple of their initial values."""
        for group, rate in zip(
            self.optimizer.param_groups if self.optimizer else (), self.rates, strict=True
        ):
            group["lr"] = rate * factor

    def terms(self, batch):
        """The named terms of the loss; a single one has the stage's name."""
        terms = self.loss(self.fit, batch)
        return {self.name: terms} if isinstance(terms, torch.Tensor) else terms

    def total(self, terms, progress):
        """The weighted sum of the terms."""
        weights = {
            name: weight(progress) if callable(weight) else weight
            for name, weight in self.step.weights.items()
        }
        return sum(weights.get(name, 1.0) * term for name, term in terms.items())

    def move(self, batch, share, progress):
        """Update the parameters; returns the detached terms of the loss."""
        fit = self.fit
        with fit.precision():
            terms = self.terms(batch)
        terms = {name: term.float() for name, term in terms.items()}
        total = self.total(terms, progress)
        if self.optimizer is not None:
            self.optimizer.zero_grad(set_to_none=True)
            if len(batch):
                total.backward()
            self._reduce_gradients(share)
            if self.step.after_backward:
                self.step.after_backward(fit, batch)
            self.optimizer.step()
        if not len(batch):  # this process's share of a small batch
            return {name: torch.zeros_like(term) for name, term in terms.items()}
        return {name: term.detach() for name, term in terms.items()}

    def _reduce_gradients(self, share):
        """Gradients of the whole batch, and running statistics of layers that keep them."""
        processes = self.training.processes
        if processes.size == 1:
            return
        buffers = [b for b in self.fit.module.buffers() if b.is_floating_point()]
        for p in self.parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        tensors = [*(p.grad for p in self.parameters), *buffers]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        processes.sum(flat.mul_(share))
        sums = flat.split([tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, sums, strict=True):
            tensor.copy_(total.view_as(tensor))


def _trained(group):
    """A parameter, or a group without those that are frozen."""
    if not isinstance(group, dict):
        return group
    return group | {"params": [p for p in group["params"] if p.requires_grad]}
