"""Tables and figures of the regularizers: arms, tuning, early stopping, and weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.harness.results.tables import published
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import best
from benchmarks.harness.views import GUESSING, Section, Table, arm, groups, values
from benchmarks.regularizers.arms import ARMS, NONE, STOPPED
from benchmarks.regularizers.choosing import CRITERION, chosen, settings

NAMES = (NONE, STOPPED, *[name for name in ARMS if name != NONE])
CRITERIA = {
    "patience": "patience of 5 epochs",
    "GL": "GL(5)",
    "PQ": "PQ(0.75, 5)",
    "UP": "UP(2, 5)",
    "hindsight": "the best epoch in hindsight",
}
WEIGHTED = (NONE, "L2", "L1", "L2 + L1 at the end", "dropout")
GREY = "0.6"


def shown(records: Sequence[Record], name: str, metric: str) -> Any:
    """The mean of a metric of an arm with its interval."""
    return mean_interval([*chosen(records, name, metric).values()])


def arms_table(section: Section) -> Table:
    """A row for each arm with the settings chosen for it, beside the published errors."""
    headers = ["regularizer", "settings chosen", "trials", "validation error %", "train error %"]
    headers += ["test error %", "none less this, pp", "seeds", "paper: test error %"]
    records = section.records
    plain = chosen(records, NONE, "test_error")
    rows = []
    for name in NAMES:
        of, metric = (NONE, f"{CRITERION}_validation_error") if name == STOPPED else (
            name, "validation_error",
        )  # fmt: skip
        place = best(records, "candidate", metric, arm=of).value
        test = chosen(records, name, "test_error")
        if not test:
            continue
        train = "" if name == STOPPED else shown(records, name, "train_error")
        words = settings(records, of, place)
        words += f", {CRITERIA[CRITERION]}" if name == STOPPED else ""
        trials = len(groups(arm(records, arm=of), ("candidate",)))
        row = [name, words, trials, shown(records, name, "validation_error"), train]
        row += [mean_interval([*test.values()]), paired_difference(plain, test), len(test)]
        rows.append([*row, published(section.reference, "test_error", name)])
    return headers, rows


def draw_arms(section: Section, figure) -> None:
    """Test error of every seed, mean with interval, and the paper's value in grey."""
    figure.set_size_inches(11, 5)
    axes = figure.subplots()
    names = [name for name in NAMES if chosen(section.records, name, "test_error")]
    for place, name in enumerate(names):
        seeds = [*chosen(section.records, name, "test_error").values()]
        axes.plot([place] * len(seeds), seeds, "o", color="tab:blue", alpha=0.3)
        interval = mean_interval(seeds)
        half = interval.half if interval.count > 1 else 0
        axes.errorbar([place], [interval.mean], yerr=[half], marker="_", capsize=6, color="black")
        paper = section.reference.values["test_error"].get(name) if section.reference else None
        if paper is not None:
            axes.plot([place], [paper], "s", color=GREY)
    axes.plot([], [], "s", color=GREY, label="paper, Table 9")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set(ylabel="test error %", ylim=(0, None))
    axes.legend()


def tuning_table(section: Section) -> Table:
    """A row for each trial of each arm: its settings and validation error; the chosen is marked."""
    headers = ["trial", "regularizer", "settings", "validation error %", "seeds"]
    rows = []
    for name in ARMS:
        found = arm(section.records, arm=name)
        place = best(found, "candidate").value
        for (candidate,), one in groups(found, ("candidate",)).items():
            errors = mean_interval([*values(one, "validation_error", GUESSING).values()])
            mark = " (chosen)" if candidate == place else ""
            words = settings(found, name, candidate)
            rows.append([candidate, name, words, f"{errors}{mark}", errors.count])
    return headers, rows


def draw_tuning(section: Section, figure) -> None:
    """Validation error by learning rate for each arm; a ring marks the chosen trial."""
    figure.set_size_inches(11, 5.5)
    axes = figure.subplots()
    for place, name in enumerate(ARMS):
        found = arm(section.records, arm=name)
        points = {}
        for (candidate,), one in groups(found, ("candidate",)).items():
            errors = [*values(one, "validation_error", GUESSING).values()]
            points[candidate] = (one[0].trial.params["learning_rate"], float(np.mean(errors)))
        if not points:
            continue
        colour = f"C{place % 10}"
        line = sorted(points.values())
        style = {"color": colour, "linestyle": "--" if place > 9 else "-", "marker": "o"}
        axes.plot(*zip(*line, strict=True), label=name, **style)
        ring = {"marker": "o", "markersize": 13, "fillstyle": "none", "linestyle": "none"}
        x, y = points[best(found, "candidate").value]
        axes.plot([x], [y], color=colour, **ring)
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation error %")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.legend(fontsize="small", title="ring: chosen on validation images", ncols=2)


