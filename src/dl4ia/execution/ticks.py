"""How often work that is under way reports."""

import time
from dataclasses import dataclass, field

_PAUSE = 1  # seconds


@dataclass
class Ticks:
    """Says once a second that a report is due; nothing is due in the first second."""

    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Return whether a second has passed since this was last so."""
        now = time.monotonic()
        if now - self._last < _PAUSE:
            return False
        self._last = now
        return True
