import pytest
import torch

from dl4ia.errors import RunError
from dl4ia.runs import RunDirectory


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "variant" / "seed-0")
    run.write_config({"seed": 0, "settings": {"l2": 0.1}})
    run.write_status({"state": "finished"})
    run.write_history([{"step": 1, "train/loss": 0.5}])
    run.write_weights({"0.weight": torch.arange(6.0).view(2, 3)})
    return run


def test_what_was_written_is_read(run):
    assert run.config["settings"] == {"l2": 0.1}
    assert run.finished
    assert run.history.to_dict("records") == [{"step": 1, "train/loss": 0.5}]
    assert torch.equal(run.weights["0.weight"], torch.arange(6.0).view(2, 3))


def test_weights_in_another_memory_layout_are_kept(run):
    weights = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    run.write_weights({"weight": weights})
    assert torch.equal(run.weights["weight"], weights)


def test_the_key_is_that_of_the_configuration(run, tmp_path):
    other = RunDirectory(tmp_path / "elsewhere")
    other.write_config({"settings": {"l2": 0.1}, "seed": 0})
    assert other.key == run.key
    other.write_config({"settings": {"l2": 0.2}, "seed": 0})
    assert other.key != run.key


@pytest.mark.parametrize(
    ("name", "content", "read", "message"),
    [
        ("status.json", b"{", "status", r"status\.json is not valid JSON"),
        ("status.json", b"[]", "status", r"status\.json: expected an object, got list"),
        ("config.json", None, "config", r"config\.json is missing: run `dvc repro`"),
        ("model.safetensors", b"\x00" * 20, "weights", r"model\.safetensors is not a readable safetensors"),
        ("model.safetensors", None, "weights", r"the run has not finished"),
        ("history.csv", b"", "history", r"history\.csv is not a readable history"),
    ],
)
def test_a_damaged_file_is_named(run, name, content, read, message):
    path = run.path / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=message):
        getattr(run, read)
