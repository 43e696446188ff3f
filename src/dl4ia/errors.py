"""Errors that speak to the person who can mend them."""


class UserError(Exception):
    """A mistake that its maker can mend: the message is one line and says what, where, and what to do."""


class ConfigError(UserError):
    """Something in a configuration file is not as it must be."""


class DataError(UserError):
    """A file of the data is missing, torn or not what was published."""


class UnavailableError(DataError):
    """None of the places where the data may come from has it."""


class RunError(UserError):
    """A run directory is missing, unfinished or not readable."""


class DivergedError(UserError):
    """The loss became NaN or infinite."""


class StoppedError(Exception):
    """A training was asked to stop, and has: no mistake, and the same command goes on."""
