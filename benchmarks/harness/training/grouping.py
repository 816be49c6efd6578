"""Decides which trials train together, and which belong to one shard."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

from benchmarks.harness.experiment import Experiment, as_json
from benchmarks.harness.spec import Trial


def groups(
    experiment: Experiment, trials: Sequence[Trial], enough: int, most: int
) -> Iterator[list[Trial]]:
    """Yields groups of trials of one structure, so that a killed sweep has complete repetitions.

    The arms of a repetition are compared in pairs and stay together. A group is closed after a
    repetition as soon as it has `enough` trials: if a run is killed, it loses the group that it was
    training.

    Args:
        experiment: its `structure` selects the parameters in which the trials of a group agree.
        trials: trials in the order of `Experiment.expand`.
        enough: the number of trials beyond which a training step is hardly more efficient.
        most: the largest number of trials in a group.
    """
    if experiment.structure is None:
        yield from ([trial] for trial in trials)
        return
    alike: dict[str, dict[int, list[Trial]]] = {}
    yield from ([trial] for trial in trials if spread_over_devices(trial))
    for trial in trials:
        if spread_over_devices(trial):
            continue
        repetitions = alike.setdefault(as_json(experiment.structure(trial.params)), {})
        repetitions.setdefault(trial.repetition, []).append(trial)
    for repetitions in alike.values():
        group: list[Trial] = []
        for members in repetitions.values():
            for part in _even_parts(members, most):
                if len(group) + len(part) > most:
                    yield group
                    group = []
                group = group + part
            if len(group) >= enough:
                yield group
                group = []
        if group:
            yield group


def share(limits: tuple[int, int], trials: int, slots: int) -> tuple[int, int]:
    """`enough` and `most` for `groups`, if groups train in several slots at the same time.

    No group is larger than an equal part of the trials, so that no slot stays without work.

    Args:
        limits: `enough` and `most` for one slot.
        trials: the number of trials.
        slots: the number of groups that train at the same time.
    """
    part = max(1, -(-trials // max(slots, 1)))
    return min(limits[0], part), min(limits[1], part)


def spread_over_devices(trial: Trial) -> bool:
    """Whether a trial's batches are shared out over several devices, so that it trains alone."""
    return trial.params.get("devices", 1) > 1


def _even_parts(members: list[Trial], most: int) -> list[list[Trial]]:
    """Divide trials into the fewest parts of at most `most`; their sizes differ by at most 1."""
    count = -(-len(members) // most)
    bounds = [len(members) * part // count for part in range(count + 1)]
    return [members[a:b] for a, b in itertools.pairwise(bounds)]


def shard(experiment: Experiment, trials: Sequence[Trial], index: int, count: int) -> list[Trial]:
    """The `index`-th of `count` parts of the trials, counted from 1.

    Trials of one structure and repetition, which can train together, are in the same part. The
    parts depend on the trials alone, so they are the same on every machine. Every trial is in
    exactly one part.
    """

    def group(trial: Trial) -> str:
        params = experiment.structure(trial.params) if experiment.structure else trial.params
        text = f"{trial.repetition} {as_json(params)}"
        return hashlib.sha256(text.encode()).hexdigest()

    order = sorted({group(trial) for trial in trials})
    chosen = set(order[index - 1 :: count])
    return [trial for trial in trials if group(trial) in chosen]
