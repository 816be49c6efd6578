"""Checks every cell of the catalogue of activation functions by evaluating the functions."""

from collections.abc import Sequence

import numpy as np

from benchmarks.activations.check import wrong_cells
from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.data.random_numbers import RandomNumbers
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Curves, Experiment, Measuring, Metrics
from benchmarks.harness.spec import Params, Record, Trial, without
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import View, groups, values

CELLS = 7  # checked cells of each function


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "functions")
    return [{**shared, "function": function} for function in settings["functions"]]


def measure(trial: Trial) -> tuple[Metrics, Curves]:
    """Count a function's wrong cells; each repetition draws other additional inputs."""
    from keras_ddl.activations import CATALOGUE

    (entry,) = [entry for entry in CATALOGUE if entry.name == trial.params["function"]]
    rng = np.random.default_rng(trial.derive("numbers"))
    further = rng.normal(0, 3, size=(trial.params["inputs"],))
    return {"wrong": float(len(wrong_cells(entry, further))), "cells": float(CELLS)}, {}


def judge(records: Sequence[Record]) -> Verdict:
    """Judge whether no cell of any function is wrong."""
    functions = [name for (name,) in groups(records, ("function",))]
    wrong = [values(records, "wrong", function=name) for name in functions]
    everywhere = set[int]().union(*wrong).intersection(*wrong) if wrong else set()
    totals = [sum(seeds[key] for seeds in wrong) for key in sorted(everywhere)]
    what = f"wrong cells of {CELLS * len(functions)}, {len(functions)} functions"
    return all_of([within(what, mean_interval(totals), "cells", high=0)])


EXPERIMENT = Experiment(
    name="activation_table",
    version=1,
    summary="every cell of the catalogue of activation functions, checked by numbers",
    profiles=profiles.load("activation_table"),
    paper_dataset=RandomNumbers.title,
    grid=grid,
    work=Measuring(measure),
    load=RandomNumbers,
    views=(
        View(
            axis="function",
            axis_title="function",
            metrics={"wrong": "wrong cells", "cells": "cells"},
        ),
    ),
    claims=(
        Claim(
            "activation-table",
            "range, derivative, continuity and monotonicity of the classic activation functions",
            judge,
            Effects(
                lambda params, effect: {"wrong": 1 - effect}, source="no cell is wrong, or all"
            ),
        ),
    ),
)
