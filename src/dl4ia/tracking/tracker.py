"""What any experiment tracker must offer."""

from typing import Protocol

from dl4ia.base.errors import UserError
from dl4ia.tracking.records import Record


class TrackerError(UserError):
    """A tracker does not take a record, or its address is wrong: another record may still be taken."""


class OutageError(TrackerError):
    """A tracker is not available, or fails as a whole: nothing more can be sent now."""


class Tracker(Protocol):
    """Shows records.

    Whatever has interrupted it before, after `update` it shows all of a record once: a run with the record's key is
    completed, not repeated. A run that contradicts the record is replaced: one that was trained again has other
    weights, points or metrics, and two trainings are never mixed.
    """

    def update(self, record: Record) -> None:
        """Show a record as it now is, after that of its parent; raises TrackerError."""

    def register(self, name: str, about: str, key: str) -> None:
        """Make the model of the updated record with that key the champion of `name`; raises TrackerError.

        Nothing happens where that record has no model.
        """

    def end_abandoned(self) -> None:
        """Show runs as stopped that are shown as running and whose process has ended; raises TrackerError."""

    @property
    def pages(self) -> dict[str, str]:
        """The address at which a person sees each group that was updated, by its name."""
