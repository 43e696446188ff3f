"""The command line: `dl4ia COMMAND`; nothing that takes a second to import is imported before a command needs it."""

from dl4ia.cli.ending import ending_in_one_line
from dl4ia.cli.program import main, run

__all__ = ["ending_in_one_line", "main", "run"]
