"""A network and its optimizer as a `LightningModule`."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import Tensor, nn, optim

from benchmarks.comparison.problems import Problem


def module_of(problem: Problem, tick: Callable[[], None]) -> Any:  # noqa: ANN401 (Lightning is not installed by default)
    """Return the module; it calls `tick` at the end of each iteration. Raises ImportError without Lightning."""
    lightning = import_module("lightning")

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network, self.criterion = problem.network(), nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
            images, targets = batch
            loss: Tensor = self.criterion(self.network(images), targets)
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
            images, targets = batch
            logits = self.network(images)
            self.log("val_loss", self.criterion(logits, targets), prog_bar=True)
            self.log("val_score", problem.task.score(logits, targets).mean(), prog_bar=True)

        def configure_optimizers(self) -> optim.Optimizer:
            return problem.optimizer(self.network)

        def on_train_batch_end(self, *_: object) -> None:
            tick()

    return Module()