def stopping_table(section: Section) -> Table:
    """A row for each criterion of the unregularized network, at the rate chosen for it."""
    headers = ["stopped by", "learning rate", "after updates", "test error %", "test loss"]
    headers += ["not stopped less this: error, pp", "loss", "seeds"]
    records = section.records
    full = {m: chosen(records, NONE, m) for m in ("test_error", "test_loss")}
    rate = _rate(records, "validation_error")
    updates = next((record.trial.params["updates"] for record in records), "")
    first: list[Any] = ["not stopped", rate, updates]
    first += [mean_interval([*full["test_error"].values()]), _fine(full["test_loss"])]
    rows: list[list[Any]] = [[*first, "", "", len(full["test_error"])]]
    for name, title in CRITERIA.items():
        error, loss, at = (
            chosen(records, STOPPED, metric, name)
            for metric in ("test_error", "test_loss", "stopped_at")
        )
        gain = paired_difference(full["test_error"], error)
        row: list[Any] = [title, _rate(records, f"{name}_validation_error")]
        row += [round(float(np.mean([*at.values()]))) if at else "-"]
        row += [mean_interval([*error.values()]), _fine(loss), gain]
        lower = {k: full["test_loss"][k] - loss[k] for k in loss.keys() & full["test_loss"].keys()}
        rows.append([*row, _fine(lower), len(error)])
    return headers, rows


def _rate(records: Sequence[Record], metric: str) -> Any:
    place = best(records, "candidate", metric, arm=NONE).value
    found = arm(records, arm=NONE, candidate=place)
    return found[0].trial.params["learning_rate"] if found else "-"


def _fine(by_seed: dict[int, float]) -> str:
    """A mean of losses with its interval, to four decimals."""
    interval = mean_interval([*by_seed.values()])
    if interval.count < 2:
        return f"{interval.mean:.4f}" if interval.count else "-"
    return f"{interval.mean:z.4f} ± {interval.half:.4f}"


def draw_stopping(section: Section, figure) -> None:
    """Validation loss by update at each learning rate of the unregularized network."""
    figure.set_size_inches(11, 4.8)
    by_loss, by_error = figure.subplots(1, 2)
    found = groups(arm(section.records, arm=NONE), ("learning_rate",))
    for axes, name in ((by_loss, "validation_loss"), (by_error, "validation_error")):
        for (rate,), one in found.items():
            curves = [r.curves[name] for r in one if r.status == "ok" and name in r.curves]
            if curves:
                axes.plot(
                    one[0].curves["updates"],
                    np.mean(curves, axis=0),
                    label=f"learning rate {rate:g}",
                )
        axes.set(xlabel="updates", ylabel=f"{name.replace('_', ' ')}, no regularizer", yscale="log")
        axes.legend(fontsize="small")


def weights_table(section: Section) -> Table:
    """A row for each arm: small weights, effective weights, and inputs that matter."""
    headers = ["regularizer", "weights below .001 %", "effective weights %"]
    headers += ["inputs with 90 % of the importance", "seeds"]
    rows = []
    for name in ARMS:
        found = [
            shown(section.records, name, metric)
            for metric in ("small_weights", "effective_weights", "inputs")
        ]
        if found[0].count:
            rows.append([name, *found, found[0].count])
    return headers, rows


def draw_weights(section: Section, figure) -> None:
    """Histograms of log10 |w|, and L1's and L2's share of small weights by strength."""
    figure.set_size_inches(11, 4.8)
    histogram, shares = figure.subplots(1, 2)
    lows = [low / 2 for low in range(-16, 2)]
    for name in WEIGHTED:
        bins = {low: chosen(section.records, name, f"weights_{low:g}") for low in lows}
        drawn = {low: float(np.mean([*one.values()])) for low, one in bins.items() if one}
        histogram.step([*drawn], [*drawn.values()], where="post", label=name)
    histogram.set(xlabel="log10 of |w|, left: all below", ylabel="% of the weights", yscale="log")
    histogram.legend(fontsize="small")
    for name, strength in (("L1", "l1"), ("L2", "l2")):
        points = {
            one: float(np.mean([*values(found, "small_weights").values()]))
            for (one,), found in groups(arm(section.records, arm=name), (strength,)).items()
            if values(found, "small_weights")
        }
        shares.plot([*points], [*points.values()], "o-", label=name)
    shares.set(xscale="log", xlabel="strength", ylabel="% of the weights below .001")
    shares.legend(fontsize="small")
