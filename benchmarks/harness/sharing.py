"""Runs trials that several processes share through one results folder."""

import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks.harness.leases import Leases
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import Store

POLL = 0.5  # seconds between two checks of the other processes

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
    """Train the trials that no other process trains, and wait for the others.

    If a process that holds a trial's lease dies, the trial is trained here. Each record is on the
    disk before it is yielded. At the end every trial has a record: a result, or an error that
    occurred in some process since this call began. The only exceptions are trials that `execute`
    did not pass to `claim`, or for which it yielded no record.

    Args:
        execute: `(trials, claim) -> records`. It calls `claim` with each group of trials before it
            trains them, and trains only those that `claim` returns.
        trials: the trials to train.
        store: where the records are stored.
        leases: the leases in the store's folder.
        notify: called with one line for humans.
        elsewhere: called with the number of trials that other processes have finished since the
            last call.
    """
    earlier = store.failures()

    def settled() -> set[str]:
        failed = {k for k, ids in store.failures().items() if ids - earlier.get(k, set())}
        return store.done_keys() | failed

    def claim(group: list[Trial]) -> list[Trial]:
        claimed.update(trial.key for trial in group)
        over = settled()
        taken = set(leases.take([trial.key for trial in group if trial.key not in over]))
        # Another process may have finished a trial and released its lease in the meantime.
        over = settled() if taken else set()
        leases.release(taken & over)
        return [trial for trial in group if trial.key in taken - over]

    left, trained_here = list(trials), set()
    claimed: set[str] = set()
    notified = False
    while left:
        for record in execute(left, claim):
            key = record.trial.key
            if leases.holds(key):
                store.append(record)
                leases.release([key])
                trained_here.add(key)
                yield record
            else:
                notify("note: another process took over a trial that took too long here")
        dropped = {t.key for t in left if t.key in leases.held or t.key not in claimed}
        leases.release(dropped)
        over = settled() | dropped
        elsewhere(sum(trial.key in over - trained_here for trial in left))
        left = [trial for trial in left if trial.key not in over]
        if left and not notified:
            notified = True
            notify(f"waiting for {len(left)} trials that other processes are training")
        while left and not any(leases.free(trial.key) for trial in left):
            time.sleep(POLL)
            over = settled()
            elsewhere(sum(trial.key in over for trial in left))
            left = [trial for trial in left if trial.key not in over]
