"""Shows records of one experiment as text and figures. Needs no Keras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.harness import guessing, looks
from benchmarks.harness.claims import Claim, Verdict
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.results import provenance, tables
from benchmarks.harness.results.width import folded
from benchmarks.harness.spec import Record
from benchmarks.harness.views import Section, View, groups


@dataclass(frozen=True)
class Report:
    """The results of one run: one profile, data set and base seed.

    Args:
        experiment: the experiment.
        sections: its tables and figures.
        verdicts: by claim.
        powers: by claim, the % of synthetic record sets with the paper's own effect that are judged
            reproduced, if it is known for the profile.
    """

    experiment: Experiment
    sections: Sequence[Section]
    verdicts: dict[str, Verdict]
    powers: Mapping[str, float] = field(default_factory=dict)

    def text(
        self, fmt: str = "simple", figures: str | None = None, width: int | None = None
    ) -> str:
        """Tables and verdicts as plain text, or as Markdown with tabulate's format "pipe".

        Args:
            fmt: tabulate's name of the table format.
            figures: the path of the folder with the figures, empty or ending in "/". None
                (default): figures are not shown.
            width: the largest number of characters in a line of plain text. None (default): no
                limit.
        """
        parts = [_text(section, fmt, figures, width) for section in self.sections]
        if self.verdicts:
            parts.append(
                tables.verdict_table(self.experiment.claims, self.verdicts, fmt, width, self.powers)
            )
        return "\n\n".join(parts)

    def draw(self, folder: Path) -> list[Path]:
        """Write every section's figure, as PNG and SVG."""
        from benchmarks.harness.results.plots import draw  # matplotlib

        return [path for section in self.sections for path in draw(section, folder)]


def make(
    experiment: Experiment, records: Sequence[Record], powers: Mapping[str, float] | None = None
) -> Report:
    """The report of records of one profile, data set and base seed."""
    done = [guessing.checked(record) for record in records if record.done]
    sections = [
        _section(experiment, view, dict(zip(view.split_by, values, strict=True)), part)
        for view in experiment.views
        for values, part in groups(done, view.split_by, optional=True).items()
    ]
    verdicts = {claim.id: _judged(experiment, claim, done) for claim in experiment.claims}
    return Report(experiment, sections, verdicts if done else {}, powers or {})


def _judged(experiment: Experiment, claim: Claim, records: Sequence[Record]) -> Verdict:
    """The verdict on a claim; it says so if the recipe is not the paper's."""
    if not records:
        return claim.judge([])
    trial = records[0].trial
    verdict = looks.judge(claim, records, experiment.profiles[trial.profile].repetitions)
    if verdict.verdict in looks.DECIDED and tables.scaled_down(records, experiment):
        return replace(verdict, notes=("at this recipe", *verdict.notes))
    return verdict


def by_run(
    experiment: Experiment, records: Sequence[Record]
) -> dict[tuple[str, str, int], list[Record]]:
    """Groups finished records by data set, profile and base seed, which no table may mix.

    Records of an earlier version, and of settings that the profile no longer has, are left out. If
    data sets have the same title and different content, only the one with the newest record is
    kept.
    """
    runs: dict[tuple[str, str, int, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: record.finished):
        trial = record.trial
        if record.done and experiment.is_current(trial):
            run = (trial.dataset, trial.profile, trial.seed, trial.data)
            runs[run] = [*runs.pop(run, []), record]  # the newest run comes last
    return dict(sorted({run[:3]: of_run for run, of_run in runs.items()}.items()))


def _section(
    experiment: Experiment, view: View, cut: dict[str, str], records: list[Record]
) -> Section:
    trial = records[0].trial
    cut = {name: value for name, value in cut.items() if value is not None}
    cuts = [f"{name} {value}" for name, value in cut.items()]
    seed = [f"seed {trial.seed}"] if trial.seed else []  # the default seed, 0, is not named
    about = ", ".join([*cuts, f"{trial.profile} profile", *seed])
    names = [experiment.name, view.axis, *cut.values(), _slug(trial.dataset), trial.profile, *seed]
    return Section(
        view=view,
        records=records,
        title=f"{experiment.name} on {trial.dataset} ({about})",
        setting=tables.setting(trial, experiment),
        stem="-".join(map(str, names)).replace(" ", ""),
        reference=view.reference(trial.params),
        committed=experiment.profiles[trial.profile].repetitions,
    )


def notes(section: Section) -> list[str]:
    """The lines below a table: the source of the paper's values, and device and versions."""
    paper = [f"Paper: {section.reference.description}"] if section.reference else []
    return [*paper, *further_seeds(section), provenance.sentence(section.records)]


def further_seeds(section: Section) -> list[str]:
    """A sentence if there are more seeds than the profile commits."""
    run = 1 + max(record.trial.repetition for record in section.records)
    if run <= section.committed:
        return []
    return [
        f"The table has {run} seeds; the profile commits {section.committed}. Verdicts from more "
        "seeds are those of a second look."
    ]


def _text(section: Section, fmt: str, figures: str | None, width: int | None) -> str:
    table = tables.result_table(section, fmt, width)
    setting, below = folded(section.setting, width), [folded(n, width) for n in notes(section)]
    parts = [folded(section.title, width), setting, table, *below]
    if figures is not None:
        parts.append(f"![{section.title}]({figures}{section.stem}.png)")
    return "\n\n".join(parts)


def _slug(title: str) -> str:
    """A data set's title as part of a file name: "CIFAR-10 (JPEG)" gives "cifar-10-jpeg"."""
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words)
