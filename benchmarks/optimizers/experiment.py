"""Optimizers on ill-conditioned quadratics and on Rosenbrock's valley.

Quadratics have curvatures from 1 to the condition number, evenly spaced in their logarithm, with
axes along the coordinates ("quadratic") or turned at random ("turned quadratic"). All starting
points are at distance 1 from the minimum. A descent has arrived when its distance is at most
`tolerance` of the initial one for `stay` steps in a row.

The learning rate of every optimizer is tuned on the same grid. The rate with the fewest steps for
the slowest of some starting points is chosen, and the steps are counted from other starting points.
All other constants are Keras' defaults, and momentum is .9.

A descent zigzags when its steps cross the steepest axis. The share of such steps is taken of the
steps at which the coordinate along the steepest axis is above `tolerance`. "plane" and "turned
plane" are quadratics in two dimensions; the figures show their descents.

"SGD, theory" and its like have the constants that give the fastest worst case.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.effects import Effects, toward
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.views import View, values
from benchmarks.optimizers.methods import METHODS, theory
from benchmarks.optimizers.problems import PLANES, QUADRATICS, ROSENBROCK_START, axes, starts
from benchmarks.optimizers.views import draw, table

BY_THEORY = ("SGD", "momentum", "Nesterov")
FEWER = 0.05  # log10 of steps: about a tenth fewer
MOST_TURNS = 50  # % of the steps


def grid(settings: Params) -> list[Params]:
    rest = without(settings, "conditions", "plane_condition")
    arms: list[Params] = [
        {"problem": problem, "condition": condition, "optimizer": method}
        for problem in QUADRATICS
        for condition in settings["conditions"]
        for method in METHODS
    ]
    arms += [
        {"problem": "quadratic", "condition": condition, "optimizer": f"{method}, theory"}
        for condition in settings["conditions"]
        for method in BY_THEORY
    ]
    flat = [
        {"problem": plane, "condition": settings["plane_condition"], "optimizer": method}
        for plane in PLANES
        for method in METHODS
    ]
    flat += [{"problem": "Rosenbrock", "optimizer": method} for method in METHODS]
    plane = without(rest, "dimensions")
    return [*({**rest, **arm} for arm in arms), *({**plane, **arm} for arm in flat)]


def rates(params: Params) -> np.ndarray:
    """The learning rates that every optimizer is tuned on."""
    (low, high), density = params["log10_rates"], params["rates_per_decade"]
    return 10 ** (np.arange(low * density, high * density + 1) / density)


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    from benchmarks.optimizers import descent, surfaces

    params, points = trial.params, starts(trial).astype("float32")
    tolerance = np.float32(params["tolerance"])
    data: tuple[Any, ...] = (tolerance,)
    surface = surfaces.ROSENBROCK
    if params["problem"] != "Rosenbrock":
        surface = surfaces.QUADRATIC
        columns = axes(trial).astype("float32")
        curvatures = np.logspace(0, np.log10(params["condition"]), len(columns))
        data = (tolerance, curvatures.astype("float32"), columns)
    method, by_theory, _ = params["optimizer"].partition(", theory")
    descend = functools.partial(
        descent.descend,
        method,
        surface,
        most_steps=params["most_steps"],
        data=data,
        stay=params["stay"],
    )
    half, minimum = len(points) // 2, float(params["problem"] == "Rosenbrock")
    metrics: Metrics = {}
    if by_theory:
        told = theory(method, params["condition"])
        rate = told.rate
        metrics["steps_by_theory"] = told.steps(params["tolerance"])
        descend = functools.partial(descend, momentum=told.momentum)
    else:
        tried = rates(params)
        rate = float(tried[_best(descend(points[:half], tried), minimum)])
    found = descend(points[half:], [rate])
    steps = np.where(found.steps == 0, params["most_steps"], found.steps)[0]
    distances = np.linalg.norm(points[half:] - minimum, axis=1)
    metrics |= {
        "steps": float(steps.mean()),
        "log10_steps": float(np.log10(steps).mean()),
        "arrived": float(100 * (found.steps > 0).mean()),
        "rate": rate,
        "turns": float((100 * found.turns[0] / np.maximum(found.beside[0], 1)).mean()),
        "path": float((found.path[0] / distances).mean()),
    }
    if not all(np.isfinite([*metrics.values()])):
        return metrics, {}
    drawn = {"Rosenbrock": ROSENBROCK_START} | dict.fromkeys(PLANES, points[0])
    if params["problem"] not in drawn:
        return metrics, {}
    start = drawn[params["problem"]]
    way = descent.trajectory(method, surface, start, rate, steps=params["drawn_steps"], data=data)
    return metrics, {"x": way[:, 0].tolist(), "y": way[:, 1].tolist()}


def _best(found, minimum: float) -> int:
    """The rate all of whose starts arrived first; else the one that came nearest."""
    arrived = (found.steps > 0).sum(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        farthest = np.linalg.norm(found.last - minimum, axis=-1).max(axis=1)
    farthest = np.where(np.isfinite(farthest), farthest, np.inf)
    return int(np.lexsort((farthest, -arrived))[0])


def judge(records: Sequence[Record]) -> Verdict:
    """At the largest condition number that was run."""
    conditions = [record.trial.params.get("condition", 0) for record in records]
    worst = max((c for c in conditions if c), default=0)
    findings = []
    crossing = "steps of SGD that cross the steepest axis, until that coordinate is small"
    for problem in QUADRATICS:
        of = functools.partial(values, records, problem=problem, condition=worst)
        turns = of("turns", optimizer="SGD")
        what = f"{problem}, condition number {worst:,}: {crossing}"
        findings.append(within(what, mean_interval([*turns.values()]), "%", low=MOST_TURNS))
        plain = of("log10_steps", optimizer="SGD")
        for method in METHODS[1:]:
            other = of("log10_steps", optimizer=method)
            what = f"{problem}: log10 of the steps of SGD over those of {method}"
            findings.append(within(what, paired_difference(plain, other), "", low=FEWER))
    return all_of(findings)


def expected(params: Params, effect: float) -> Metrics:
    """All steps of SGD cross the steepest axis, and the others need a third of its steps."""
    saved = 0.0 if params["optimizer"] == "SGD" else toward(effect, 0.5, FEWER)
    return {"turns": toward(effect, 100.0, MOST_TURNS), "log10_steps": 4.5 - saved}


EXPERIMENT = Experiment(
    name="optimizers",
    version=1,
    summary="steps of six optimizers on ill-conditioned quadratics and in Rosenbrock's valley",
    profiles=profiles.load("optimizers"),
    paper_dataset=RandomNumbers.title,
    grid=grid,
    work=Measuring(measure),
    load=RandomNumbers,
    views=(
        View(
            axis="optimizer",
            axis_title="optimizer",
            metrics={
                "steps": "steps",
                "arrived": "starts that arrived %",
                "rate": "learning rate",
                "turns": "steps across the steepest axis %",
                "path": "length of the way / distance",
            },
            split_by=("problem",),
            series=("condition",),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "ill-conditioned",
            "at the largest condition number run, SGD zigzags (at least 50 % of its steps cross "
            "the steepest axis, until that coordinate is small; our threshold), and momentum, "
            "Nesterov, AdaGrad, RMSProp and Adam need fewer steps than SGD (at least a tenth "
            "fewer; our threshold), with axes along the coordinates and turned at random",
            judge,
            Effects(
                expected,
                noise={"turns": 1.0, "log10_steps": 0.07},
                source="no paper has such numbers: the effect is ours; noise: the stored records",
            ),
        ),
    ),
)
