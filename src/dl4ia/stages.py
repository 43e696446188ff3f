"""The stages of the pipeline, as one object: each reads its parameters, does its work and writes its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import cpu_count

from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.base.errors import DataError, UserError
from dl4ia.base.working_copy import lasting
from dl4ia.config import Params
from dl4ia.data.imageset import ImageSet
from dl4ia.data.splits import STRATEGIES, save_splits
from dl4ia.execution.executor import Executor
from dl4ia.execution.local import LocalProcesses
from dl4ia.outcomes import evaluated_line, searched_line, trained_line, validated_line
from dl4ia.progress import EvaluationBar, RunBars, StudyBar
from dl4ia.runs.layout import Layout
from dl4ia.tasks import task_of

if TYPE_CHECKING:
    from dl4ia.runs.train import Experiment


@dataclass(frozen=True)
class Pipeline:
    """The stages of one params.yaml in one working copy; `data` is the folder of the published files.

    Trainings, trials and evaluations run on `cluster`, or without one in processes of this machine.

    What takes a second to import is imported by the stage that needs it.
    """

    params: Params
    layout: Layout = field(default_factory=Layout)
    data: Path = Path("data")
    cluster: Executor | None = None

    def code(self) -> None:
        """Write `results/code.json`: which version of the code each stage depends on."""
        from dl4ia.runs.code import versions  # noqa: PLC0415

        atomic_files.write_json(self.layout.results / "code.json", versions(self.params))

    def download(self, names: Sequence[str] = ()) -> None:
        """Write the arrays of the named tasks, or of all, to `out/dataset/`."""
        from dl4ia.tasks.folders.task import FolderTask  # noqa: PLC0415
        from dl4ia.tasks.preparation import prepare  # noqa: PLC0415

        for task in map(task_of, names or self.params.split):
            if isinstance(task, FolderTask):
                task.write(self.layout.root, self.layout.datasets)
            else:
                prepare(task, self.data, self.layout.datasets, self.params.data.source)

    def split(self, names: Sequence[str] = ()) -> None:
        """Write which training images validate, by every strategy of the named tasks, or of all."""
        for name in names or self.params.split:
            task = task_of(name)
            if name not in self.params.split:
                raise UserError(f"params.yaml: split: {name} is missing, there is {', '.join(self.params.split)}")
            images = ImageSet.load(self.layout.dataset(name, "train"))
            for strategy in task.strategies:
                try:
                    splits = STRATEGIES[strategy](images, self.params.split[name])
                except ValueError as error:  # scikit-learn's, of numbers that do not suit these images
                    reason = " ".join(str(error).split())
                    raise DataError(f"params.yaml: split of {name}: strategy {strategy}: {reason}") from error
                save_splits(self.layout.split(name, strategy), splits)

    def search(
        self, name: str, *, workers: int | None = None, trials: int | None = None, url: str | None = None
    ) -> None:
        """Bring a study to its number of trials (or `trials`), in the database at `url`, and write its outcome.

        `workers` processes of one thread each share the trials (default: as many as there are cores), or a cluster.
        """
        from dl4ia.search.run import SearchProgress, run_study  # noqa: PLC0415
        from dl4ia.search.storage import default_url  # noqa: PLC0415
        from dl4ia.tracking.live import Live  # noqa: PLC0415
        from dl4ia.tracking.studies import StudyView  # noqa: PLC0415

        layout, study = self.layout, self.params.study(name)
        if trials is not None:
            study = study.with_trials(trials)
        if workers is not None and workers > cpu_count():
            raise UserError(f"--workers: got {workers}, and this machine has {cpu_count()} cores")
        executor, url = self.cluster or LocalProcesses(workers, one_thread_each=True), url or default_url(layout)
        if self.cluster and url.startswith("sqlite"):
            raise UserError(
                f"{url} is a file of this machine: workers of a cluster share a study in PostgreSQL: set --storage or "
                f"OPTUNA_STORAGE to postgresql+psycopg://USER@HOST/DATABASE"
            )
        with StudyBar(name) as bar, Live(layout) as live:
            live.start()

            def observe(progress: SearchProgress) -> None:
                bar(progress)
                if progress.new:
                    live(StudyView(name, study, layout))

            run_study(name, study, layout, url, executor, observe, self.params.device)
        print(searched_line(name, study, layout.study(name)))  # noqa: T201

    def train(self, names: Sequence[str]) -> None:
        """Train all seeds of the named variants, side by side."""
        from dl4ia.runs.train import experiments  # noqa: PLC0415

        todo = experiments(self.params, names, self.layout)
        self._train(todo)
        for name in names:
            of_variant = [each for each in todo if each.name == name]
            print(trained_line(name, of_variant, self.params.variant(name).reported))  # noqa: T201

    def try_out(self, name: str, changes: Mapping[str, str], seeds: Sequence[int] | None = None) -> None:
        """Train a variant with some other settings (values as YAML) or seeds, apart from its runs and results."""
        from dl4ia.tries import tries  # noqa: PLC0415

        todo = tries(self.params, name, changes, seeds, self.layout.root)
        self._train(todo)
        print(trained_line(todo[0].name, todo))  # noqa: T201
        if (self.layout.result(name).path / "runs.json").exists():
            print(validated_line(name, self.layout.result(name)))  # noqa: T201

    def _train(self, todo: "Sequence[Experiment]") -> None:
        from dl4ia.runs.train import Moved, Progress, train_all  # noqa: PLC0415
        from dl4ia.tracking.live import Live  # noqa: PLC0415
        from dl4ia.tracking.runs import RunView  # noqa: PLC0415

        with RunBars() as bars, Live(self.layout) as live:
            live.start()

            def observe(progress: Progress | Moved) -> None:
                if isinstance(progress, Moved):
                    bars.between_points(progress)
                else:
                    bars.at_point(progress)
                    live(RunView(progress.experiment))

            train_all(todo, self.cluster or LocalProcesses(), observe)

    def champion(self, names: Sequence[str] = ()) -> None:
        """Write the champion of the named tasks, or of all, to `models/`: the first run of each."""
        from dl4ia.runs.saved_model import champion_folder, save_model  # noqa: PLC0415
        from dl4ia.runs.train import experiments  # noqa: PLC0415

        for task in names or self.params.champions:
            if task not in self.params.champions:
                raise UserError(
                    f"params.yaml: champions: {task} has none; expected one of {', '.join(self.params.champions)}"
                )
            first = experiments(self.params, [self.params.champions[task]], self.layout)[0]
            save_model(first, champion_folder(task, self.layout.root))

    def evaluate(self, names: Sequence[str]) -> None:
        """Measure the finished runs of the named variants and ensembles on the test sets, and draw them."""
        from dl4ia.runs.evaluate import Measured, evaluate_ensemble, evaluate_variant  # noqa: PLC0415
        from dl4ia.runs.train import experiments  # noqa: PLC0415
        from dl4ia.tracking.live import Live  # noqa: PLC0415
        from dl4ia.tracking.runs import EnsembleView, RunView  # noqa: PLC0415

        with Live(self.layout) as live:
            for name in names:
                evaluate = evaluate_ensemble if name in self.params.ensembles else evaluate_variant
                with EvaluationBar(name) as bar:

                    def observe(measured: Measured, bar: EvaluationBar = bar) -> None:
                        bar(measured)
                        live.start()

                    result = evaluate(name, self.params, self.layout, self.cluster or LocalProcesses(), observe)
                print(evaluated_line(name, result, self.params.rows[name].reported))  # noqa: T201
                if name in self.params.ensembles:
                    live(EnsembleView(name, self.params.ensembles[name], self.layout))
                else:
                    for experiment in experiments(self.params, [name], self.layout):
                        live(RunView(experiment))

    def report(self, notice: str = "") -> None:
        """Write the tables in `results/` and the report, from `results/` alone; remove what belongs to no variant."""
        from dl4ia.report.main import write_report  # noqa: PLC0415

        write_report(self.params, self.layout, notice)

    def publish(self) -> None:
        """Show everything on disk in MLflow."""
        from dl4ia.tracking.live import champions, publish, views  # noqa: PLC0415

        count = publish(views(self.params, self.layout), self.layout, register=champions(self.params, self.layout))
        print(f"{count} runs and studies are in MLflow")  # noqa: T201


def here(scheduler: str | None = None) -> Pipeline:
    """Return the pipeline of the working copy in this folder; the published files are in the one that lasts.

    Work runs on the cluster with the scheduler at that address, if any. Raises UserError where it cannot.
    """
    folder, root = Path.cwd(), lasting(Path())
    data = Path("data") if folder == root else root / "data"
    return Pipeline(config.load(), data=data, cluster=_cluster(scheduler) if scheduler else None)


def _cluster(scheduler: str) -> Executor:
    try:
        from dl4ia.execution.cluster import DaskCluster  # noqa: PLC0415 (an optional package)
    except ModuleNotFoundError as error:
        raise UserError(f"scheduler {scheduler}: Dask is not installed: `pip install 'dl4ia[cluster]'`") from error
    return DaskCluster(scheduler)
