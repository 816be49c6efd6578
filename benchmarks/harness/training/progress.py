"""How far a sweep is: a bar with the time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from benchmarks.harness.spec import Record, Trial


class Progress:
    """Reports to standard error, so that standard output holds results alone.

    Args:
        total: number of trials to run.
        label: a trial in a few words.
        quiet: report nothing.
    """

    def __init__(self, total: int, label: Callable[[Trial], str], quiet: bool = False):
        self.total = total
        self.label = label
        self.quiet = quiet
        self.done = 0
        self._started = time.monotonic()
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

    def within_trial(self, point: int, points: int) -> None:
        """A trial has done `point` of `points` stretches."""
        if self._bar:
            self._bar.update(self._task, completed=self.done + point / points)

    def finished(self, record: Record) -> None:
        """A trial has left its record."""
        self.done += 1
        if self.quiet:
            return
        if self._bar:
            self._bar.update(self._task, completed=self.done)
            if record.status != "ok":
                self._bar.console.print(self._line(record), markup=False, highlight=False)
            return
        elapsed = time.monotonic() - self._started
        left = elapsed / self.done * (self.total - self.done)
        print(
            f"[{self.done}/{self.total}] {self._line(record)}, about {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

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
