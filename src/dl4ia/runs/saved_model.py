"""A trained network with all that is needed to apply it, in a folder of its own: `models/<task>/` in git.

The folder is a run directory without its curves, and `use.json`, which says how its predictions are made.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import SerializeAsAny, ValidationError
from torch import nn
from torch.nn import functional

from dl4ia.base import atomic_files
from dl4ia.base.errors import ConfigError, RunError
from dl4ia.config.settings import Settings
from dl4ia.config.variants import TestTime, Variant
from dl4ia.runs.experiment import Standardizer
from dl4ia.runs.predictions import mean_log_probability, views
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.schemas import Stored, damaged, read_json
from dl4ia.runs.train import Experiment
from dl4ia.tasks import Task, task_of
from dl4ia.tasks.folders.dataset import DATASETS, FolderDataset
from dl4ia.tasks.folders.task import FolderTask
from dl4ia.training.loop import predict


def champion_folder(task: str, root: Path = Path()) -> Path:
    """Return where the champion of a task is."""
    return root / "models" / task


class Use(Stored):
    """What a network is, and over which transformed copies of an image its predictions are averaged.

    `dataset` describes what it was trained on where that is a dataset of one's own.
    """

    about: str
    test_time: TestTime = "none"
    dataset: SerializeAsAny[Annotated[FolderDataset, DATASETS.validator]] | None = None


@dataclass(frozen=True)
class SavedModel:
    """A network that can be applied: `name` is its variant and seed."""

    name: str
    task: Task
    network: nn.Module
    standardizer: Standardizer
    test_time: TestTime

    @classmethod
    def load(cls, folder: Path, variant: Variant | None = None) -> Self:
        """Read a saved model, or a run directory, of which `variant` says how it is used; raises RunError."""
        with _fitting_advice(folder):
            run, path = RunDirectory(folder), folder / "use.json"
            config = run.config()
            use = read_json(path, Use, folder) if path.exists() else Use(about="")
            try:
                task = task_of(config.task) if use.dataset is None else use.dataset.task(config.task)
                settings = Settings.model_validate_json(json.dumps(config.settings | {"seeds": [config.seed]}))
                network = settings.network.build(task.signature)
                network.load_state_dict(run.weights())
            except (ConfigError, ValidationError, RuntimeError) as error:
                what = f"it does not fit its weights or this code: {_reason(error)}"
                raise damaged(folder / "config.json", what, folder) from error
        test_time = use.test_time if variant is None else variant.test_time
        by_training_set = config.standardization
        standardizer = Standardizer()
        if by_training_set is not None:
            standardizer = Standardizer(tuple(by_training_set.mean), tuple(by_training_set.std))
        return cls(f"{config.variant}/seed-{config.seed}", task, network.eval(), standardizer, test_time)

    def probabilities(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of classes (n, classes, ...) in raw images (n, channels, h, w)."""
        batch = self.standardizer.apply(images)
        each = [
            back(functional.log_softmax(predict(self.network, forth(batch)), dim=1))
            for forth, back in views(self.test_time)
        ]
        return np.asarray(mean_log_probability(each).exp().numpy(), dtype=np.float32)


@contextmanager
def _fitting_advice(folder: Path) -> Iterator[None]:
    """Say of a damaged saved model, which DVC does not restore as it does runs, how to get it back."""
    try:
        yield
    except RunError as error:
        if folder.resolve() == champion_folder(folder.name).resolve():
            advice = f"`git checkout -- {folder}` restores it"
        elif (folder / "use.json").exists():
            advice = f"copy {folder} again from where it came from"
        else:
            raise
        what = re.sub(r"(; delete .* and|:) run `dvc repro`$", "", str(error))
        raise RunError(f"{what}; {advice}") from error


def _reason(error: Exception) -> str:
    """Return why a model cannot be built, in a line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"settings.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())[:200].rstrip(" ,")


def save_model(experiment: Experiment, folder: Path) -> None:
    """Write the network of a finished run to `folder`; raises RunError if it is not finished, or damaged.

    `config.json` is removed first and written last: where it is, the other files are of the same run.
    """
    run, variant = experiment.run, experiment.variant
    if (state := run.status().state) != "finished":
        raise RunError(f"{run.path}: its training is {state}: `{experiment.command}` first")
    run.weights()  # which checks them
    saved, config = RunDirectory(folder), run.config()
    (folder / "config.json").unlink(missing_ok=True)
    saved.write_status(run.status())
    atomic_files.write(folder / "model.safetensors", (run.path / "model.safetensors").read_bytes())
    task = task_of(variant.task)
    dataset = task.dataset if isinstance(task, FolderTask) else None
    use = Use(about=variant.about, test_time=variant.test_time, dataset=dataset)
    atomic_files.write_json(folder / "use.json", use.model_dump(mode="json", exclude_none=True))
    saved.write_config(config)
