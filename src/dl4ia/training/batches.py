"""Training data on one device, and which of them make the next batch."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Labelled:
    """Images (n, c, h, w) float32, standardised, and targets (n,) or (n, h, w) int64, on one device."""

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return images and targets at `indices`."""
        return self.images[indices], self.targets[indices]


@dataclass
class Batches:
    """Index batches without end: one shuffled epoch of `count` after another, every batch full.

    `generator` is on the CPU, so that the order is the same on every device; the indices are moved once an epoch.
    """

    count: int
    size: int
    generator: torch.Generator
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), init=False)

    def next(self) -> Tensor:
        """Return the indices of the next batch, (size,)."""
        while len(self._order) < self.size:
            epoch = torch.randperm(self.count, generator=self.generator)
            self._order = torch.cat([self._order.to(self.device), epoch.to(self.device)])
        batch, self._order = self._order[: self.size], self._order[self.size :]
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """Return what decides all batches to come."""
        return {"order": self._order.cpu().clone(), "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state_dict` returned."""
        self._order = state["order"].to(self.device)
        self.generator.set_state(state["generator"])
