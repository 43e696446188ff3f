"""What is killed: a training, a search, a whole reproduction; each undisturbed takes a minute or less."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.faults.kills import KillScenario
from tests.workspaces import Workspace, keep

VARIANT = "warwick-combined"
# For one worker with one thread, and no tracker: 127.0.0.1:9 refuses connections.
ALONE = {
    "LOKY_MAX_CPU_COUNT": "1",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
_OF_DVC = ("params.yaml", "dvc.yaml", ".dvc/config", ".dvc/plots", ".dvcignore", "pipeline", "src")
_OF_DATA = ("params.yaml", "out")


def training(base: Path, iterations: int, seeds: int = 2, width: int = 10) -> KillScenario:
    """Train a variant with all that a checkpoint must hold: batch norm, AdamW, a schedule, a mean of the weights."""

    def change(params: dict[str, Any]) -> None:
        keep(params, variants=[VARIANT])
        settings = params["variants"][VARIANT]["settings"]
        settings |= {"seeds": list(range(seeds)), "iterations": iterations, "evaluate_every": max(1, iterations // 20)}
        settings |= {"schedule": {"kind": "cosine", "warmup": 0.1}, "ema_decay": 0.9}
        settings["augmentation"] = [{"kind": "flips"}]
        settings["network"] |= {"batch_norm": True, "width": width}

    command = ("python", "-m", "pipeline.train", VARIANT)
    return KillScenario("training", partial(Workspace.of, base, _OF_DATA, change=change), command, 9)


def search(base: Path, iterations: int) -> KillScenario:
    """Search the eight points of a grid, over two folds."""

    def change(params: dict[str, Any]) -> None:
        keep(params, studies=["lambda"])
        study = params["studies"]["lambda"]
        study |= {"iterations": iterations, "evaluate_every": max(1, iterations // 4)}
        study["objective"] = {"kind": "folds", "strategy": "random", "folds": 2}

    command = ("python", "-m", "pipeline.search", "lambda")
    return KillScenario("search", partial(Workspace.of, base, _OF_DATA, change=change), command, 10)


def reproduction(iterations: int) -> KillScenario:
    """Run `dvc repro` from nothing: data, splits, a study, variants of both tasks and of the study, the report."""

    def change(params: dict[str, Any]) -> None:
        params["data"]["source"] = "stand-in"
        params["seeds"] = {"mnist": [0, 1], "warwick": [0, 1]}
        keep(params, variants=["mnist-fc", VARIANT], studies=["joint"], searched=["warwick-searched"])
        fewer = {"iterations": iterations, "evaluate_every": max(1, iterations // 4)}
        for settings in (*params["defaults"].values(), params["variants"]["mnist-fc"]["settings"]):
            settings.update(fewer)
        study = params["studies"]["joint"]
        study |= {"trials": 4, "iterations": iterations // 4, "evaluate_every": max(1, iterations // 8)}
        study["objective"] = {"kind": "split", "strategy": "random"}

    def make(root: Path) -> Workspace:
        workspace = Workspace.of(ROOT, _OF_DVC, root, change)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        return workspace

    return KillScenario("dvc repro", make, ("dvc", "repro"), 12)
