import json
import re

import pytest
import torch
from safetensors.torch import save

from dl4ia.base.errors import RunError
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.schemas import RunConfig, RunStatus

CONFIG = {
    "variant": "v", "task": "mnist", "seed": 0, "settings": {"l2": 0.1},
    "standardization": {"mean": [0.5], "std": [2.0]}, "data": "d1", "split": "d2", "code": "c",
}  # fmt: skip
STATUS = {
    "state": "finished", "started": 1.5, "seconds": 2.0, "threads": 1, "device": "cpu", "git_commit": "0f",
    "versions": {"torch": "2"}, "machine": "x86, 2 cores", "process": "host/1/2.00",
}  # fmt: skip
HISTORY = [
    {"step": 1, "epoch": 0.5, "seconds": 0.1, "learning_rate": 0.1, "train/loss": 0.5},
    {"step": 3, "epoch": 1.0, "seconds": 1.0, "learning_rate": 0.1, "train/loss": 1.0},
]


def edited(content, **changes):
    return json.dumps(content | changes).encode()


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "variant" / "seed-0")
    run.write_config(RunConfig(**CONFIG))
    run.write_status(RunStatus(**STATUS))
    run.write_history(HISTORY)
    run.write_weights({"0.weight": torch.arange(6.0).view(2, 3)})
    return run


def test_what_was_written_is_read(run):
    assert run.config() == RunConfig(**CONFIG)
    assert run.status() == RunStatus(**STATUS)
    assert run.history().to_dict("records") == HISTORY
    assert torch.equal(run.weights()["0.weight"], torch.arange(6.0).view(2, 3))


def test_weights_in_another_memory_layout_are_kept(run):
    weights = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    run.write_weights({"weight": weights})
    assert torch.equal(run.weights()["weight"], weights)


def test_the_key_is_that_of_all_that_decides(run):
    key = run.config().key
    run.write_config(RunConfig(**dict(reversed(CONFIG.items()))))
    assert run.config().key == key
    for change in ({"settings": {"l2": 0.2}}, {"seed": 1}, {"code": "d"}, {"standardization": None}):
        assert RunConfig(**(CONFIG | change)).key != key


@pytest.mark.parametrize(
    ("name", "content", "read", "message"),
    [
        ("status.json", b"{", "status", "Invalid JSON: EOF"),
        ("status.json", b"[]", "status", "Input should be an object"),
        ("status.json", b"{}", "status", "started: Field required"),
        ("status.json", edited(STATUS, seconds=-1), "status", "seconds: Input should be greater than or equal to 0"),
        ("status.json", edited(STATUS, state="fine"), "status", "state: Input should be 'running', 'stopped'"),
        ("config.json", edited(CONFIG, seed="0"), "config", "seed: Input should be a valid integer"),
        (
            "config.json",
            edited(CONFIG, standardization={"mean": [0.0], "std": [0.0]}),
            "config",
            "standardization.std.0: ",
        ),
        ("model.safetensors", b"\x00" * 20, "weights", "not a readable safetensors file"),
        ("model.safetensors", save({"w": torch.tensor([1, torch.nan])}), "weights", "w has values that are not finite"),
        ("history.csv", b"", "history", "not a readable table"),
        ("history.csv", b"epoch,seconds,learning_rate\n1,2,3", "history", "column 'step' is missing"),
        ("history.csv", b"step,epoch,seconds,learning_rate,l\n1,2,3,4,x", "history", "column 'l': expected a number"),
        ("history.csv", b"step,epoch,seconds,learning_rate,l\n1,2,3,4,", "history", "column 'l': expected a number"),
        (
            "history.csv",
            b"step,epoch,seconds,learning_rate\n1,2,3,4\n1,2,3,4",
            "history",
            "column 'step': expected whole numbers, each",
        ),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(run, name, content, read, message):
    path = run.path / name
    path.write_bytes(content)
    with pytest.raises(RunError, match=re.escape(f"{path}: {message}")) as raised:
        getattr(run, read)()
    assert str(raised.value).endswith(f"; delete {run.path.parent} and run `dvc repro`")


@pytest.mark.parametrize(
    ("name", "read"), [("config.json", "config"), ("status.json", "status"), ("model.safetensors", "weights")]
)
def test_a_file_that_is_missing_is_named_with_what_to_do(run, name, read):
    (run.path / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing: run `dvc repro`"):
        getattr(run, read)()
