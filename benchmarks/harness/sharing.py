"""Run trials so that several processes on one results folder share them."""

import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks.harness.leases import Leases
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store

POLL = 0.5  # seconds between looks at what other processes are doing

Claim = Callable[[list[Trial]], list[Trial]]
Execute = Callable[[list[Trial], Claim], Iterator[Record]]


def run(
    execute: Execute,
    trials: Sequence[Trial],
    store: Store,
    leases: Leases,
    *,
    notify: Callable[[str], object],
    elsewhere: Callable[[int], object] = lambda count: None,
) -> Iterator[Record]:
    """Trains what no other process trains, and waits for the rest.

    A trial whose holder dies is trained here. A record is on the disk when it is yielded. When
    this ends, every trial has a record: a result, or an error that some process met since the
    start. Exceptions are trials that `execute` never asked for, or that it gave no record of.

    Args:
        execute: `(trials, claim) -> records`. It calls `claim` with each group of trials before it
            trains them, and trains those that `claim` returns.
        trials: to be trained.
        store: takes the records.
        leases: of the store's folder.
        notify: called with one line for humans.
        elsewhere: called with how many trials other processes have finished since the last call.
    """
    earlier = store.failures()

    def settled() -> set[str]:
        failed = {k for k, ids in store.failures().items() if ids - earlier.get(k, set())}
        return store.done_keys() | failed

    def claim(group: list[Trial]) -> list[Trial]:
        asked.update(trial.key for trial in group)
        over = settled()
        taken = set(leases.take([trial.key for trial in group if trial.key not in over]))
        over = settled() if taken else set()  # a lease may have been freed after the first look
        leases.release(taken & over)
        return [trial for trial in group if trial.key in taken - over]

    left, own = list(trials), set()
    asked: set[str] = set()
    told = False
    while left:
        for record in execute(left, claim):
            key = record.trial.key
            if leases.holds(key):
                store.append(record)
                leases.release([key])
                own.add(key)
                yield record
            else:
                notify("note: another process took over a trial that took too long here")
        dropped = {t.key for t in left if t.key in leases.held or t.key not in asked}
        leases.release(dropped)
        over = settled() | dropped
        elsewhere(sum(trial.key in over - own for trial in left))
        left = [trial for trial in left if trial.key not in over]
        if left and not told:
            told = True
            notify(f"waiting for {len(left)} trials that other processes are training")
        while left and not any(leases.free(trial.key) for trial in left):
            time.sleep(POLL)
            over = settled()
            elsewhere(sum(trial.key in over for trial in left))
            left = [trial for trial in left if trial.key not in over]
