"""Measures what normalization costs, at test time and in training.

Part "test": `fold_batch_normalization` folds a ResNet-50 after a few training steps, which set its
moving statistics. The folded network is compared with the unfolded one and with the same network
without normalization. Part "training": a small convolutional network is trained with
BatchNormalization, LayerNormalization, GroupNormalization and without normalization. The arms of a
part take turns in one process, so that a slow minute of the machine affects all of them. Memory is
measured in separate processes.
"""

import json
import math
import subprocess
from collections.abc import Sequence
from typing import Any

from benchmarks.costs import workers
from benchmarks.costs.turns import ratio
from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Finding, Verdict, all_of, within
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, groups, values

EXACT = -4.0  # log10 of the largest relative difference that counts as none
FREE = 1.05  # the largest ratio of times that counts as no cost
USED = {  # the settings that each part uses
    "test": ("test_image", "test_batch"),
    "training": ("training_image", "training_batch", "memory_of"),
}


def grid(settings: Params) -> list[Params]:
    return [
        {
            "part": part,
            "on": backend,
            "rounds": settings["rounds"],
            **{name: settings[name] for name in USED[part]},
        }
        for part in USED
        for backend in settings["backends"]
    ]


def in_process(backend: str, params: Params) -> dict[str, Any]:
    """Measure in a separate process that runs a backend, and return the worker's results."""
    worker = "benchmarks.costs.norm_cost.worker"
    ran = workers.run(backend, worker, json.dumps(params), stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    params = {**trial.params, "seed": trial.derive("numbers")}
    backend = params["on"]
    measured = in_process(backend, params)
    times = measured["times"]
    curves: Curves = {f"seconds, {name}": spent for name, spent in times.items()}
    if params["part"] == "test":
        metrics = {
            "latency_folded": ratio(times, "BN folded", "none"),
            "latency_bn": ratio(times, "BN", "none"),
            "log10_difference": math.log10(max(*measured["differences"], 1e-12)),
        }
        return metrics, {**curves, "difference": measured["differences"]}
    metrics = {f"step_{name.lower()}": ratio(times, name, "none") for name in ("BN", "LN", "GN")}
    peaks = {
        arm: in_process(backend, {**params, "memory": arm})["peak"]
        for arm in ("none", *params["memory_of"])
    }
    metrics |= {f"peak_{arm.lower()}": peaks[arm] / peaks["none"] for arm in params["memory_of"]}
    return metrics, curves


def _findings(
    records: Sequence[Record], metric: str, what: str, unit: str, **bounds: Any
) -> list[Finding]:
    """One finding for each backend that was measured."""
    return [
        within(
            f"{backend}: {what}",
            mean_interval([*values(records, metric, on=backend).values()]),
            unit,
            **bounds,
        )
        for (backend,) in groups(records, ("on",))
    ]


def judge_fused(records: Sequence[Record]) -> Verdict:
    """Judge whether folding keeps the outputs, and is as fast as no normalization."""
    what = "log10 of the largest output difference, folded and not, relative"
    return all_of(
        [
            *_findings(records, "log10_difference", what, "", high=EXACT),
            *_findings(records, "latency_folded", "latency, folded / without", "times", high=FREE),
        ]
    )


def judge_cost(records: Sequence[Record]) -> Verdict:
    """Judge whether a training step with BN takes more time and more memory than without it."""
    return all_of(
        [
            *_findings(records, "step_bn", "step time, BN / none", "times", low=1, stated=True),
            *_findings(
                records, "peak_bn", "peak memory of a step, BN / none", "times", low=1, stated=True
            ),
        ]
    )


def expected(params: Params, effect: float) -> Metrics:
    """Folding is exact and free; a training step with BN takes a third more time and memory."""
    return {
        "log10_difference": toward(effect, -6.0, EXACT),
        "latency_folded": toward(effect, 1.0, FREE),
        "step_bn": toward(effect, 1.3, 1.0),
        "peak_bn": toward(effect, 1.3, 1.0),
    }


EFFECTS = Effects(
    expected,
    noise={"log10_difference": 0.2, "latency_folded": 0.015, "step_bn": 0.05, "peak_bn": 0.02},
    source="folding is exact; the other effects are ours; noise: a machine with nothing else to do",
)


EXPERIMENT = Experiment(
    name="norm_cost",
    version=2,  # 2: five seeds are committed
    summary="what normalization costs: folded or not at test time, and in training",
    profiles=profiles.load("norm_cost"),
    paper_dataset=RandomNumbers.title,
    grid=grid,
    work=Measuring(measure),
    load=RandomNumbers,
    views=(
        View(
            axis="on",
            axis_title="backend",
            metrics={
                "latency_folded": "latency, folded / no norm",
                "latency_bn": "latency, BN / no norm",
                "log10_difference": "log10 difference, folded and not",
                "step_bn": "step time, BN / none",
                "step_ln": "LN / none",
                "step_gn": "GN / none",
                "peak_bn": "peak memory, BN / none",
                "peak_ln": "LN / none",
                "peak_gn": "GN / none",
            },
            split_by=("part",),
        ),
    ),
    claims=(
        Claim(
            "bn-fused",
            "BN costs nothing at test time: folded into Conv/Dense it gives the same outputs (but "
            "for 1e-4) in the time of a network without (but for 5 %)",
            judge_fused,
            EFFECTS,
        ),
        Claim("bn-cost", "BN costs memory and time in training", judge_cost, EFFECTS),
    ),
)
