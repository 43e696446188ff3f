"""Commands that are stages of the pipeline: `python -m pipeline.STAGE` is `dl4ia STAGE`."""

from typing import TYPE_CHECKING, Annotated

import typer

from dl4ia.base.errors import UserError
from dl4ia.cli.app import Rows, Scheduler, StudyName, Tasks, Trained, command

if TYPE_CHECKING:
    from dl4ia.stages import Pipeline

_PANEL = "Run stages of the pipeline"

# The modules of the work for which commands start processes, and what each of these would load for itself otherwise.
_WORK = {
    "train": ["dl4ia.runs.train"],
    "evaluate": ["dl4ia.runs.evaluate", "dl4ia.tasks.classification_results", "dl4ia.tasks.segmentation_results"],
    "search": ["dl4ia.search.worker"],
}


def _pipeline(stage: str = "", scheduler: str | None = None) -> "Pipeline":
    """Return the pipeline of this folder; PyTorch, which that imports, is loaded for workers at the same time."""
    if stage in _WORK and not scheduler:
        from dl4ia.execution.local import prepare  # noqa: PLC0415

        prepare(*_WORK[stage])
    from dl4ia.stages import here  # noqa: PLC0415

    return here(scheduler)


@command(_PANEL)
def download(names: Tasks = None) -> None:
    """Bring published files, or the stand-in, into arrays."""
    _pipeline().download(names or ())


@command(_PANEL)
def split(names: Tasks = None) -> None:
    """Choose the training images that validate."""
    _pipeline().split(names or ())


@command(_PANEL)
def search(
    study: StudyName,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="processes of one thread (default: all cores)")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="how many to reach (default: those of params.yaml)")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", envvar="OPTUNA_STORAGE", help="database (default: studies.db in this folder)"),
    ] = None,
    scheduler: Scheduler = None,
) -> None:
    """Run a study, or continue it."""
    if workers and scheduler:
        raise UserError(f"--workers: got {workers}, but the cluster at {scheduler} has its own workers")
    _pipeline("search", scheduler).search(study, workers=workers, trials=trials, url=storage)


@command(_PANEL)
def train(
    names: Trained,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N", help="train these instead of the variant's own, as with KEY=VALUE")
    ] = None,
    scheduler: Scheduler = None,
) -> None:
    """Train all seeds of variants, or resume them; with KEY=VALUE, one variant with other settings.

    A training with other settings or seeds is one to try something: it is kept in out/tries, apart from DVC's outputs
    and from all results, and its validation score is printed beside that of the variant.
    """
    variants, changes = _words(names)
    pipeline = _pipeline("train", scheduler)
    if not changes and seeds is None:
        pipeline.train(variants)
        return
    if len(variants) != 1:
        raise UserError(f"KEY=VALUE and --seeds are for one variant at a time, and {', '.join(variants)} are named")
    pipeline.try_out(variants[0], changes, None if seeds is None else _seeds(seeds))


def _words(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the names among the words, and the settings with their values as text."""
    pairs = [word.partition("=") for word in words]
    names = [name for name, sign, _ in pairs if not sign]
    if not names:
        raise UserError(f"{' '.join(words)}: expected the name of a variant before settings")
    return names, {key: value for key, sign, value in pairs if sign}


def _seeds(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UserError(f"--seeds: got {text!r}, expected whole numbers, such as 0,1,2")
    return [int(part) for part in parts]


@command(_PANEL)
def evaluate(names: Rows, scheduler: Scheduler = None) -> None:
    """Measure trained variants and ensembles on the test sets."""
    _pipeline("evaluate", scheduler).evaluate(names)


@command(_PANEL)
def champion(names: Tasks = None) -> None:
    """Write the network of each task to use first to models/."""
    _pipeline().champion(names or ())


@command(_PANEL)
def report() -> None:
    """Write the tables in results/, and the report."""
    _pipeline().report()


@command(_PANEL)
def publish() -> None:
    """Show all runs and studies on disk in MLflow."""
    _pipeline().publish()


@command(_PANEL)
def code() -> None:
    """Write which version of the code each stage depends on: results/code.json."""
    _pipeline().code()


@command(_PANEL)
def stages(
    groups: Annotated[
        list[str], typer.Argument(metavar="GROUP", help="as in params.yaml; report: those of the report")
    ],
) -> None:
    """Print the stages of dvc.yaml of groups of experiments."""
    from dl4ia.config.groups import stages_of  # noqa: PLC0415

    print(*(stage for group in groups for stage in stages_of(group)), sep="\n")  # noqa: T201


@command(_PANEL)
def same(revision: Annotated[str, typer.Argument(metavar="REV", help="a commit, such as HEAD")]) -> None:
    """Show that the code of a revision computes the same as now, to the bit, and record that."""
    from dl4ia.equivalence.comparison import stamp_if_same  # noqa: PLC0415

    stamp_if_same(revision)


@command(_PANEL)
def demo() -> None:
    """Run the whole pipeline, small, in out/demo."""
    from dl4ia.demo import run_demo  # noqa: PLC0415

    run_demo()
