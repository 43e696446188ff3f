"""MLflow's runs of records: found by the key of a record, of which one remains whoever else publishes it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dl4ia.tracking.mlflow.models import remove_models
from dl4ia.tracking.records import PLUMBING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY, SENT, PLACE = "run_key", f"{PLUMBING}sent", f"{PLUMBING}place"
_PAGE = 200  # runs that one answer has: a slow server must send it within the timeout


def all_runs(client: "MlflowClient", experiments: Sequence[str], condition: str = "") -> Iterator["Run"]:
    """Yield all runs of experiments that meet a condition in MLflow's language."""
    token, first = None, bool(experiments)
    while first or token:
        page = client.search_runs(list(experiments), condition, max_results=_PAGE, page_token=token)
        yield from page
        token, first = page.token, False


class Identity:
    """One run for each key, although working copies in several places publish at once and cannot lock each other out.

    None writes to a run that another one sends. Whoever has sent a run completely looks for others with its key, and
    leaves one: a complete one, of several that with the smallest number.

    Tags: `run_key` is the key of a record, `dl4ia.sent` its digest once it was sent completely, `dl4ia.place` the
    working copy that has created the run.
    """

    def __init__(self, client: "MlflowClient", place: str) -> None:
        self._client, self._place = client, place

    def tags_of(self, key: str) -> dict[str, str]:
        """Return the tags of a new run of the record with that key."""
        return {KEY: key, PLACE: self._place}

    def complete(self, experiment: str) -> dict[str, tuple[str, str]]:
        """Return number and digest of each complete run of an experiment, by its key, if it has that key alone."""
        runs = [run for run in all_runs(self._client, [experiment]) if KEY in run.data.tags]
        counts = Counter(run.data.tags[KEY] for run in runs)
        unique = {run.data.tags[KEY]: run for run in runs if counts[run.data.tags[KEY]] == 1}
        return {key: (run.info.run_id, run.data.tags[SENT]) for key, run in unique.items() if SENT in run.data.tags}

    def find(self, experiment: str, key: str) -> "Run | None":
        """Return the run to continue, if any; a slow server that was asked twice to create one has two."""
        known = self._runs(experiment, key)
        usable = [run for run in known if SENT in run.data.tags or run.data.tags.get(PLACE, self._place) == self._place]
        for other in usable[1:]:
            self.delete(other)
        return usable[0] if usable else None

    def settle(self, experiment: str, key: str) -> str:
        """Leave one run, when one was sent completely; return its number."""
        first, *others = self._runs(experiment, key)
        for other in others:
            self.delete(other)
        return str(first.info.run_id)

    def delete(self, run: "Run") -> None:
        """Delete a run and its models, unless another process has."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

        try:
            remove_models(self._client, run)
            self._client.delete_run(run.info.run_id)
        except MlflowException:
            if not self.is_deleted(run):
                raise

    def is_deleted(self, run: "Run") -> bool:
        """Return whether a run has been deleted, perhaps by another process."""
        return str(self._client.get_run(run.info.run_id).info.lifecycle_stage) == "deleted"

    def _runs(self, experiment: str, key: str) -> "list[Run]":
        """Return all runs with a key, complete ones first."""
        equal = all_runs(self._client, [experiment], f"tags.{KEY} = '{key}'")
        return sorted(equal, key=lambda run: (SENT not in run.data.tags, str(run.info.run_id)))
