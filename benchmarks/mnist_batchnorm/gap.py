"""The gap between test and training error with batch normalization, dropout, both and neither.

Ioffe and Szegedy (2015), section 3.4: in a network with BN dropout can be removed or reduced. The
paper shows it on ImageNet only, so network, training set and dropout rate are ours: a ReLU network
on few images, where there is something to regularise. The learning rate is tuned for each arm.
"""

from collections.abc import Sequence

from benchmarks.harness import profiles
from benchmarks.harness.claims import Claim, Verdict, provided, within
from benchmarks.harness.effects import Effects
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.results.tables import cell
from benchmarks.harness.spec import Params, Record, without
from benchmarks.harness.stats import mean_interval, paired_difference
from benchmarks.harness.tuning import at_best, best
from benchmarks.harness.views import Section, Table, View, arm
from benchmarks.mnist_batchnorm import network, tuned
from benchmarks.mnist_batchnorm.network import BEFORE, NONE

PLAIN, DROPOUT, BN, BOTH = "neither", "dropout", "BN", "BN and dropout"
ARMS = {PLAIN: (NONE, False), DROPOUT: (NONE, True), BN: (BEFORE, False), BOTH: (BEFORE, True)}
TRAINED = 1.0  # % of training error that an arm without dropout must end below: a bound of ours


def grid(settings: Params) -> list[Params]:
    shared = without(settings, "learning_rates", "keep")
    return [
        {
            **shared,
            "arm": name,
            "norm": norm,
            "keep": settings["keep"] if dropped else 1.0,
            "learning_rate": rate,
        }
        for name, (norm, dropped) in ARMS.items()
        for rate in settings["learning_rates"]
    ]


def structure(params: Params) -> Params:
    """Arms with and without dropout are one computation: the one keeps every unit."""
    return {k: v for k, v in network.structure(params).items() if k != "arm"}


def chosen(records: Sequence[Record], name: str, metric: str) -> dict[int, float]:
    """By repetition, a metric of an arm at its tuned learning rate."""
    return at_best(records, metric, diverged=None, arm=name)


def gap(records: Sequence[Record], name: str) -> dict[int, float]:
    """By repetition, test error less training error of an arm at its tuned learning rate."""
    test, train = (chosen(records, name, metric) for metric in ("test_error", "train_error"))
    return {key: test[key] - train[key] for key in test.keys() & train.keys()}


def gain(records: Sequence[Record], without: str, with_dropout: str) -> dict[int, float]:
    """By repetition, the test error that dropout takes off."""
    plain, dropped = (chosen(records, name, "test_error") for name in (without, with_dropout))
    return {key: plain[key] - dropped[key] for key in plain.keys() & dropped.keys()}


def judge(records: Sequence[Record]) -> Verdict:
    """The gap is smaller with BN, and dropout gains less with BN than without.

    Both networks without dropout must have learned their training set.
    """
    trained = [
        within(
            f"training error, {name}",
            mean_interval([*chosen(records, name, "train_error").values()]),
            "%",
            high=TRAINED,
        )
        for name in (PLAIN, BN)
    ]
    narrower = paired_difference(gap(records, PLAIN), gap(records, BN))
    less = paired_difference(gain(records, PLAIN, DROPOUT), gain(records, BN, BOTH))
    return provided(
        trained,
        [
            within("test less training error, neither less BN", narrower, "pp", low=0),
            within("gain of dropout, without BN less with BN", less, "pp", low=0),
        ],
    )


def expected(params: Params, effect: float) -> dict[str, float]:
    """BN takes half a point off the gap, and half a point off the gain of dropout."""
    learned = {PLAIN: 5.0, DROPOUT: 4.0, BN: 5.0 - 0.5 * effect, BOTH: 4.0}
    test = learned[params["arm"]]
    tuned_for = 0.0 if params["learning_rate"] == 0.1 else 1.0
    return {"train_error": 0.1, "test_error": test, "validation_error": test + tuned_for}


def table(section: Section) -> Table:
    """A row for each arm at its tuned learning rate, and what dropout gains there."""
    headers = ["arm", "learning rate", "train error %", "test error %", "test - train pp"]
    headers += ["gain of dropout pp", "seeds"]
    rows = []
    for name in ARMS:
        rate = best(section.records, arm=name)
        found = arm(section.records, arm=name, learning_rate=rate.value)
        if not found:
            continue
        gains = {DROPOUT: (PLAIN, DROPOUT), BOTH: (BN, BOTH)}.get(name)
        gained = mean_interval([*gain(section.records, *gains).values()]) if gains else ""
        rows.append(
            [
                name,
                f"{rate}",
                cell(found, "train_error"),
                cell(found, "test_error"),
                mean_interval([*gap(section.records, name).values()]),
                gained,
                len(found),
            ]
        )
    return headers, rows


def draw(section: Section, figure) -> None:
    """Test error, and test less training error, of each arm: every seed and the mean."""
    figure.set_size_inches(10, 4.6)
    for axes, title, found in zip(
        figure.subplots(1, 2),
        ("test error %", "test less training error, pp"),
        (
            {name: chosen(section.records, name, "test_error") for name in ARMS},
            {name: gap(section.records, name) for name in ARMS},
        ),
        strict=True,
    ):
        for place, seeds in enumerate(found.values()):
            axes.plot([place] * len(seeds), [*seeds.values()], "o", color="tab:blue", alpha=0.3)
            interval = mean_interval([*seeds.values()])
            half = interval.half if interval.count > 1 else 0
            axes.errorbar(
                [place], [interval.mean], yerr=[half], marker="_", capsize=6, color="black"
            )
        axes.set_xticks(range(len(found)), [*found])
        axes.set(ylabel=title, ylim=(0, None))


EXPERIMENT = Experiment(
    name="batchnorm_gap",
    version=1,
    summary="test and training error with batch normalization, dropout, both and neither",
    profiles=profiles.load("batchnorm_gap"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(build=network.build, optimizer=network.optimizer, structure=structure),
    views=(
        View(
            axis="arm",
            axis_title="arm",
            metrics={"test_error": "test error %", "train_error": "train error %"},
            series=("learning_rate",),
            draw=draw,
            table=table,
        ),
        tuned.view(("arm",)),
    ),
    claims=(
        Claim(
            "bn-regularises",
            "BN shrinks the gap between test and training error, and leaves dropout less to gain",
            judge,
            Effects(
                expected,
                noise={"train_error": 0.05, "test_error": 0.15, "validation_error": 0.15},
                source="the paper has no numbers for such a network: the effect is ours; noise: "
                "mnist_dataset_size at 5,000 images",
            ),
        ),
    ),
)
