"""Shows the progress of a sweep: a bar with the time left on a terminal, else plain lines."""

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from benchmarks.harness.spec import Record, Trial

INTERVAL = 15.0  # seconds between lines about a trial in training, without a terminal


class Progress:
    """Reports progress on standard error, so that standard output has results only.

    Args:
        total: the number of trials to run.
        label: `(trial) -> str`, describes a trial in a few words.
        quiet: whether to report nothing.
    """

    def __init__(self, total: int, label: Callable[[Trial], str], quiet: bool = False):
        self.total = total
        self.label = label
        self.quiet = quiet
        self.done = 0
        self._started = self._last = time.monotonic()
        self._group = 0, 1  # the number of trials done when this group began, and its size
        self._reached = 0.0  # trials done, including the finished fractions of those in training
        self._where = ""  # the groups and machines of `spread`
        self._bar: Bar | None = None
        if not quiet and sys.stderr.isatty():
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("time left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("trials", total=total)

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def begins(self, group: Sequence[Trial]) -> None:
        """To be called before a group of trials is trained."""
        self._group = self.done, len(group)
        if len(group) > 1:
            self._print(f"training {len(group)} trials together")

    def spread(self, nodes: int, groups: int) -> None:
        """To be called when groups train elsewhere, at the same time.

        Args:
            nodes: the number of machines that can train.
            groups: the number of groups in training.
        """
        where = f"{groups} group{'s' * (groups != 1)} on {nodes} node{'s' * (nodes != 1)}"
        if self._bar:
            self._bar.update(self._task, description=where)
        elif where != self._where:
            self._print(f"in training: {where}")
        self._where = where

    def within_trial(self, point: int, points: int) -> None:
        """To be called during training; `point / points` is the number of trials done in the group.

        For one trial it is the fraction of its training that is done.
        """
        self._reached = max(self._reached, self._group[0] + point / points)
        if self._bar:
            self._bar.update(self._task, completed=self._reached)
        elif point < points and time.monotonic() - self._last >= INTERVAL:
            share = (self._reached - self._group[0]) / max(self._group[1], 1)
            of = f"these {self._group[1]} trials" if self._group[1] > 1 else "this trial"
            self._print(f"{share:.0%} of {of}, {self.done} of {self.total} done{self._left()}")

    def finished(self, record: Record) -> None:
        """To be called when a trial has left its record."""
        self.done += 1
        self._reached = max(self._reached, self.done)
        if self._bar:
            self._bar.update(self._task, completed=self._reached)
            if record.status != "ok":
                self.note(self._line(record))
            return
        self._print(f"[{self.done}/{self.total}] {self._line(record)}{self._left()}")

    def elsewhere(self, count: int) -> None:
        """To be called when other processes have finished `count` more of the trials."""
        self.total -= count
        if self._bar:
            self._bar.update(self._task, total=self.total)

    def note(self, line: str) -> None:
        """Print a line for humans."""
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            self._print(line)

    def _left(self) -> str:
        """The estimated time left, from the speed since the start."""
        if not self._reached:
            return ""
        elapsed = time.monotonic() - self._started
        left = elapsed / self._reached * max(0.0, self.total - self._reached)
        return f", about {left:.0f} s left"

    def _print(self, line: str) -> None:
        if not self.quiet and not self._bar:
            self._last = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def _line(self, record: Record) -> str:
        if record.status == "error":
            outcome = f"failed: {(record.error or 'no reason').strip().splitlines()[-1]}"
        elif record.status == "diverged":
            outcome = "diverged (n/c)"
        elif "test_error" in record.metrics:
            outcome = f"test error {record.metrics['test_error']:.2f} %"
        else:
            outcome = "done"
        return f"{self.label(record.trial)}: {outcome}"
