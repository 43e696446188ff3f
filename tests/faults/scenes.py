"""What is killed: a training, a search, a whole reproduction; each undisturbed takes a minute or less."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.copies import Copy
from tests.faults.kills import Torment

VARIANT = "warwick-combined"
_OF_DVC = ("params.yaml", "dvc.yaml", ".dvc/config", ".dvcignore", "pipeline", "src")
_OF_DATA = ("params.yaml", "out")


def a_training(base: Path, iterations: int) -> Torment:
    """Two seeds of a variant with all that a checkpoint must hold: batch norm, AdamW, rotations."""

    def change(params: dict[str, Any]) -> None:
        params["variants"] = {VARIANT: params["variants"][VARIANT]}
        settings = params["variants"][VARIANT]["settings"]
        settings |= {"seeds": [0, 1], "iterations": iterations, "evaluate_every": max(1, iterations // 20)}
        settings["network"] |= {"batch_norm": True, "relu_on_logits": False}
        params["studies"], params["searched"] = {}, {}

    command = ("python", "-m", "pipeline.train", VARIANT)
    return Torment("training", partial(Copy.of, base, _OF_DATA, change=change), command, 9)


def a_search(base: Path, iterations: int) -> Torment:
    """The eight points of a grid, over two folds."""

    def change(params: dict[str, Any]) -> None:
        study = params["studies"]["lambda"]
        study |= {"iterations": iterations, "evaluate_every": max(1, iterations // 4)}
        study["objective"] = {"kind": "folds", "strategy": "random", "folds": 2}
        params["studies"] = {"lambda": study}

    return Torment("search", partial(Copy.of, base, _OF_DATA, change=change), ("dl4ia", "search", "lambda"), 10)


def a_reproduction(iterations: int) -> Torment:
    """`dvc repro` from nothing: data, splits, a study, variants of both tasks and the study's winner, the report."""

    def change(params: dict[str, Any]) -> None:
        params["data"]["source"] = "stand-in"  # and nothing is asked of any network
        params["variants"] = {name: params["variants"][name] for name in ("mnist-fc", VARIANT)}
        for task in ("mnist", "warwick"):
            fewer = {"seeds": [0, 1], "iterations": iterations, "evaluate_every": max(1, iterations // 4)}
            params["defaults"][task] |= fewer
            params["variants"]["mnist-fc"]["settings"] |= {"iterations": iterations, "evaluate_every": iterations // 4}
        study = params["studies"]["joint"]
        study |= {"trials": 4, "iterations": iterations // 4, "evaluate_every": max(1, iterations // 8)}
        study["objective"] = {"kind": "split", "strategy": "random"}
        params["studies"] = {"joint": study}

    def make(root: Path) -> Copy:
        copy = Copy.of(ROOT, _OF_DVC, root, change)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        return copy

    return Torment("dvc repro", make, ("dvc", "repro"), 12)
