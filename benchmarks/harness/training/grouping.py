"""Which trials train together."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

from benchmarks.harness.experiment import Experiment, as_json
from benchmarks.harness.spec import Trial


def groups(
    experiment: Experiment, trials: Sequence[Trial], enough: int, most: int
) -> Iterator[list[Trial]]:
    """Trials of one structure, repetition by repetition, so that a killed sweep holds pairs.

    The arms of a repetition share their data's order, so a group is closed with a repetition as
    soon as it holds `enough`; what is lost when a run is killed is the group it was training.

    Args:
        experiment: says by `structure` what trials of a group agree in.
        trials: in the order of `Experiment.expand`.
        enough: trials of which more make a step hardly more efficient.
        most: trials that a group may hold.
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


def spread_over_devices(trial: Trial) -> bool:
    """Whether a trial's batches are shared out over several devices, so that it trains alone."""
    return trial.params.get("devices", 1) > 1


def _even_parts(members: list[Trial], most: int) -> list[list[Trial]]:
    """As few parts as can be, of sizes that differ by 1 at most."""
    count = -(-len(members) // most)
    bounds = [len(members) * part // count for part in range(count + 1)]
    return [members[a:b] for a, b in itertools.pairwise(bounds)]


def shard(experiment: Experiment, trials: Sequence[Trial], index: int, count: int) -> list[Trial]:
    """The `index`-th of `count` parts of the trials, counted from 1.

    Trials of one structure and repetition, which can train together, stay in one part. The parts
    follow from the trials alone, so that they are the same on every machine; together they are all
    trials, each once.
    """

    def group(trial: Trial) -> str:
        params = experiment.structure(trial.params) if experiment.structure else trial.params
        text = f"{trial.repetition} {as_json(params)}"
        return hashlib.sha256(text.encode()).hexdigest()

    order = sorted({group(trial) for trial in trials})
    chosen = set(order[index - 1 :: count])
    return [trial for trial in trials if group(trial) in chosen]
