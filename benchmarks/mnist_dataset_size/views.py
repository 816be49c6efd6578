"""Table and figure of mnist_dataset_size: errors with and without dropout, and the paired gain."""

from collections.abc import Iterable

from benchmarks.harness.references import Reference
from benchmarks.harness.results.tables import cell, published
from benchmarks.harness.spec import Record
from benchmarks.harness.stats import mean_interval
from benchmarks.harness.views import GUESSING, Section, Table, arm, groups, values

WITH, WITHOUT, TWIN = "dropout", "none", "none, L2"
COLOURS = {WITH: "tab:blue", WITHOUT: "tab:orange", TWIN: "tab:red"}


def gain(records: Iterable[Record], size: int, without: str = WITHOUT) -> dict[int, float]:
    """By repetition, the test error without dropout minus the test error with dropout.

    Args:
        records: of any arms.
        size: the number of training images.
        without: the arm without dropout, `WITHOUT` or the paper's `TWIN`.
    """
    records = list(records)
    plain, dropped = (
        values(records, "test_error", diverged=GUESSING, arm=name, train_size=size)
        for name in (without, WITH)
    )
    return {seed: plain[seed] - dropped[seed] for seed in plain.keys() & dropped.keys()}


def gap(records: Iterable[Record], name: str, size: int) -> dict[int, float]:
    """By repetition, test error minus training error of an arm, for the runs that converged."""
    records = list(records)
    test, train = (
        values(records, metric, arm=name, train_size=size)
        for metric in ("test_error", "train_error")
    )
    return {seed: test[seed] - train[seed] for seed in test}


def arms(section: Section) -> list[str]:
    """The arms that were run. Earlier records have no twin."""
    return [name for name in COLOURS if arm(section.records, arm=name)]


def table(section: Section) -> Table:
    """One row for each size: the errors of all arms, the gains of dropout, the paper's values."""
    reference, names = section.reference, arms(section)
    plain = [name for name in names if name != WITH]
    headers = ["training images", *(f"{name}: test error %" for name in names)]
    headers += [f"paired gain over {name} pp" for name in plain]
    headers += [f"{name}: test - train pp" for name in names]
    headers += ["seeds", "paper: dropout %", "paper: none %", "paper: gain pp"]
    rows = []
    for (size,), of_size in groups(section.records, ("train_size",)).items():
        gains = [gain(of_size, size, name) for name in plain]
        rows.append(
            [
                f"{size:,}",
                *(cell(arm(of_size, arm=name), "test_error") for name in names),
                *(mean_interval([*pairs.values()]) for pairs in gains),
                *(mean_interval([*gap(of_size, name, size).values()]) for name in names),
                max(map(len, gains), default=0),
                *(published(reference, name, size) for name in (WITH, WITHOUT)),
                f"{published_gain(reference)[size]:.2f}"
                if size in published_gain(reference)
                else "-",
            ]
        )
    return headers, rows


def published_gain(reference: Reference | None) -> dict[float, float]:
    """The paper's errors without dropout minus its errors with dropout, by size.

    The paper has no paired interval.
    """
    if reference is None:
        return {}
    plain, dropped = reference.values[WITHOUT], reference.values[WITH]
    return {size: plain[size] - dropped[size] for size in plain}


def draw(section: Section, figure) -> None:
    """Draw the errors as in the paper's Fig. 10, the paired gain, and test minus training error."""
    from benchmarks.harness.results.plots import draw_means  # matplotlib

    figure.set_size_inches(15, 4.6)
    errors, gains, gaps = figure.subplots(1, 3)
    by_size = {
        size: of_size for (size,), of_size in groups(section.records, ("train_size",)).items()
    }
    _published(section.reference, errors, gains)
    for name in arms(section):
        test = {
            size: [*values(of_size, "test_error", arm=name).values()]
            for size, of_size in by_size.items()
        }
        above = {size: [*gap(of_size, name, size).values()] for size, of_size in by_size.items()}
        draw_means(errors, test, label=name, color=COLOURS[name])
        draw_means(gaps, above, label=name, color=COLOURS[name])
    for name in arms(section):
        if name != WITH:
            pairs = {
                size: [*gain(of_size, size, name).values()] for size, of_size in by_size.items()
            }
            draw_means(gains, pairs, label=f"over {name}, paired", color=COLOURS[name])
    gains.axhline(0, color="black", linewidth=0.8)
    for axes, title in (
        (errors, "test error %"),
        (gains, "gain of dropout, pp of test error"),
        (gaps, "test less training error, pp"),
    ):
        axes.set_xscale("log")
        axes.set_xticks([*by_size], [f"{size:,}" for size in by_size], rotation=30)
        axes.minorticks_off()
        axes.set(xlabel="training images", ylabel=title)
        axes.legend(fontsize="small")


def _published(reference: Reference | None, errors, gains) -> None:
    """Draw the paper's values in grey, behind the measured ones."""
    if reference is None:
        return
    grey = {"color": "grey", "alpha": 0.7, "zorder": 1, "markersize": 4, "capsize": 3}
    for name, line in ((WITH, "-"), (WITHOUT, "--")):
        heights = reference.values[name]
        errors.errorbar(
            [*heights],
            [*heights.values()],
            yerr=[reference.spreads[name][size] for size in heights],
            label=f"paper, {name}",
            marker="s",
            linestyle=line,
            **grey,
        )
    paper = published_gain(reference)
    gains.plot(
        [*paper], [*paper.values()], "s--", color="grey", alpha=0.7, markersize=4, label="paper"
    )
