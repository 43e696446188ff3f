"""Ways to train a network, each a module with a function `train`: see `CONTENDERS`.

`train(problem, iterations, tick)` trains for so many iterations, calls `tick` at the end of each, and returns the
trained network, or None where the training is too short for a score to mean anything.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A module here, and what it is called in tables.

    `warm_up` iterations come before the clock starts. `listed` says that the report's loop is timed for a part of the
    iterations. `ours` says that its process is prepared as those of this project are.
    """

    module: str
    title: str
    warm_up: int = 20
    listed: bool = False
    ours: bool = False


OURS, FLOOR, REPORT = "ours", "floor", "report"
CONTENDERS = {
    OURS: Contender("ours", "this project", ours=True),
    FLOOR: Contender("floor", "the same steps and nothing else", ours=True),
    REPORT: Contender("report", "the report's loop", warm_up=2, listed=True),
    "plain": Contender("plain", "plain PyTorch loop"),
    "lightning": Contender("lightning_defaults", "Lightning, defaults"),
    "lightning-tuned": Contender("lightning_tuned", "Lightning, tuned"),
    "keras": Contender("keras_fit", "Keras on PyTorch"),
    "fastai": Contender("fastai_learner", "fastai"),
}
OTHERS = tuple(name for name in CONTENDERS if name not in {OURS, FLOOR, REPORT})  # what a user would pick instead
