"""The whole pipeline, small, in one go: `python -m pipeline.demo`.

A few variants that train in seconds, and a study of four trials, below out/demo: with a params.yaml and databases of
its own, so that nothing that DVC tracks is touched. The published files are brought to data/ where they are available,
as by the download stage.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dl4ia import config
from dl4ia.cli import ending_in_one_line
from dl4ia.runs.layout import Layout
from dl4ia.stages import Pipeline

_ROOT = Path("out/demo")
_ITERATIONS = {"mnist-fc": 200, "mnist-cnn": 200}  # of variants of params.yaml
_GLANDS = "warwick-batch-norm", 150  # one more variant: the others need thousands to leave chance level
_STUDY, _SEARCHED = "widths", "warwick-searched"
_NOTICE = (
    "**A demonstration**: a few variants, one seed each and few iterations. It shows what a report looks like; its "
    "numbers are no results."
)


def main() -> None:
    """Write out/demo/."""
    layout = Layout(_ROOT)
    _write_params(_ROOT / "params.yaml")
    before = _pipeline(layout)
    before.download()
    before.split()
    before.search(_STUDY)
    pipeline = _pipeline(layout)  # with the settings that the study has found
    pipeline.train(list(pipeline.params.variants))
    pipeline.evaluate(list(pipeline.params.variants))
    pipeline.report(_NOTICE)
    pipeline.publish()
    print(f"report: {layout.report / 'report.md'}; `make demo-ui` and `make demo-dashboard` show runs and trials")  # noqa: T201


def _pipeline(layout: Layout) -> Pipeline:
    return Pipeline(config.load(layout.root / "params.yaml", layout.root), layout)


def _write_params(path: Path) -> None:
    yaml = YAML()
    content = yaml.load(Path("params.yaml"))
    path.parent.mkdir(parents=True, exist_ok=True)
    yaml.dump(small(content), path)


def small(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of params.yaml with the variants and the study of the demonstration alone."""
    variants = {name: content["variants"][name] for name in _ITERATIONS}
    for name, iterations in _ITERATIONS.items():
        variants[name]["settings"] |= _budget(iterations)
    glands, iterations = _GLANDS
    variants[glands] = {
        "task": "warwick",
        "exercise": "2.4",
        "about": "batch norm after each convolution, Adam",
        "reported": {},
        "settings": {
            "optimizer": {"kind": "adam", "learning_rate": 0.01},
            "network": {"batch_norm": True},
            **_budget(iterations),
        },
    }
    study = content["studies"][_STUDY]
    study["space"]["network"] = {"width": [4, 8], "levels": [1, 2]}
    study |= {"trials": 4, "objective": {"kind": "split", "strategy": "random"}, **_budget(50)}
    searched = content["searched"][_SEARCHED]
    searched["best"], searched["about"] = f"results/search/{_STUDY}/best.yaml", f"the best of the study {_STUDY}"
    searched["settings"] |= _budget(iterations)
    return content | {
        "seeds": {task: [0] for task in content["seeds"]},
        "variants": variants,
        "studies": {_STUDY: study},
        "searched": {_SEARCHED: searched},
        "ensembles": {},
    }


def _budget(iterations: int) -> dict[str, int]:
    return {"iterations": iterations, "evaluate_every": iterations // 10}


if __name__ == "__main__":
    ending_in_one_line(main)
