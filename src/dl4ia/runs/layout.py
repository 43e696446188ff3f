"""Where everything is: the layout of a working copy."""

from dataclasses import dataclass
from pathlib import Path

from dl4ia.runs.results import ResultDirectory
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.study_directory import StudyDirectory


@dataclass(frozen=True)
class Layout:
    """The folders that the stages read and write, below `root`."""

    root: Path = Path()

    @property
    def datasets(self) -> Path:
        """The arrays of all tasks."""
        return self.root / "out" / "dataset"

    def source(self, task: str) -> Path:
        """Return the file that says where a task's data came from."""
        return self.datasets / f"{task}-source.json"

    def dataset(self, task: str, partition: str) -> Path:
        """Return the file of a task's `train` or `test` partition."""
        return self.datasets / f"{task}-{partition}.npz"

    def split(self, task: str, strategy: str) -> Path:
        """Return the file that says which training images validate."""
        return self.root / "out" / "split" / task / f"{strategy}.json"

    def run(self, variant: str, seed: int) -> RunDirectory:
        """Return the directory of one training."""
        return RunDirectory(self.root / "out" / "runs" / variant / f"seed-{seed}")

    def checkpoints(self, key: str) -> Path:
        """Return the folder of the checkpoints of a run or trial with that key: no output of a stage, DVC leaves it."""
        return self.root / "out" / "checkpoints" / key

    def lock(self, name: str) -> Path:
        """Return the file that a process locks while it trains a variant."""
        return self.root / "out" / "locks" / f"{name}.lock"

    def study(self, name: str) -> StudyDirectory:
        """Return the directories of a study."""
        return StudyDirectory(self.root / "out" / "search" / name, self.results / "search" / name)

    def evaluation(self, variant: str) -> Path:
        """Return the folder of the pictures of a variant or ensemble."""
        return self.root / "out" / "evaluation" / variant

    @property
    def results(self) -> Path:
        """The small tables that git keeps."""
        return self.root / "results"

    def result(self, variant: str) -> ResultDirectory:
        """Return the tables of one variant or ensemble."""
        return ResultDirectory(self.results / variant)

    @property
    def test_evaluations(self) -> Path:
        """The record of all evaluations on test sets."""
        return self.results / "test_evaluations.csv"

    @property
    def report(self) -> Path:
        """The report and its figures."""
        return self.root / "report"
