"""What can go wrong with data, as errors whose message is all that a user needs to see."""

from collections.abc import Sequence


class DataError(Exception):
    """A dataset cannot be given. The message says which file, what was expected and received."""


class NotHereError(DataError):
    """This place does not give the dataset, and the search may go on elsewhere."""


class NotFoundError(DataError):
    """No place gave the dataset.

    Args:
        message: the whole story, in several lines.
        reasons: for each place looked at, in a few words, why it gave nothing.
    """

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons
