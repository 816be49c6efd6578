"""Mean and covariance of examples that come in batches, none of which is kept."""

import numpy as np

ROWS = 1024  # per update: updating a large covariance matrix costs as much as about 100 rows


class RunningMean:
    """The mean over the first axis, in float64.

    Attributes:
        count: the number of rows so far.
        mean: their mean; 0 before the first.
    """

    def __init__(self):
        self.count = 0
        self.mean = np.zeros(())

    def add(self, rows) -> None:
        """Add an array with the examples on its first axis."""
        if len(rows):
            self.count += len(rows)
            change = rows.mean(axis=0, dtype="float64") - self.mean
            self.mean = self.mean + change * (len(rows) / self.count)


class RunningCovariance:
    """The mean and the covariance of rows, in float64.

    Rows are collected until there are `ROWS` of them, and are then added together.
    """

    def __init__(self):
        self._mean = RunningMean()
        self._products = np.zeros(())  # the sum of (row - mean) (row - mean)'
        self._waiting: list[np.ndarray] = []

    @property
    def count(self) -> int:
        """The number of rows so far."""
        return self._mean.count + sum(map(len, self._waiting))

    def add(self, rows) -> None:
        """Add an array of shape (rows, features)."""
        if len(rows):
            self._waiting.append(np.array(rows))  # a copy: the caller may reuse the array
        if sum(map(len, self._waiting)) >= ROWS:
            self._take_up()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean, and the covariance (divided by the number of rows)."""
        self._take_up()
        return self._mean.mean, self._products / self._mean.count

    def _take_up(self):
        if not self._waiting:
            return
        rows, self._waiting = np.concatenate(self._waiting), []
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS].astype("float64")
            before, old = self._mean.count, self._mean.mean
            here = part.mean(axis=0)
            part -= here
            self._products = self._products + part.T @ part
            self._mean.add(rows[start : start + ROWS])
            if before:
                weight = before * len(part) / self._mean.count
                self._products += weight * np.outer(here - old, here - old)
