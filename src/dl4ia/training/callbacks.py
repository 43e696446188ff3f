"""What may happen beside a training: saving, reporting and tracking are callbacks of one protocol."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl4ia.training.loop import Point, Training


class Callback:
    """Hooks of a training; each does nothing unless a subclass says otherwise."""

    def on_start(self, training: "Training") -> None:
        """Prepare for a training that has not begun; may restore an earlier state of it."""

    def on_point(self, training: "Training", point: "Point") -> None:
        """Take a new point of the curves; after a resume, the earlier points come again first."""

    def on_step(self, training: "Training") -> None:
        """Look at a training between two iterations; may raise StoppedError."""
