"""A part of the bad inputs of `make torture`, and how whole commands end that meet one."""

import random

import pytest

from dl4ia.evaluation import evaluate_variant
from dl4ia.experiment import Experiment
from dl4ia.train import train
from tests.conftest import shortened
from tests.copies import Copy
from tests.faults import inputs, scenes

NAME = "mnist-batch-norm"


@pytest.fixture
def run(params, layout) -> Experiment:
    experiment = Experiment(NAME, shortened(params.variant(NAME)), 0, layout)
    train(experiment, lambda _: None)
    evaluate_variant(NAME, experiment.variant, layout)
    return experiment


def test_every_bad_file_is_refused_in_one_line(run, layout):
    chance = random.Random(0)
    met = [met for victim in inputs.victims(layout.root, run, 1) for met in inputs.attack(victim, chance, share=0.1)]
    assert len(met) > 200
    assert [(told, wrong) for told, wrong in met if wrong] == []


@pytest.mark.parametrize(
    ("command", "file", "content", "message"),
    [
        ("train", "params.yaml", b"data: {source: auto", "params.yaml is no valid YAML"),
        ("train", "out/dataset/warwick-train.npz", b"PK", "warwick-train.npz is not a readable image set"),
        ("train", "out/split/warwick-random.json", b"[]", "warwick-random.json is not a split"),
        ("evaluate", "out/runs/{name}/seed-0/status.json", b"{}", "status.json: started: Field required"),
        ("evaluate", "out/runs/{name}/seed-0/model.safetensors", b"x", "not a readable safetensors file"),
        ("report", "out/dataset/source.json", b"{}", "source.json: mnist is missing"),
    ],
)
def test_a_command_that_meets_one_ends_in_one_line_and_leaves_the_rest(
    tmp_path, trained, command, file, content, message
):
    path = trained.root / file.format(name=scenes.VARIANT)
    good = path.read_bytes()
    before = trained.results()
    path.write_bytes(content)
    words = ["python", "-m", f"pipeline.{command}", *([] if command == "report" else [scenes.VARIANT])]
    process = trained.start(*words)
    said = process.communicate(timeout=120)[1]
    path.write_bytes(good)
    assert process.returncode == 1
    assert said.startswith("error: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert trained.results() == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base) -> Copy:
    scene = scenes.a_training(base, 4)
    copy = scene.make(tmp_path_factory.mktemp("trained") / "copy")
    copy.run(*scene.command)
    copy.run("python", "-m", "pipeline.evaluate", scenes.VARIANT)
    return copy
