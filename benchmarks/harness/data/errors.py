"""Errors of the data layer. Users see the message alone, without a traceback."""

from collections.abc import Sequence


class DataError(Exception):
    """A data set cannot be loaded. The message names the file, what was expected and received."""


class NotHereError(DataError):
    """A place does not have the data set. The search continues elsewhere."""


class NotFoundError(DataError):
    """No place has the data set.

    Args:
        message: the full explanation, in several lines.
        reasons: for each place searched, a few words on why it does not have the data set.
    """

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons
