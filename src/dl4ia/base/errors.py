"""Errors whose message is for the person who can act on it: one line with place, value, expectation and remedy."""


class UserError(Exception):
    """A mistake that the user can correct; the message is one line and says what, where, and what to do."""


class ConfigError(UserError):
    """A configuration file holds a key or value that is not allowed."""


class DataError(UserError):
    """A data file is missing, truncated or not the published one."""


class UnavailableError(DataError):
    """No source can provide the data."""


class RunError(UserError):
    """A run directory is missing, unfinished or unreadable."""


class DivergedError(UserError):
    """The loss became NaN or infinite: a result of the experiment, not a fault of the machine."""


class StoppedError(Exception):
    """A training was asked to stop and saved its state: no mistake; the same command resumes it."""
